// SPDX-License-Identifier: Apache-2.0
#include "device/display.hpp"

#include <ctime>

#include <fmt/format.h>

#include "device/digest.hpp"
#include "device/names.hpp"

namespace tidegate::device {
namespace {

template <class... F>
struct Overload : F... {
  using F::operator()...;
};

std::string_view kind_word(Kind kind) {
  switch (kind) {
    case Kind::mail:
      return "mail";
    case Kind::event:
      return "event";
    case Kind::task:
      return "task";
    case Kind::contact:
      return "contact";
    case Kind::note:
      return "note";
    case Kind::file:
      return "file";
  }
  return "item";
}

std::size_t utf8_step(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xC2 && first < 0xE0 ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  return length;
}

}  // namespace

std::string json_text(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto step = utf8_step(text);
    const auto c = static_cast<unsigned char>(text[0]);
    if (step == 0)
      out += "\xEF\xBF\xBD";
    else if (c == '"' || c == '\\')
      (out += '\\') += text[0];
    else if (c < 0x20 || c == 0x7F)
      out += fmt::format("\\u{:04x}", c);
    else
      out += text.substr(0, step);
    text.remove_prefix(std::max<std::size_t>(step, 1));
  }
  return out + '"';
}

std::string to_json(const Event& event) {
  return std::visit(
      Overload{
          [](const Arrival& a) {
            return fmt::format(
                R"({{"event":"item","folder":{},"subject":{},"from":{},"size":{},"sha256":"{}","path":{},"kind":"{}",)"
                R"("gid":"{}","live":{},"at_unix_ms":{},"at_unix_us":{}}})",
                json_text(a.folder), json_text(a.subject), json_text(a.from), a.size, hex(a.sha256), json_text(a.path),
                kind_word(a.kind), gid_text(a.gid), a.live, a.at_unix_us / 1000, a.at_unix_us);
          },
          [](const Connected& c) {
            return fmt::format(R"({{"event":"connected","relay":{},"gateway":{}}})", json_text(c.relay),
                               json_text(c.gateway));
          },
          [](const GatewayMissing& m) {
            return fmt::format(R"({{"event":"gateway_away","text":{}}})", json_text(m.text));
          },
          [](const Current&) { return std::string(R"({"event":"current"})"); },
          [](const NotCurrent& n) {
            return fmt::format(R"({{"event":"not_current","since_unix":{},"text":{},"retry_in_ms":{}}})", n.since_unix,
                               json_text(n.why.text), n.retry_in.count());
          },
          [](const Progress& p) {
            return fmt::format(R"({{"event":"backfill","folder":{},"done":{},"total":{}}})", json_text(p.folder),
                               p.done, p.total);
          },
          [](const Alarmed& a) { return fmt::format(R"({{"event":"alarm","text":{}}})", json_text(a.text)); },
          [](const DiskTrouble& d) { return fmt::format(R"({{"event":"disk","text":{}}})", json_text(d.why.text)); },
          [](const DiskFine&) { return std::string(R"({"event":"disk_fine"})"); },
          [](const Idle&) { return std::string(R"({"event":"idle"})"); },
          [](const Wiped&) { return std::string(R"({"event":"wiped"})"); },
          [](const Stopped& s) {
            return fmt::format(R"({{"event":"stopped","kind":{},"text":{}}})", json_text(to_string(s.why.kind)),
                               json_text(s.why.text));
          }},
      event);
}

std::string grouped(std::uint64_t number) {
  auto out = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(out.size()) - 3; at > 0; at -= 3)
    out.insert(static_cast<std::size_t>(at), ",");
  return out;
}

std::string size_text(std::uint64_t octets) {
  if (octets < 1024) return fmt::format("{} B", octets);
  if (octets < std::uint64_t{1} << 20) return fmt::format("{:.1f} KiB", static_cast<double>(octets) / 1024);
  return fmt::format("{:.1f} MiB", static_cast<double>(octets) / (1 << 20));
}

std::string clock_text(std::int64_t unix) {
  const auto seconds = static_cast<std::time_t>(unix);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}", parts.tm_hour, parts.tm_min);
}

std::string progress_text(const Progress& progress, unsigned width) {
  auto words =
      fmt::format("{} {} of {}, newest first", progress.folder, grouped(progress.done), grouped(progress.total));
  if (width < words.size() + 14) return words;
  const std::size_t room = std::min<std::size_t>(width - words.size() - 4, 40);
  const auto done = progress.total == 0 ? room : static_cast<std::size_t>(room * progress.done / progress.total);
  return words + " [" + std::string(done, '#') + std::string(room - done, '-') + "]";
}

std::string Screen::line(std::string text) {
  if (width_ == 0) return text + "\n";
  return "\r\x1b[K" + text + "\n" + bar_;
}

std::string Screen::show(const Event& event) {
  return std::visit(
      Overload{[&](const Arrival& a) {
                 if (!a.live && width_ != 0) return std::string();  // the bar tells of them
                 if (a.kind != Kind::mail)
                   return line(fmt::format("{}: {} {}", a.folder, kind_word(a.kind), size_text(a.size)));
                 return line(fmt::format("{}: {} from {}, {}", a.folder, a.subject.empty() ? "(no subject)" : a.subject,
                                         a.from.empty() ? "(nobody)" : a.from, size_text(a.size)));
               },
               [&](const Connected& c) { return line(fmt::format("connected to {} through {}", c.gateway, c.relay)); },
               [&](const GatewayMissing& m) { return line(m.text); },
               [&](const Current&) { return line("current: new messages come as they arrive"); },
               [&](const NotCurrent& n) {
                 auto text =
                     n.since_unix == 0 ? std::string("not current") : "not current since " + clock_text(n.since_unix);
                 text += ": " + n.why.text;
                 if (n.retry_in.count() > 0) text += fmt::format(" (in {} s)", (n.retry_in.count() + 999) / 1000);
                 return line(std::move(text));
               },
               [&](const Progress& p) {
                 if (width_ != 0) {
                   bar_ = p.done >= p.total ? std::string() : progress_text(p, width_ - 1);
                   return "\r\x1b[K" + bar_;
                 }
                 // Without a terminal: a line a tenth.
                 const auto tenth = p.total == 0 ? 10 : p.done * 10 / p.total;
                 if (p.folder == last_folder_ && tenth == last_tenth_) return std::string();
                 last_folder_ = p.folder;
                 last_tenth_ = tenth;
                 return line(progress_text(p, 0));
               },
               [&](const Alarmed& a) { return line("attention: " + a.text); },
               [&](const DiskTrouble& d) {
                 return line("the disk: " + d.why.text + " Nothing is lost; going on when it works again.");
               },
               [&](const DiskFine&) { return line("the disk works again"); },
               [&](const Idle&) { return std::string(); },
               [&](const Wiped&) {
                 return line("this device's account data were erased, as the account's owner or administrator asked");
               },
               [&](const Stopped& s) { return line("stopped: " + s.why.text); }},
      event);
}

}  // namespace tidegate::device
