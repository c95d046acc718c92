// SPDX-License-Identifier: Apache-2.0
#include "core/ctl/server.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace tidegate::ctl {
namespace {

Line refusal(FaultKind kind, std::string text) { return End{Fault{kind, "ctl", std::move(text), "", {}}}; }

std::size_t distance(std::string_view a, std::string_view b) {  // Levenshtein
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j)
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])}));
  }
  return row.back();
}

}  // namespace

struct CtlServer::State {
  State(sim::World& w, Access a) : world(w), access(std::move(a)) {}

  void accept(std::unique_ptr<sim::Stream>);
  void handle(Request, Reply);
  void drop(const std::shared_ptr<Asker>& asker) { askers.erase(asker); }

  sim::World& world;
  Access access;
  std::map<std::string, Handler, std::less<>> handlers;
  std::set<std::shared_ptr<Asker>> askers;
  std::unique_ptr<sim::Listening> listening;
};

/// One connection. Reads a line only when the last one is answered.
class Asker final : public sim::StreamEvents, public std::enable_shared_from_this<Asker> {
 public:
  Asker(CtlServer::State& server, std::unique_ptr<sim::Stream> stream)
      : server_(server), stream_(std::move(stream)), uid_(stream_->peer_uid()) {
    stream_->events(this);
  }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  ~Asker() = default;

  int uid() const { return uid_; }
  void start() {
    wait();
    read();
  }
  void readable() override { read(); }
  void writable() override { flush(); }

  bool gone() const { return !stream_ || ended_; }

  void send(const Line& line, bool last) {
    if (!stream_) return;
    out_ += encode(line);
    if (out_.size() - sent_ > CtlServer::most_waiting) return close();
    if (last) {
      busy_ = false;
      wait();
    }
    flush();
    // Not within the handler's own call: the next request must not nest in this one.
    if (last && stream_ && !ending_)
      server_.world.reactor().post([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->next();
      });
  }
  /// A last line, after which nothing is heard any more.
  void refuse(const Line& line) {
    ending_ = true;  // what still comes is read and dropped, so that closing does not take the answer away
    in_.clear();
    out_ += encode(line);
    flush();
  }

 private:
  void read() {
    const auto keep = shared_from_this();
    std::array<std::byte, 4096> buffer;
    while (stream_ && !ended_) {
      if (!ending_ && in_.size() > max_request) break;  // whoever sends ahead of the answer waits
      const auto io = stream_->read(buffer);
      if (io.octets > 0 && !ending_) in_.append(reinterpret_cast<const char*>(buffer.data()), io.octets);
      if (io.state == sim::IoState::again) break;
      if (io.state == sim::IoState::end) ended_ = true;
      if (io.state == sim::IoState::failed) return close();
    }
    next();
  }

  void next() {
    if (!stream_ || busy_ || ending_) return;
    const auto end = in_.find('\n');
    if (end == std::string::npos) {
      if (in_.size() > max_request)
        return refuse(refusal(FaultKind::too_large, fmt::format("The request is longer than {} octets.", max_request)));
      if (ended_ && out_.empty()) close();
      return;
    }
    const auto line = in_.substr(0, end);
    in_.erase(0, end + 1);
    busy_ = true;
    timer_.reset();
    auto request = decode_request(line);
    if (!request) return send(End{std::move(request.error())}, true);
    request->uid = uid_;
    server_.handle(std::move(*request), Reply(weak_from_this()));
    if (stream_) read();
  }

  void flush() {
    const auto keep = shared_from_this();
    while (stream_ && sent_ < out_.size()) {
      const auto io = stream_->write(std::as_bytes(std::span(out_).subspan(sent_)));
      sent_ += io.octets;
      if (io.state == sim::IoState::again) return;
      if (io.state != sim::IoState::ok) return close();
    }
    out_.clear();
    sent_ = 0;
    if (!stream_) return;
    if (ended_ && !busy_ && in_.find('\n') == std::string::npos) return close();
    if (!ending_ || finished_) return;
    finished_ = true;
    stream_->finish();  // the other side closes; the idle timer ends one that does not
    wait();
  }

  void wait() {
    timer_ = server_.world.reactor().after(CtlServer::idle_most, [this] { close(); });
  }

  void close() {
    timer_.reset();
    stream_.reset();
    std::string().swap(out_);
    std::string().swap(in_);
    sent_ = 0;
    // Whoever calls may still be inside a member function: the last reference goes later.
    server_.world.reactor().post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->server_.drop(self);
    });
  }

  CtlServer::State& server_;
  std::unique_ptr<sim::Stream> stream_;
  int uid_;
  std::string in_, out_;
  std::size_t sent_ = 0;
  bool busy_ = false, ending_ = false, ended_ = false, finished_ = false;
  std::unique_ptr<Timer> timer_;
};

void CtlServer::State::accept(std::unique_ptr<sim::Stream> stream) {
  const auto asker = std::make_shared<Asker>(*this, std::move(stream));
  askers.insert(asker);
  if (!access(asker->uid()))
    asker->refuse(refusal(FaultKind::denied,
                          "You may not administer this gateway; run tidegatectl as root, as the daemon's user, or as a "
                          "member of the group that the configuration names."));
  else if (askers.size() > most_askers)
    asker->refuse(refusal(FaultKind::throttled, "Too many administrators are connected; try again in a minute."));
  asker->start();
}

void CtlServer::State::handle(Request request, Reply reply) {
  if (const auto handler = handlers.find(request.command); handler != handlers.end())
    return handler->second(request, std::move(reply));
  const auto shown = request.command.substr(0, 40);
  const auto nearest =
      std::ranges::min_element(handlers, {}, [&](const auto& known) { return distance(known.first, shown); });
  reply.fail({FaultKind::unsupported,
              "ctl",
              nearest == handlers.end()
                  ? fmt::format("This gateway knows no command \"{}\".", shown)
                  : fmt::format("This gateway knows no command \"{}\"; did you mean \"{}\"?", shown, nearest->first),
              "",
              {}});
}

Reply::Reply(Reply&& other) noexcept : asker_(std::exchange(other.asker_, {})) {}
Reply& Reply::operator=(Reply&& other) noexcept {
  std::swap(asker_, other.asker_);
  return *this;
}
Reply::~Reply() {
  if (!asker_.expired())
    fail({FaultKind::unavailable,
          "ctl",
          "The gateway dropped this request (it is stopping, perhaps); try again.",
          "",
          {}});
}
bool Reply::gone() const {
  const auto asker = asker_.lock();
  return !asker || asker->gone();
}
void Reply::send(const Line& line) {
  if (const auto asker = asker_.lock()) asker->send(line, std::holds_alternative<End>(line));
}
void Reply::say(std::string text) { send(Say{std::move(text)}); }
void Reply::columns(std::vector<Column> columns, bool upright) { send(Columns{std::move(columns), upright}); }
void Reply::row(Row row) { send(std::move(row)); }
void Reply::ok() {
  send(End{});
  asker_.reset();
}
void Reply::fail(Fault fault) {
  send(End{std::move(fault)});
  asker_.reset();
}

CtlServer::CtlServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
CtlServer::~CtlServer() = default;

Result<std::unique_ptr<CtlServer>> CtlServer::make(sim::World& world, const std::string& path, Access access) {
  auto state = std::make_unique<State>(world, std::move(access));
  auto listening = world.network().listen(
      {.unix_path = path},
      [raw = state.get()](std::unique_ptr<sim::Stream> stream) { raw->accept(std::move(stream)); });
  if (!listening) return std::unexpected(std::move(listening.error()));
  state->listening = std::move(*listening);
  return std::unique_ptr<CtlServer>(new CtlServer(std::move(state)));
}

void CtlServer::on(std::string command, Handler handler) {
  state_->handlers.insert_or_assign(std::move(command), std::move(handler));
}

}  // namespace tidegate::ctl
