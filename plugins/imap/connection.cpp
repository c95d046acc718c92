// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/connection.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "plugins/imap/connection_inside.hpp"

namespace tidegate::imap {
namespace {

// Folders whose news are kept one by one.
constexpr std::size_t folders_most = 10'000;

}  // namespace

std::optional<std::string> quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == '\0') return std::nullopt;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::unexpected<Fault> Connection::Inside::broken(int code) {
  is_dead = true;
  if (driver.fault()) {
    Fault fault = *driver.fault();
    if (fault.where.empty()) fault.where = where;
    was_dropped = fault.kind == FaultKind::unavailable;
    return std::unexpected(std::move(fault));
  }
  if (const std::string& bye = driver.guard().bye(); !bye.empty()) {
    was_dropped = true;
    return wrong(FaultKind::unavailable, "The mail server closed the connection; it is opened again.", bye);
  }
  return wrong(FaultKind::invalid, "The mail server's answer could not be understood; the connection was given up.",
               fmt::format("libetpan error {}", code));
}

Result<void> Connection::Inside::write(std::string_view octets) {
  if (mailstream_write(imap->imap_stream, octets.data(), octets.size()) == -1) return broken(MAILIMAP_ERROR_STREAM);
  return {};
}

Result<void> Connection::Inside::flush() {
  if (mailstream_flush(imap->imap_stream) == -1) return broken(MAILIMAP_ERROR_STREAM);
  return {};
}

Result<void> Connection::Inside::send_line(std::string_view text) {
  if (auto r = write(text); !r) return r;
  if (auto r = write("\r\n"); !r) return r;
  return flush();
}

Result<Connection::Tag> Connection::Inside::send(const Call& call, std::string_view command, std::string_view rest) {
  if (is_dead) return wrong(FaultKind::unavailable, "The connection to the mail server was lost; open it again.");
  driver.call(&call);
  const Tag tag = ++imap->imap_tag;
  asked[tag] = asked_by(command);
  if (auto r = write(fmt::format("{} {}", tag, command)); !r) return std::unexpected(r.error());
  if (auto r = send_line(rest); !r) return std::unexpected(r.error());
  return tag;
}

Result<std::string> Connection::Inside::line() {
  const char* text = mailimap_read_line(imap);
  if (text == nullptr) return broken(MAILIMAP_ERROR_STREAM);
  return std::string(text);
}

Connection::Inside::Asked Connection::Inside::asked_by(std::string_view command) {
  if (command.starts_with("UID ")) return Asked::rows;
  if (command.starts_with("LIST ") || command.starts_with("STATUS ")) return Asked::folders;
  return Asked::other;
}

void Connection::Inside::news(Untagged&& said) {
  if (auto* count = std::get_if<Exists>(&said)) {
    if (count->count > signals.exists) signals.arrived += count->count - signals.exists;
    signals.exists = count->count;
  } else if (std::holds_alternative<Expunged>(said)) {
    if (signals.exists > 0) --signals.exists;
    signals.expunged = true;
  } else if (auto* gone = std::get_if<Vanished>(&said)) {
    signals.exists -= static_cast<std::uint32_t>(std::min<std::uint64_t>(signals.exists, gone->uids.count()));
    signals.expunged = true;
    signals.vanished.add(gone->uids);
  } else if (std::holds_alternative<Listing>(said)) {
    signals.tree = true;
  } else if (auto* status = std::get_if<FolderStatus>(&said)) {
    if (signals.folders.size() < folders_most || signals.folders.contains(status->name)) {
      signals.folders[status->name] = status->state;
    } else {
      signals.overflow = true;
    }
  } else if (std::holds_alternative<Overflow>(said)) {
    signals.overflow = true;
  } else if (auto* spaces = std::get_if<Namespaces>(&said)) {
    namespaces = std::move(*spaces);
  } else if (auto* on = std::get_if<Enabled>(&said)) {
    enabled.merge(on->what);
  } else if (auto* id = std::get_if<ServerId>(&said)) {
    server += ' ' + id->text;
  }
}

namespace {
bool is_vanished(std::string_view line) {
  constexpr std::string_view mark = "* VANISHED";
  return line.size() >= mark.size() && std::ranges::equal(line.substr(0, mark.size()), mark, {},
                                                          [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
}
}  // namespace

void Connection::Inside::collect(Reply& reply, Asked what) {
  for (const std::string& line : driver.guard().take_kept()) {
    auto said = parse_untagged(line);
    if (!said) {
      reply.malformed = true;
      // Somebody is gone, nobody knows who (IMAP-09): the numbers are to be compared.
      signals.expunged = signals.expunged || is_vanished(line);
      continue;
    }
    auto* listing = std::get_if<Listing>(&*said);
    auto* status = std::get_if<FolderStatus>(&*said);
    const auto* gone = std::get_if<Vanished>(&*said);
    if (what == Asked::folders && listing != nullptr) {
      reply.folders.push_back(std::move(*listing));
    } else if (what == Asked::folders && status != nullptr) {
      reply.statuses.push_back(std::move(*status));
    } else if (gone != nullptr && gone->earlier) {
      reply.vanished.add(gone->uids);
    } else {
      news(std::move(*said));
    }
  }
  for (const Row& row : reply.rows) {
    if (what != Asked::rows || row.uid == 0) signals.flags = true;
  }
}

// The first line of the answer must have been read. imap_tag is what libetpan compares the completion with.
Result<Reply> Connection::Inside::parse(Tag tag) {
  const Tag newest = imap->imap_tag;
  imap->imap_tag = tag;
  mailimap_response* response = nullptr;
  const int code = mailimap_parse_response(imap, &response);
  imap->imap_tag = newest;
  Reply reply;
  if (code == MAILIMAP_ERROR_PROTOCOL) {
    // BAD and a foreign tag look alike to libetpan; the line it read last tells them apart.
    const std::string_view read(imap->imap_stream_buffer->str, imap->imap_stream_buffer->len);
    const std::string mark = fmt::format("{} BAD", tag);
    if (!read.starts_with(mark) && read.rfind("\n" + mark) == std::string_view::npos) return broken(code);
    reply = reply_of(*imap);
    reply.verdict = Verdict::bad;
  } else if (code != MAILIMAP_NO_ERROR) {
    return broken(code);
  } else {
    reply = reply_of(*imap);
    const int verdict = response->rsp_resp_done->rsp_data.rsp_tagged->rsp_cond_state->rsp_type;
    reply.verdict = verdict == MAILIMAP_RESP_COND_STATE_OK ? Verdict::ok : Verdict::no;
    mailimap_response_free(response);
  }
  if (imap->imap_response != nullptr) reply.text = imap->imap_response;
  return reply;
}

Result<Reply> Connection::Inside::receive(const Call& call, Tag tag, const Limits& limits) {
  driver.call(&call);
  driver.guard().expect(limits);
  const auto at = asked.find(tag);
  const Asked what = at == asked.end() ? Asked::other : at->second;
  if (at != asked.end()) asked.erase(at);
  if (mailimap_read_line(imap) == nullptr) return broken(MAILIMAP_ERROR_STREAM);
  auto reply = parse(tag);
  if (reply) collect(*reply, what);
  return reply;
}

Result<Reply> Connection::Inside::run(const Call& call, std::string_view command) {
  auto tag = send(call, command);
  if (!tag) return std::unexpected(tag.error());
  return receive(call, *tag, {});
}

Result<bool> Connection::Inside::continued(const Call& call, Tag tag) {
  driver.call(&call);
  driver.guard().expect({});
  const std::string own = fmt::format("{} ", tag);
  for (;;) {
    auto text = line();
    if (!text) return std::unexpected(text.error());
    if (text->starts_with('+')) {
      Reply none;
      collect(none, Asked::other);
      return true;
    }
    if (text->starts_with(own)) return false;
    if (!note_line(*text, signals)) return broken(MAILIMAP_ERROR_PARSE);
  }
}

Connection::Connection(std::unique_ptr<Inside> in) : in_(std::move(in)) {}
Connection::~Connection() = default;

bool Connection::has(std::string_view capability) const { return in_->capabilities.contains(capability); }
bool Connection::enabled(std::string_view capability) const { return in_->enabled.contains(capability); }
const std::string& Connection::server() const { return in_->server; }
const Namespaces& Connection::namespaces() const { return in_->namespaces; }
bool Connection::dead() const { return in_->is_dead; }
bool Connection::dropped() const { return in_->is_dead && in_->was_dropped; }
int Connection::fd() const { return in_->driver.stream().fd(); }
Signals& Connection::signals() { return in_->signals; }

Result<Reply> Connection::run(const Call& call, std::string_view command, const Limits& limits) {
  auto tag = in_->send(call, command);
  if (!tag) return std::unexpected(tag.error());
  return in_->receive(call, *tag, limits);
}

Result<Connection::Tag> Connection::send(const Call& call, std::string_view command) {
  return in_->send(call, command);
}

Result<Reply> Connection::receive(const Call& call, Tag tag, const Limits& limits) {
  return in_->receive(call, tag, limits);
}

Result<Reply> Connection::select(const Call& call, std::string_view mailbox, bool condstore, MailboxState& state) {
  const auto name = quoted(mailbox);
  if (!name) return tidegate::fault(FaultKind::not_found, in_->where, "This folder's name cannot be spoken in IMAP.");
  if (in_->imap->imap_selection_info != nullptr) mailimap_selection_info_free(in_->imap->imap_selection_info);
  in_->imap->imap_selection_info = mailimap_selection_info_new();
  in_->signals.exists = 0;
  in_->signals.clear();
  auto reply = run(call, fmt::format("SELECT {}{}", *name, condstore ? " (CONDSTORE)" : ""));
  if (!reply) return reply;
  const auto& selected = *in_->imap->imap_selection_info;
  state = {selected.sel_uidvalidity, selected.sel_uidnext, in_->signals.exists, reply->modseq};
  in_->signals.clear();
  return reply;
}

namespace {
struct Stream {
  Sink* sink;
  std::uint64_t left;
  std::uint64_t octets = 0;
  bool taking = true;
};

bool on_body(int type, mailimap_msg_att_body_section* section, const char* octets, size_t length, void* context) {
  auto& stream = *static_cast<Stream*>(context);
  const bool whole = section == nullptr || section->sec_section == nullptr || section->sec_section->sec_spec == nullptr;
  if (type != MAILIMAP_MSG_ATT_BODY_SECTION || !whole) return true;
  const std::size_t here = std::min<std::uint64_t>(length, stream.left);
  stream.left -= here;
  stream.octets += here;
  if (stream.taking && here > 0) stream.taking = (*stream.sink)(std::as_bytes(std::span(octets, here)));
  return true;
}
}  // namespace

Result<Connection::Streamed> Connection::stream_body(const Call& call, Uid uid, std::string_view command,
                                                     std::uint64_t most, Sink& sink) {
  Stream stream{&sink, most};
  mailimap_set_msg_body_handler(in_->imap, on_body, &stream);
  Limits limits;
  limits.literal = most;
  limits.total = std::min(most, UINT64_MAX - limits.total) + limits.total;
  auto reply = run(call, command, limits);
  mailimap_set_msg_body_handler(in_->imap, nullptr, nullptr);
  if (!reply) return std::unexpected(reply.error());
  if (reply->verdict != Verdict::ok) return std::unexpected(refused(*reply, Doing::reading, in_->where));
  Streamed out{stream.octets, false};
  for (const Row& row : reply->rows) out.existed = out.existed || row.uid == uid;
  return out;
}

Result<Reply> Connection::append(const Call& call, std::string_view command, std::uint64_t size, Source& source) {
  const bool at_once = has("LITERAL+");  // RFC 7888
  auto tag = in_->send(call, fmt::format("{} {{{}{}}}", command, size, at_once ? "+" : ""));
  if (!tag) return std::unexpected(tag.error());
  if (!at_once) {
    auto go = in_->continued(call, *tag);
    if (!go) return std::unexpected(go.error());
    if (!*go) return in_->parse(*tag);
  }
  std::array<std::byte, 16 * 1024> part;
  for (std::uint64_t left = size; left > 0;) {
    const auto got = source(std::span(part).first(std::min<std::uint64_t>(part.size(), left)));
    if (got == 0 || got > left) {
      return in_->wrong(FaultKind::invalid, "The message to store ended before its announced size; send it again.");
    }
    if (auto sent = in_->write(std::string_view(reinterpret_cast<const char*>(part.data()), got)); !sent) {
      return std::unexpected(sent.error());
    }
    left -= got;
  }
  auto settled = [&](Fault fault) -> Result<Reply> {
    // The octets are out: the server may have stored them before the connection broke.
    if (fault.kind == FaultKind::unavailable || fault.kind == FaultKind::cancelled) fault.kind = FaultKind::ambiguous;
    return std::unexpected(std::move(fault));
  };
  if (auto sent = in_->send_line(""); !sent) return settled(sent.error());
  auto reply = in_->receive(call, *tag, {});
  if (!reply) return settled(reply.error());
  return reply;
}

}  // namespace tidegate::imap
