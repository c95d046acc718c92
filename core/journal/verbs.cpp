// SPDX-License-Identifier: Apache-2.0
#include "core/journal/verbs.hpp"

#include <algorithm>

#include "core/journal/folder_verbs.hpp"

namespace tidegate::journal {

namespace {

using Start = std::function<Result<void>(View)>;

// Sending is two steps, each with the note of its own attempt behind this letter; the first may be done twice.
constexpr char step_send = 'S', step_send_again = 'T', step_file = 'F';

Attempt attempt_of(const Bytes& token, Bytes note, Start start) {
  return {token, std::move(note), [start = std::move(start)](View noted) { return start(noted); }};
}

NewItem item_of(const e2e::Command& command, std::uint64_t size) {
  return {command.kind, size, command.flags_add, command.keywords_add,
          std::chrono::sys_seconds(std::chrono::seconds(command.received))};
}

std::optional<Fault> keep(Result<Written> written, Outcome& outcome) {
  if (!written) return std::move(written.error());
  outcome.written = std::move(*written);
  return std::nullopt;
}

template <class T>
std::optional<Fault> fault_of(Result<T> result) {
  if (!result) return std::move(result.error());
  return std::nullopt;
}

/// A conflict with what an earlier attempt of this very command wrote is none.
std::optional<Fault> update(const Call& call, Session& session, const Order& order, Outcome& outcome) {
  auto written = session.update(call, order.item, order.command.content_rev, source_of(order.content));
  if (written || written.error().kind != FaultKind::conflict || !order.repeated)
    return keep(std::move(written), outcome);
  Bytes there;
  auto read = session.read(call, order.item, {}, [&](Octets part) {
    there.append(reinterpret_cast<const char*>(part.data()), part.size());
    return there.size() <= order.content.size();
  });
  if (!read) return std::move(read.error());
  if (there == order.content) return std::nullopt;
  return std::move(written.error());
}

std::optional<Fault> create(const Call& call, Session& session, const Order& order, Outcome& outcome, Start start) {
  auto attempt = attempt_of(order.command.id, order.note, std::move(start));
  return keep(session.create(call, order.folder.id, item_of(order.command, order.content.size()),
                             source_of(order.content), attempt),
              outcome);
}

/// The copy in Sent. Its token must not be the sending's.
std::optional<Fault> file(const Call& call, Session& session, const Order& order, Bytes note, Outcome& outcome,
                          const Start& start) {
  if (order.folder.id.empty()) return std::nullopt;  // this mailbox has no Sent
  auto token = order.command.id;
  token.back() = static_cast<char>(token.back() ^ 1);
  auto attempt = attempt_of(token, std::move(note), [&](View noted) { return start(step_file + Bytes(noted)); });
  NewItem item = item_of(order.command, order.content.size());
  item.kind = Kind::mail;
  item.flags = seen;
  return keep(session.create(call, order.folder.id, item, source_of(order.content), attempt), outcome);
}

std::optional<Fault> send(const Call& call, Session& session, const Order& order, Outcome& outcome,
                          const Start& start) {
  const bool sent = !order.note.empty() && order.note.front() == step_file;
  const char step = is_last_sending(order.note) ? step_send_again : step_send;
  auto note = order.note.empty() ? Bytes() : order.note.substr(1);
  if (!sent) {
    auto attempt =
        attempt_of(order.command.id, std::move(note), [&](View noted) { return start(step + Bytes(noted)); });
    auto result =
        session.send(call, {order.user, order.command.recipients}, source_of(order.content), order.folder.id, attempt);
    if (!result) return std::move(result.error());
    if (result->filed) {
      outcome.written = std::move(result->filed);
      return std::nullopt;
    }
    if (auto marked = start(Bytes(1, step_file)); !marked) return std::move(marked.error());
    note.clear();
  }
  return file(call, session, order, std::move(note), outcome, start);
}

std::optional<Fault> carry_out(const Call& call, Session& session, const Order& order, Outcome& outcome, Start start) {
  const auto& command = order.command;
  switch (command.verb) {
    case e2e::Verb::set_flags:
      return keep(
          session.set_flags(call, order.item,
                            {command.flags_add, command.flags_clear, command.keywords_add, command.keywords_clear}),
          outcome);
    case e2e::Verb::move: {
      auto attempt = attempt_of(command.id, order.note, std::move(start));
      return keep(session.move(call, order.item, order.folder.id, order.to.id, attempt), outcome);
    }
    case e2e::Verb::remove:
      return fault_of(session.remove(call, order.item, order.folder.id, command.content_rev));
    case e2e::Verb::create:
      return create(call, session, order, outcome, std::move(start));
    case e2e::Verb::update:
      return update(call, session, order, outcome);
    case e2e::Verb::send:
      return send(call, session, order, outcome, start);
    case e2e::Verb::respond:  // several steps, at several back-ends (answering.cpp)
      break;
    case e2e::Verb::make_folder: {
      auto attempt = attempt_of(command.id, order.note, std::move(start));
      return make_folder(call, session, order, outcome, attempt);
    }
    case e2e::Verb::change_folder:
      return change_folder(call, session, order, outcome);
    case e2e::Verb::remove_folder:
      return remove_folder(call, session, order);
  }
  return Fault{FaultKind::unsupported, "command", "This gateway does not know this command.", {}, {}};
}

}  // namespace

Source source_of(View content) {
  return [content, at = std::size_t{0}](std::span<std::byte> into) mutable {
    const auto count = std::min(into.size(), content.size() - at);
    std::copy_n(std::as_bytes(std::span(content)).subspan(at, count).begin(), count, into.begin());
    at += count;
    return count;
  };
}

Bytes last_sending() { return Bytes(1, step_send_again); }
bool is_last_sending(View note) { return note.starts_with(step_send_again); }

bool schedules(View mail) {
  constexpr View kind = "text/calendar";
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; };
  return std::search(mail.begin(), mail.end(), kind.begin(), kind.end(), same) != mail.end();
}

account::Accounts::StoreVerb verb_of(std::shared_ptr<const Order> order, std::shared_ptr<Outcome> outcome,
                                     Start start) {
  return [order = std::move(order), outcome = std::move(outcome), start = std::move(start)](
             const Call& call, Session& session) { return carry_out(call, session, *order, *outcome, start); };
}

}  // namespace tidegate::journal
