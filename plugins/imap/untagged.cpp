// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/untagged.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tidegate::imap {
namespace {

constexpr std::string_view overflow = "OK [NOTIFICATIONOVERFLOW";
constexpr std::array words = {std::string_view("STATUS "),
                              std::string_view("VANISHED "),
                              std::string_view("LIST "),
                              std::string_view("NAMESPACE "),
                              std::string_view("ENABLED"),
                              std::string_view("ID "),
                              overflow};
constexpr std::array counts = {std::string_view(" EXISTS"), std::string_view(" EXPUNGE")};
constexpr std::size_t id_most = 512;

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string changed(std::string_view text, char (*how)(char)) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), how);
  return out;
}

/// Walks over one response (RFC 3501 §9).
class Cursor {
 public:
  explicit Cursor(std::string_view text) : left_(text) {}

  bool eat(std::string_view word) {
    if (left_.size() < word.size() || !std::ranges::equal(left_.substr(0, word.size()), word, {}, upper, upper)) {
      return false;
    }
    left_.remove_prefix(word.size());
    return true;
  }
  void blanks() {
    while (left_.starts_with(' ')) left_.remove_prefix(1);
  }
  bool at_end() const { return left_.empty(); }
  std::string_view rest() const { return left_; }

  template <class Number>
  bool number(Number& out) {
    const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), out);
    if (error != std::errc{}) return false;
    left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
    return true;
  }
  std::string_view atom() {
    const auto end = std::min(left_.find_first_of(" ()"), left_.size());
    const auto out = left_.substr(0, end);
    left_.remove_prefix(end);
    return out;
  }
  std::optional<std::string> string() {  // quoted or literal
    if (eat("\"")) return quoted();
    std::uint64_t length = 0;
    if (!eat("{") || !number(length) || !eat("}\r\n") || length > left_.size()) return std::nullopt;
    std::string out(left_.substr(0, length));
    left_.remove_prefix(length);
    return out;
  }
  std::optional<std::string> astring() {
    if (left_.starts_with('"') || left_.starts_with('{')) return string();
    const auto word = atom();
    if (word.empty()) return std::nullopt;
    return std::string(word);
  }

 private:
  std::optional<std::string> quoted() {
    std::string out;
    for (std::size_t i = 0; i < left_.size(); ++i) {
      if (left_[i] == '"') {
        left_.remove_prefix(i + 1);
        return out;
      }
      if (left_[i] == '\\') ++i;
      if (i == left_.size()) break;
      out += left_[i];
    }
    return std::nullopt;
  }
  std::string_view left_;
};

// "(" attributes ")" SP delimiter SP mailbox [SP extended] (RFC 3501 §7.2.2, RFC 5258 §6).
std::optional<Untagged> list(Cursor in) {
  Listing out;
  if (!in.eat("(")) return std::nullopt;
  for (in.blanks(); !in.eat(")"); in.blanks()) {
    std::string word = changed(in.atom(), lower);
    if (word.empty()) return std::nullopt;
    if (word.starts_with('\\')) word.erase(0, 1);
    if (word == "nonexistent" || word == "noselect") out.selectable = false;  // RFC 5258 §3
    out.attributes.push_back(std::move(word));
  }
  in.blanks();
  if (!in.eat("NIL")) {
    const auto delimiter = in.string();
    if (!delimiter || delimiter->size() != 1) return std::nullopt;
    out.delimiter = delimiter->front();
  }
  in.blanks();
  const bool plain = !in.rest().starts_with('"') && !in.rest().starts_with('{');
  if (plain && in.rest().find('(') == std::string_view::npos) {
    out.name = in.rest();  // some servers forget the quotes around a name with blanks
    while (out.name.ends_with(' ')) out.name.pop_back();
  } else if (auto name = in.astring()) {
    out.name = std::move(*name);
  } else {
    return std::nullopt;
  }
  return out.name.empty() ? std::nullopt : std::optional<Untagged>(std::move(out));
}

// mailbox SP "(" {name SP value} ")" (RFC 3501 §7.2.4; HIGHESTMODSEQ: RFC 7162 §3.1.7).
std::optional<Untagged> status(Cursor in) {
  FolderStatus out;
  auto name = in.astring();
  if (!name) return std::nullopt;
  out.name = std::move(*name);
  in.blanks();
  if (!in.eat("(")) return std::nullopt;
  for (in.blanks(); !in.eat(")"); in.blanks()) {
    const std::string key = changed(in.atom(), upper);
    in.blanks();
    std::uint64_t value = 0;
    if (key.empty() || in.at_end()) return std::nullopt;
    if (!in.number(value) && in.atom().empty()) return std::nullopt;  // NIL, or more than 64 bits: 0
    if (key == "MESSAGES") out.state.exists = static_cast<std::uint32_t>(std::min<std::uint64_t>(value, UINT32_MAX));
    if (key == "UIDNEXT") out.state.uidnext = std::min<std::uint64_t>(value, std::uint64_t{UINT32_MAX} + 1);
    if (key == "UIDVALIDITY" && value <= UINT32_MAX) out.state.uidvalidity = static_cast<std::uint32_t>(value);
    if (key == "HIGHESTMODSEQ") out.state.modseq = value;
  }
  return out;
}

// ["(EARLIER)" SP] uid-set without "*" (RFC 7162 §3.2.10).
std::optional<Untagged> vanished(Cursor in) {
  Vanished out;
  out.earlier = in.eat("(EARLIER)");
  in.blanks();
  std::vector<Run> runs;
  do {
    Run run;
    if (!in.number(run.first)) return std::nullopt;
    run.last = run.first;
    if (in.eat(":") && !in.number(run.last)) return std::nullopt;
    if (run.first > run.last) std::swap(run.first, run.last);
    if (run.first == 0) return std::nullopt;
    runs.push_back(run);
  } while (in.eat(","));
  in.blanks();
  if (!in.at_end()) return std::nullopt;
  out.uids = UidSet::of_runs(std::move(runs));
  return out;
}

bool namespaces_of(Cursor& in, std::vector<Namespace>& out) {
  in.blanks();
  if (in.eat("NIL")) return true;
  if (!in.eat("(")) return false;
  while (in.eat("(")) {
    Namespace one;
    auto prefix = in.string();
    in.blanks();
    if (!prefix) return false;
    one.prefix = std::move(*prefix);
    if (!in.eat("NIL")) {
      const auto delimiter = in.string();
      if (!delimiter || delimiter->size() > 1) return false;
      if (!delimiter->empty()) one.delimiter = delimiter->front();
    }
    // Extensions, a name and a list each, say nothing to us.
    for (int depth = 1; depth > 0 && !in.at_end();) {
      if (in.eat("(")) {
        ++depth;
      } else if (in.eat(")")) {
        --depth;
      } else if (in.rest().starts_with('"') || in.rest().starts_with('{')) {
        if (!in.string()) return false;
      } else if (!in.eat(" ") && in.atom().empty()) {
        return false;
      }
    }
    out.push_back(std::move(one));
  }
  return in.eat(")");
}

// RFC 2342 §5: personal, other users', shared.
std::optional<Untagged> namespaces(Cursor in) {
  Namespaces out;
  for (auto* list : {&out.personal, &out.others, &out.shared}) {
    if (!namespaces_of(in, *list)) return std::nullopt;
  }
  return out;
}

Untagged enabled(Cursor in) {
  Enabled out;
  for (in.blanks(); !in.at_end(); in.blanks()) {
    const auto word = in.atom();
    if (word.empty()) break;
    out.what.insert(changed(word, upper));
  }
  return out;
}

}  // namespace

Ours begins_ours(std::string_view head) {
  constexpr std::string_view star = "* ";
  if (head.size() <= star.size()) return star.starts_with(head) ? Ours::maybe : Ours::no;
  if (!head.starts_with(star)) return Ours::no;
  head.remove_prefix(star.size());
  const auto digits = std::min(head.find_first_not_of("0123456789"), head.size());
  if (digits == head.size()) return digits <= 10 ? Ours::maybe : Ours::no;
  const auto among = [](std::string_view text, const auto& known) {
    bool maybe = false;
    for (const std::string_view word : known) {
      const auto both = std::min(text.size(), word.size());
      if (!std::ranges::equal(text.substr(0, both), word.substr(0, both), {}, upper)) continue;
      if (text.size() >= word.size()) return Ours::yes;
      maybe = true;
    }
    return maybe ? Ours::maybe : Ours::no;
  };
  return digits > 0 ? among(head.substr(digits), counts) : among(head, words);
}

std::optional<Untagged> parse_untagged(std::string_view response) {
  while (response.ends_with('\n') || response.ends_with('\r')) response.remove_suffix(1);
  Cursor in(response);
  if (!in.eat("* ")) return std::nullopt;
  if (in.eat("STATUS ")) return status(in);
  if (in.eat("LIST ")) return list(in);
  if (in.eat("VANISHED ")) return vanished(in);
  if (in.eat("NAMESPACE ")) return namespaces(in);
  if (in.eat("ENABLED")) return enabled(in);
  if (in.eat("ID ")) return ServerId{changed(in.rest().substr(0, id_most), lower)};
  if (in.eat(overflow)) return Overflow{};
  Exists exists;
  if (!in.number(exists.count)) return std::nullopt;
  if (in.eat(" EXISTS")) return exists;
  if (in.eat(" EXPUNGE")) return Expunged{};
  return std::nullopt;
}

}  // namespace tidegate::imap
