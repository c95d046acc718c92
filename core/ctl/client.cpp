// SPDX-License-Identifier: Apache-2.0
#include "core/ctl/client.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace tidegate::ctl {
namespace {
using namespace std::chrono_literals;
constexpr auto connect_within = 5s;

class Asking final : public Client, sim::StreamEvents {
 public:
  Asking(sim::World& world, std::string socket, const Request& request, OnLine line, OnEnd end)
      : world_(world), socket_(std::move(socket)), out_(encode(request)), line_(std::move(line)), end_(std::move(end)) {
    const sim::Endpoint endpoint{.host = {}, .port = 0, .tls = false, .ca_file = {}, .pin = {}, .unix_path = socket_};
    dialing_ = world_.network().dial(endpoint, world_.reactor().now() + connect_within,
                                     [this](Result<std::unique_ptr<sim::Stream>> stream) {
                                       if (!stream) return not_there(stream.error());
                                       stream_ = std::move(*stream);
                                       stream_->events(this);
                                       write();
                                       read();
                                     });
  }

 private:
  void not_there(const Fault& why) {
    if (why.kind == FaultKind::denied)
      return finish(Exit::denied,
                    Fault{FaultKind::denied,
                          socket_,
                          "You may not administer this gateway; run tidegatectl as root, as the daemon's user, or as a "
                          "member of the group that its configuration names.",
                          why.cause,
                          {}});
    finish(Exit::not_running, Fault{FaultKind::unavailable,
                                    socket_,
                                    fmt::format("tidegated is not running (nobody answers at {}); start it with "
                                                "`systemctl start tidegated`, or name its socket with --socket.",
                                                socket_),
                                    why.text + " " + why.cause,
                                    {}});
  }

  void readable() override { read(); }
  void writable() override { write(); }

  void write() {
    while (stream_ && sent_ < out_.size()) {
      const auto io = stream_->write(std::as_bytes(std::span(out_).subspan(sent_)));
      sent_ += io.octets;
      if (io.state != sim::IoState::ok) return;  // what it means is read() to tell: a refusal may have come first
    }
  }

  void read() {
    std::array<std::byte, 16384> buffer;
    while (stream_ && end_) {
      const auto io = stream_->read(buffer);
      in_.append(reinterpret_cast<const char*>(buffer.data()), io.octets);
      if (!lines() || io.state == sim::IoState::again) return;
      if (io.state != sim::IoState::ok)
        return finish(Exit::not_running,
                      Fault{FaultKind::unavailable,
                            socket_,
                            "tidegated ended before it had answered; see its log, and whether it was done.",
                            "",
                            {}});
    }
  }

  bool lines() {
    for (auto end = in_.find('\n'); end != std::string::npos; end = in_.find('\n')) {
      const auto raw = in_.substr(0, end);
      in_.erase(0, end + 1);
      auto line = decode_line(raw);
      if (!line) {
        finish(Exit::refused, std::move(line.error()));
        return false;
      }
      line_(raw, *line);
      if (auto* last = std::get_if<End>(&*line)) {
        const bool denied = last->fault && last->fault->kind == FaultKind::denied && last->fault->where == "ctl";
        finish(!last->fault ? Exit::done : denied ? Exit::denied : Exit::refused, std::move(last->fault));
        return false;
      }
    }
    if (in_.size() <= max_line) return true;
    finish(Exit::refused,
           Fault{FaultKind::too_large, socket_, "The daemon's answer is broken: its line has no end.", "", {}});
    return false;
  }

  void finish(Exit exit, std::optional<Fault> fault) {
    stream_.reset();
    dialing_.reset();
    if (auto end = std::exchange(end_, {})) end(exit, std::move(fault));
  }

  sim::World& world_;
  std::string socket_, out_, in_;
  std::size_t sent_ = 0;
  OnLine line_;
  OnEnd end_;
  std::unique_ptr<sim::Dialing> dialing_;
  std::unique_ptr<sim::Stream> stream_;
};

}  // namespace

std::unique_ptr<Client> Client::ask(sim::World& world, const std::string& socket, const Request& request, OnLine line,
                                    OnEnd end) {
  return std::make_unique<Asking>(world, socket, request, std::move(line), std::move(end));
}

}  // namespace tidegate::ctl
