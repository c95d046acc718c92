// SPDX-License-Identifier: Apache-2.0
#include "device/vdir_object.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "device/digest.hpp"

namespace tidegate::device {
namespace {

constexpr std::size_t depth_limit = 16;  // an alarm in an event in a calendar is 3

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

class Reader {
 public:
  explicit Reader(Kind kind) : card_(kind == Kind::contact) { out_.kind = kind; }

  /// A content line, unfolded (RFC 5545 §3.1, RFC 6350 §3.2).
  void line(std::string_view text, std::size_t number) {
    number_ = number;
    const auto colon = text.find(':');
    auto name = text.substr(0, std::min(text.find(';'), colon));
    name.remove_prefix(name.rfind('.') + 1);  // "item1.UID": a group
    const auto value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    const auto word = upper(name);
    if (word == "BEGIN") return begin(upper(value));
    if (word == "END") return end(upper(value));
    if (open_.empty() && !text.empty()) wrong("before BEGIN or behind END there is text");
    if (word != "UID") return;
    if (first_.empty()) first_ = value;
    if (in_object()) uid(value);
  }
  VdirObject finish() {
    if (!open_.empty()) wrong("END:" + open_.back() + " is missing");
    if (objects_ == 0) wrong(card_ ? "there is no card in it" : "there is no event, task or note in it");
    if (out_.uid.empty()) {
      wrong("it has no UID");
      out_.uid = first_;  // where it should not be: a name all the same
    }
    return std::move(out_);
  }

 private:
  bool in_object() const { return open_.size() == (card_ ? 1U : 2U) && open_.back() != "VTIMEZONE"; }
  void begin(std::string name) {
    if (open_.size() == depth_limit) return wrong("components lie too deep in each other");
    if (open_.empty() && name != (card_ ? "VCARD" : "VCALENDAR"))
      wrong(card_ ? "it is not a card" : "it is not a calendar object");
    if (open_.empty() && ++roots_ > 1) wrong(card_ ? "it holds more than one card" : "it holds more than one calendar");
    open_.push_back(std::move(name));
    if (!in_object()) return;
    const auto& inner = open_.back();
    if (++objects_ == 1 && !card_)
      out_.kind = inner == "VTODO" ? Kind::task : inner == "VJOURNAL" ? Kind::note : Kind::event;
  }
  void end(const std::string& name) {
    if (open_.empty() || open_.back() != name) return wrong("END:" + name + " has no BEGIN");
    open_.pop_back();
  }
  void uid(std::string_view value) {
    while (value.ends_with(' ')) value.remove_suffix(1);
    if (out_.uid.empty())
      out_.uid = value;
    else if (out_.uid != value)
      wrong("it holds more than one object; each needs a file of its own");
  }
  void wrong(const std::string& what) {
    if (out_.wrong.empty()) out_.wrong = fmt::format("line {}: {}", number_, what);
  }

  bool card_;
  VdirObject out_;
  std::vector<std::string> open_;
  std::string first_;
  std::size_t number_ = 0, roots_ = 0, objects_ = 0;
};

}  // namespace

VdirObject read_object(View content, Kind kind) {
  Reader reader(kind);
  Digest digest;
  std::string text;
  std::size_t number = 0, began = 1;
  const auto take = [&] {
    digest.add(text);
    digest.add("\n");
    reader.line(text, began);
  };
  if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);
  while (!content.empty()) {
    const auto end = content.find('\n');
    auto line = content.substr(0, end);
    content.remove_prefix(end == View::npos ? content.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number;
    if (number > 1 && (line.starts_with(' ') || line.starts_with('\t'))) {
      text += line.substr(1);
      continue;
    }
    if (number > 1 && !text.empty()) take();
    text = line;
    began = number;
  }
  if (!text.empty()) take();
  auto out = reader.finish();
  out.canonical = digest.finish();
  return out;
}

}  // namespace tidegate::device
