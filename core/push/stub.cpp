// SPDX-License-Identifier: Apache-2.0
#include "core/push/stub.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/e2e/gid_text.hpp"
#include "core/e2e/stub_mark.hpp"

namespace tidegate::push {
namespace {

constexpr std::size_t piece = 8192;  // of a line without end; longer than any line that could mean something
static_assert(piece % 4 == 0, "what is cut between two pieces of base64 stays whole groups");
constexpr std::size_t part_header_most = std::size_t{16} << 10;
constexpr std::size_t depth_most = 16;
constexpr std::size_t named_most = 32;
constexpr std::size_t line_of_base64 = 76;

bool is_empty_line(View line) { return line == "\r\n" || line == "\n"; }

View without_eol(View text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::string about(std::uint64_t octets, bool base64) {
  if (base64) octets = octets / 78 * 57;  // lines of 76 and their ends
  if (octets < 1024) return fmt::format("{} octets", octets);
  return octets < 1024 * 1024 ? fmt::format("about {} KiB", octets / 1024)
                              : fmt::format("about {}.{} MiB", octets >> 20, (octets >> 10) % 1024 * 10 / 1024);
}

/// As much of a base64 body as is whole groups of four, lines and all: something may follow it.
View whole_groups(View body) {
  std::size_t characters = 0, good = 0;
  for (std::size_t at = 0; at < body.size();) {
    const auto end = std::min(body.find('\n', at), body.size() - 1) + 1;
    const auto line = without_eol(body.substr(at, end - at));
    if (line.find('=') != View::npos) break;
    characters += line.size();
    at = end;
    if (characters % 4 == 0) good = at;
  }
  return body.substr(0, good);
}

Bytes in_lines(View text, View eol) {
  Bytes out;
  for (std::size_t at = 0; at < text.size(); at += line_of_base64)
    out += Bytes(text.substr(at, line_of_base64)).append(eol);
  return out;
}

}  // namespace

void Stub::add(tidegate::View octets) {
  // To the octet, so that the same mail gives the same stub in whatever pieces it comes.
  const auto left = look_most - std::min(seen_, look_most);
  seen_ += octets.size();
  octets = octets.substr(0, left);
  while (!octets.empty() && !enough_) {
    const auto end = octets.find('\n');
    const auto part = octets.substr(0, std::min(end == View::npos ? end : end + 1, piece - line_.size()));
    octets.remove_prefix(part.size());
    line_ += part;
    const bool whole = line_.ends_with('\n');
    if (!whole && line_.size() < piece) break;
    take(line_, line_begins_);
    line_.clear();
    line_begins_ = whole;
  }
  enough_ |= seen_ >= look_most;
}

void Stub::take(tidegate::View line, bool begins) {
  if (begins && line.starts_with("--") && !boundaries_.empty() && delimiter(line)) return;
  switch (state_) {
    case State::header:
      return header_line(line, begins, header_, header_most);
    case State::part_header:
      return header_line(line, begins, part_header_, part_header_most);
    case State::leaf:
      text_line(plain_, line);
      enough_ |= plain_.cut;
      return;
    case State::part_body:
      if (keeping_ != nullptr)
        text_line(*keeping_, line);
      else if (more_left_out_ == 0)
        left_out_.back().octets += line.size();
      return;
    case State::outside:
      return;
  }
}

/// A line that begins with two dashes: whether it ends or begins a part, of the innermost multipart that it fits.
bool Stub::delimiter(tidegate::View line) {
  line = line.substr(2);
  while (!line.empty() && static_cast<unsigned char>(line.back()) <= ' ') line.remove_suffix(1);
  for (auto depth = boundaries_.size(); depth-- > 0;) {
    if (!line.starts_with(boundaries_[depth])) continue;
    const auto rest = line.substr(boundaries_[depth].size());
    if (!rest.empty() && rest != "--") continue;
    end_part();
    boundaries_.resize(depth + (rest.empty() ? 1 : 0));
    part_header_.clear();
    state_ = rest.empty() ? State::part_header : State::outside;
    enough_ |= boundaries_.empty();
    return true;
  }
  return false;
}

void Stub::header_line(tidegate::View line, bool begins, Bytes& header, std::size_t most) {
  const bool top = state_ == State::header;
  const bool ends = begins && is_empty_line(line);
  if (header.size() + line.size() > most) {  // nobody writes such a header; what came of it is kept
    if (top && !header.ends_with('\n')) header += eol_;
    if (top) header_cut_ = enough_ = true;
    if (top) top_ = mime::read_part_header(header);
    if (!top) part_header_.clear();
    if (!top) begin_part();
    return;
  }
  header += line;
  if (!ends) return;
  if (!top) return begin_part();
  eol_ = line == "\n" ? View("\n") : View("\r\n");
  top_ = mime::read_part_header(header);
  if (top_.multipart()) {
    boundaries_.push_back(top_.boundary);
    state_ = State::outside;
    return;
  }
  state_ = State::leaf;
  attachments_ = !top_.text();
  enough_ |= attachments_ || !always_ || top_.encoding == mime::Encoding::unknown;
}

void Stub::begin_part() {
  const bool cut = part_header_.empty();
  part_ = mime::read_part_header(part_header_);
  state_ = State::part_body;
  if (!cut && part_.multipart() && boundaries_.size() < depth_most) {
    boundaries_.push_back(part_.boundary);
    state_ = State::outside;
    return;
  }
  auto* kept = part_.subtype == "plain"      ? &plain_
               : part_.subtype == "html"     ? &html_
               : part_.subtype == "calendar" ? &calendar_
                                             : nullptr;
  if (!cut && part_.text() && kept != nullptr && !kept->found) {
    *kept = {.header = part_header_, .body = {}, .found = true};
    keeping_ = kept;
    return;
  }
  attachments_ |= cut || !part_.text();
  if (left_out_.size() == named_most)
    ++more_left_out_;
  else
    left_out_.push_back({.type = part_.type + "/" + part_.subtype,
                         .name = part_.name,
                         .octets = 0,
                         .base64 = part_.encoding == mime::Encoding::base64});
}

void Stub::end_part() {
  if (state_ != State::part_body) return;
  if (keeping_ != nullptr)  // the end of the last line belongs to the delimiter
    keeping_->body.resize(without_eol(keeping_->body).size());
  else if (more_left_out_ == 0)
    left_out_.back().whole = true;
  keeping_ = nullptr;
}

void Stub::text_line(Kept& kept, tidegate::View line) {
  if (kept.cut) return;
  kept.cut = kept.body.size() + line.size() > text_most;
  if (!kept.cut) kept.body += line;
}

std::optional<Bytes> Stub::finish(std::uint64_t size) {
  if (!enough_ && !line_.empty()) take(line_, line_begins_);
  line_.clear();
  if (size <= look_most) end_part();
  if (state_ == State::header && !header_cut_) return std::nullopt;
  if (!always_ && !attachments_) return std::nullopt;
  auto made = top_.multipart() ? as_part(size) : as_leaf(size);
  if (made.size() >= size) return std::nullopt;
  return made;
}

/// For people, in plain ASCII and without a sign that quoted-printable or HTML could take for its own.
Bytes Stub::note(std::uint64_t size, tidegate::View begin, tidegate::View mark) const {
  Bytes out(begin);
  if (!mark.empty()) out += Bytes(mark).append(eol_).append(eol_);
  out += fmt::format("Tidegate left out a part of this message, which has {} octets.{}", size, eol_);
  out += fmt::format("To get all of it: tidegate-device fetch {}{}", e2e::gid_text(gid_), eol_);
  return out;
}

Bytes Stub::as_part(std::uint64_t size) const {
  const auto& text = plain_.found ? plain_ : html_;
  const auto delimiter_line = fmt::format("--{}{}", top_.boundary, eol_);
  Bytes body, rest;
  // One message holds a stub: what a calendar object takes is left by header and text.
  const bool calendar = calendar_.found && !calendar_.cut &&
                        header_.size() + text.body.size() + calendar_.body.size() <= header_most + text_most;
  if (text.found) body = delimiter_line + text.header + text.body + Bytes(eol_);
  const auto object = calendar ? delimiter_line + calendar_.header + calendar_.body + Bytes(eol_) : Bytes();
  rest = delimiter_line;
  rest += fmt::format("Content-Type: message/external-body; access-type=x-tidegate;{} size={}{}", eol_, size, eol_);
  rest += e2e::stub_mark(gid_).append(eol_).append(eol_);
  const bool one = left_out_.size() == 1 && more_left_out_ == 0;
  rest += fmt::format("Content-Type: {}{}", one ? left_out_[0].type : "application/octet-stream", eol_);
  rest += fmt::format("Content-ID: <{}@tidegate.invalid>{}{}", e2e::gid_text(gid_), eol_, eol_);
  rest += note(size, {}, {});
  const bool behind = size > look_most && !boundaries_.empty();
  const bool twice = plain_.found && html_.found;
  if (!left_out_.empty() || text.cut || twice || behind || (calendar_.found && !calendar))
    rest += fmt::format("Left out:{}", eol_);
  for (const auto& each : left_out_)
    rest += fmt::format("  {}{}{}{}{}", each.name, each.name.empty() ? "" : ", ", each.type,
                        each.whole ? ", " + about(each.octets, each.base64) : std::string(), eol_);
  if (more_left_out_ != 0) rest += fmt::format("  {} more{}", more_left_out_, eol_);
  if (text.cut) rest += fmt::format("  the rest of its text{}", eol_);
  if (twice) rest += fmt::format("  its text as text/html{}", eol_);
  if (calendar_.found && !calendar) rest += fmt::format("  text/calendar{}", eol_);
  if (behind) rest += fmt::format("  and what lies behind{}", eol_);
  // RFC 2046 §5.1.4: of alternatives the last is the best, and that is not the stub.
  Bytes out = header_;
  if (header_cut_) out += eol_;
  out += top_.subtype == "alternative" ? rest + body + object : body + object + rest;
  return out + fmt::format("--{}--{}", top_.boundary, eol_);
}

Bytes Stub::as_leaf(std::uint64_t size) const {
  const bool text = state_ == State::leaf && top_.text() && top_.encoding != mime::Encoding::unknown;
  const bool html = text && top_.subtype == "html";
  Bytes out = header_;
  if (header_cut_) out += eol_;
  if (top_.encoding == mime::Encoding::base64) {
    if (text) out += whole_groups(plain_.body);
    if (!out.ends_with('\n')) out += eol_;
    out += e2e::stub_mark_base64(gid_).append(eol_);
    return out + in_lines(e2e::base64(note(size, html ? "<pre>" : "", {}) + (html ? "</pre>" : "")), eol_);
  }
  if (text) out += plain_.body;
  if (top_.encoding == mime::Encoding::quoted_printable && out.ends_with("=" + Bytes(eol_)))
    out.resize(out.size() - eol_.size() - 1);
  if (text && !out.ends_with('\n')) out += eol_;
  if (html) out += Bytes("<pre>").append(eol_);
  out += e2e::stub_mark(gid_).append(eol_).append(eol_) + note(size, {}, {});
  return html ? out + Bytes("</pre>").append(eol_) : out;
}

}  // namespace tidegate::push
