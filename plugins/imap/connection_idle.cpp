// SPDX-License-Identifier: Apache-2.0
// A connection that waits: IDLE (RFC 2177), looking at what came, giving buffers back.
#include <algorithm>

#include <fmt/format.h>
#include <poll.h>

#include "plugins/imap/connection_inside.hpp"

namespace tidegate::imap {
namespace {

// Where the parse buffer may stay while idle.
constexpr std::size_t parse_buffer_idle = 2048;

}  // namespace

Result<void> Connection::idle(const Call& call) {
  auto tag = in_->send(call, "IDLE");
  if (!tag) return std::unexpected(tag.error());
  auto go = in_->continued(call, *tag);
  if (!go) return std::unexpected(go.error());
  if (!*go) {
    auto reply = in_->parse(*tag);
    if (!reply) return std::unexpected(reply.error());
    return std::unexpected(refused(*reply, Doing::reading, in_->where));
  }
  in_->idle_tag = *tag;
  return {};
}

bool Connection::idling() const { return in_->idle_tag != 0 && !in_->is_dead; }

bool Connection::buffered() const { return in_->imap->imap_stream->read_buffer_len > 0 || in_->driver.pending(); }

Result<void> Connection::idle_look(const Call& call) {
  in_->driver.guard().expect({});
  auto looked = in_->look(call);
  Reply none;
  in_->collect(none, Inside::Asked::other);
  return looked;
}

Result<void> Connection::Inside::look(const Call& call) {
  for (;;) {
    if (imap->imap_stream->read_buffer_len == 0) {
      pollfd ready{driver.stream().fd(), POLLIN, 0};
      if (!driver.pending() && poll(&ready, 1, 0) <= 0) return {};
      // The octets may be a session ticket and hold nothing for us (TLS 1.3): only a look, with a short deadline.
      const Call brief{std::min(call.deadline, Clock::now() + std::chrono::milliseconds(20)), call.stop, call.trace};
      driver.call(&brief);
      driver.looking(true);
      const auto got = mailstream_feed_read_buffer(imap->imap_stream);
      driver.looking(false);
      driver.call(&call);
      const auto& fault = driver.fault();
      if (fault && fault->kind == FaultKind::cancelled && !call.stop.stop_requested()) {
        driver.forgive();
        return {};
      }
      if (got <= 0) return broken(MAILIMAP_ERROR_STREAM);
    }
    driver.call(&call);
    auto text = line();
    if (!text) return std::unexpected(text.error());
    if (text->starts_with("* BYE") || !note_line(*text, signals)) return broken(MAILIMAP_ERROR_PARSE);
  }
}

Result<std::vector<Connection::Tag>> Connection::idle_done(const Call& call, const std::vector<std::string>& commands) {
  const Tag idle = std::exchange(in_->idle_tag, 0);
  in_->driver.call(&call);
  std::string flight = "DONE\r\n";
  std::vector<Tag> tags;
  for (const std::string& command : commands) {
    tags.push_back(++in_->imap->imap_tag);
    in_->asked[tags.back()] = Inside::asked_by(command);
    flight += fmt::format("{} {}\r\n", tags.back(), command);
  }
  if (auto sent = in_->write(flight); !sent) return std::unexpected(sent.error());
  if (auto sent = in_->flush(); !sent) return std::unexpected(sent.error());
  auto reply = in_->receive(call, idle, {});
  if (!reply) return std::unexpected(reply.error());
  return tags;
}

void Connection::shrink() {
  mailimap* imap = in_->imap;
  if (imap->imap_response_info != nullptr) mailimap_response_info_free(imap->imap_response_info);
  imap->imap_response_info = nullptr;
  if (imap->imap_stream_buffer->allocated_len > parse_buffer_idle) {
    mmap_string_free(imap->imap_stream_buffer);
    imap->imap_stream_buffer = mmap_string_new("");
  }
  // What the parser learnt of flags and capabilities we keep in a leaner form or not at all.
  if (auto* selected = imap->imap_selection_info; selected != nullptr) {
    mailimap_selection_info_free(selected);
    imap->imap_selection_info = mailimap_selection_info_new();
  }
  in_->asked.clear();
  in_->driver.shrink();
}

}  // namespace tidegate::imap
