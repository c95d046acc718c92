// SPDX-License-Identifier: Apache-2.0
#include "core/sim/virtual_network.hpp"

#include <algorithm>
#include <utility>

#include "core/sim/virtual_pipe.hpp"

namespace tidegate::sim {

struct VirtualNet::Listener {
  Network::Accepted accepted;
  bool tls = false;
};

/// Between dial() and its answer.
struct Dial {
  Network::Dialed done;
  std::uint32_t host = 0;
  VirtualClock::Key time_out;
  bool over = false;
};

namespace {

class VirtualDialing final : public Dialing {
 public:
  VirtualDialing(VirtualNet& net, std::shared_ptr<Dial> dial) : net_(net), dial_(std::move(dial)) {}
  ~VirtualDialing() override {
    if (std::exchange(dial_->over, true)) return;
    net_.clock().cancel(dial_->time_out);
    auto done = std::move(dial_->done);
  }
  VirtualDialing(const VirtualDialing&) = delete;
  VirtualDialing& operator=(const VirtualDialing&) = delete;

 private:
  VirtualNet& net_;
  std::shared_ptr<Dial> dial_;
};

class HostNetwork final : public Network {
 public:
  HostNetwork(VirtualNet& net, std::shared_ptr<const Life> life)
      : net_(net), life_(std::move(life)), host_(life_->host) {}

  std::unique_ptr<Dialing> dial(const Endpoint& endpoint, Instant deadline, Dialed done) override {
    auto attempt = std::make_shared<Dial>();
    if (life_->dead) return std::make_unique<VirtualDialing>(net_, attempt);  // nobody is left to be answered
    attempt->done = std::move(done);
    attempt->host = host_;
    const auto where = endpoint.unix_path.empty() ? endpoint.host : endpoint.unix_path;
    attempt->time_out = net_.clock().add(deadline, host_, [attempt, where] {
      if (std::exchange(attempt->over, true)) return;
      auto callback = std::move(attempt->done);
      callback(sim_fault(where, "did not answer in time: check the network between here and there"));
    });
    net_.dial(host_, endpoint, attempt);
    return std::make_unique<VirtualDialing>(net_, attempt);
  }

  Result<std::unique_ptr<Listening>> listen(const Listen& at, Accepted accepted) override {
    if (life_->dead) return sim_fault("listen", "is not possible: this process was killed");
    return net_.listen(host_, at, std::move(accepted));
  }

 private:
  static std::unexpected<Fault> sim_fault(const std::string& where, const std::string& what) {
    return fault(FaultKind::unavailable, where, where + " " + what + ".");
  }
  VirtualNet& net_;
  std::shared_ptr<const Life> life_;
  std::uint32_t host_;
};

}  // namespace

class VirtualListening final : public Listening {
 public:
  VirtualListening(VirtualNet& net, std::uint32_t host, std::string place, std::shared_ptr<void> hold,
                   std::uint16_t port)
      : net_(net), host_(host), place_(std::move(place)), hold_(std::move(hold)), port_(port) {}
  ~VirtualListening() override {
    // After a death the place may belong to the next process.
    if (hold_.use_count() > 1) net_.stop_listening(host_, place_);
  }
  VirtualListening(const VirtualListening&) = delete;
  VirtualListening& operator=(const VirtualListening&) = delete;
  std::uint16_t port() const override { return port_; }

 private:
  VirtualNet& net_;
  std::uint32_t host_;
  std::string place_;
  std::shared_ptr<void> hold_;
  std::uint16_t port_;
};

std::unique_ptr<Network> VirtualNet::network_of(std::shared_ptr<const Life> life) {
  return std::make_unique<HostNetwork>(*this, std::move(life));
}

void VirtualNet::stop_listening(std::uint32_t host, const std::string& place) {
  auto node = listeners_.extract(Place{host, place});
}

Result<std::unique_ptr<Listening>> VirtualNet::listen(std::uint32_t host, const Listen& at,
                                                      Network::Accepted accepted) {
  std::uint16_t port = at.port;
  if (at.unix_path.empty() && port == 0) port = next_port_++;
  const auto place = at.unix_path.empty() ? std::to_string(port) : at.unix_path;
  auto listener =
      std::make_shared<Listener>(Listener{std::move(accepted), at.unix_path.empty() && !at.certificate_file.empty()});
  if (!listeners_.emplace(Place{host, place}, listener).second)
    return fault(FaultKind::exists, place, "Cannot listen on " + place + ": another process does already.");
  return std::make_unique<VirtualListening>(*this, host, place, listener, port);
}

void VirtualNet::answer(std::uint32_t from, const std::shared_ptr<Dial>& dial, Result<std::unique_ptr<Stream>> result) {
  clock_.add(clock_.now() + delay(), from, [this, dial, result = std::move(result)]() mutable {
    if (std::exchange(dial->over, true)) return;
    clock_.cancel(dial->time_out);
    auto done = std::move(dial->done);
    done(std::move(result));
  });
}

void VirtualNet::dial(std::uint32_t from, const Endpoint& endpoint, const std::shared_ptr<Dial>& dial) {
  std::erase_if(dials_, [](const auto& d) { return d.expired(); });
  dials_.push_back(dial);
  std::uint32_t to = from;
  if (endpoint.unix_path.empty()) {
    const auto found = names_.find(endpoint.host);
    if (found == names_.end())
      return answer(from, dial,
                    fault(FaultKind::unavailable, endpoint.host,
                          "No address is known for " + endpoint.host + ": check the name and the name servers."));
    to = found->second;
  }
  // SYN, SYN-ACK and the TLS hello, all before the server's program sees anything.
  clock_.add(clock_.now() + delay() + delay() + delay(), 0,
             [this, from, to, endpoint, dial] { arrive(from, to, endpoint, dial); });
}

void VirtualNet::arrive(std::uint32_t from, std::uint32_t to, const Endpoint& endpoint,
                        const std::shared_ptr<Dial>& dial) {
  if (dial->over || is_hole(from, to)) return;  // lost for good: the deadline answers
  const auto place = endpoint.unix_path.empty() ? std::to_string(endpoint.port) : endpoint.unix_path;
  const auto where = endpoint.unix_path.empty() ? endpoint.host + ":" + place : place;
  if (is_cut(from, to))
    return answer(from, dial, fault(FaultKind::unavailable, where, "There is no way to " + where + " at present."));
  const auto found = listeners_.find({to, place});
  if (found == listeners_.end())
    return answer(from, dial,
                  fault(FaultKind::unavailable, where,
                        where + " refused the connection: is the service running and the port right?"));
  const auto listener = found->second;
  const bool tls = endpoint.unix_path.empty() && endpoint.tls;
  if (tls != listener->tls)
    return answer(from, dial,
                  fault(FaultKind::invalid, where,
                        where + (tls ? " speaks no TLS: check the port." : " speaks only TLS: check the port.")));
  auto pipe = std::make_shared<Pipe>(*this, from, to);
  pipe->local = !endpoint.unix_path.empty();
  pipe->sides[0].name = "host" + std::to_string(from) + ":" + std::to_string(next_port_++);
  pipe->sides[1].name = where;
  if (tls) {
    pipe->binding.resize(32);
    clock_.fill(std::as_writable_bytes(std::span(pipe->binding)));
  }
  std::erase_if(pipes_, [](const auto& p) { return p.expired(); });
  pipes_.push_back(pipe);
  answer(from, dial, std::make_unique<VirtualStream>(pipe, 0));
  listener->accepted(std::make_unique<VirtualStream>(pipe, 1));
}

void VirtualNet::dies(std::uint32_t host, std::chrono::nanoseconds told_within) {
  for (auto at = listeners_.lower_bound({host, ""}); at != listeners_.end() && at->first.first == host;) {
    auto node = listeners_.extract(at++);
  }
  for (const auto& weak : dials_) {
    const auto dial = weak.lock();
    if (!dial || dial->host != host || std::exchange(dial->over, true)) continue;
    auto done = std::move(dial->done);
  }
  for (const auto& weak : pipes_) {
    const auto pipe = weak.lock();
    if (!pipe) continue;
    for (int at : {0, 1}) {
      auto& side = pipe->sides[at];
      if (side.host != host) continue;
      // No event any more for a program that is dead.
      if (side.stream != nullptr) side.stream->events(nullptr);
      const bool open = side.stream != nullptr && !side.dead;
      pipe->kill(at, "this process was killed");
      if (open && pipe->sides[1 - at].host != host)
        pipe->kill_later(1 - at, delay() + clock_.between({}, told_within), "the other end died");
    }
  }
}

void VirtualNet::cut(std::uint32_t a, std::uint32_t b) {
  cuts_.insert(std::minmax(a, b));
  for (const auto& weak : pipes_) {
    const auto pipe = weak.lock();
    if (!pipe || std::minmax(pipe->sides[0].host, pipe->sides[1].host) != std::minmax(a, b)) continue;
    for (int at : {0, 1})
      pipe->kill_later(at, clock_.between({}, std::chrono::seconds(1)), "the network between was cut");
  }
}

void VirtualNet::heal(std::uint32_t a, std::uint32_t b) {
  cuts_.erase(std::minmax(a, b));
  holes_.erase(std::minmax(a, b));
  for (const auto& weak : pipes_)
    if (const auto pipe = weak.lock()) pipe->unstick();
}

}  // namespace tidegate::sim
