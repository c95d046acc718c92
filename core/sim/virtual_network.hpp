// SPDX-License-Identifier: Apache-2.0
// The net of a VirtualWorld: listeners, pipes with bounded buffers, cuts and black holes. Only virtual_world.cpp
// sees it.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/sim/network.hpp"
#include "core/sim/virtual_clock.hpp"

namespace tidegate::sim {

struct Pipe;
class VirtualListening;

class VirtualNet {
 public:
  explicit VirtualNet(VirtualClock& clock) : clock_(clock) {}
  VirtualNet(const VirtualNet&) = delete;
  VirtualNet& operator=(const VirtualNet&) = delete;

  std::unique_ptr<Network> network_of(std::shared_ptr<const Life>);
  void name(const std::string& name, std::uint32_t host) { names_[name] = host; }
  void dies(std::uint32_t host, std::chrono::nanoseconds told_within);  ///< listeners vanish, connections are reset

  void latency(std::chrono::nanoseconds least, std::chrono::nanoseconds most) { least_ = least, most_ = most; }
  void lose_connections(double probability) { loss_ = probability; }
  void cut(std::uint32_t a, std::uint32_t b);
  void blackhole(std::uint32_t a, std::uint32_t b) { holes_.insert(std::minmax(a, b)); }
  void heal(std::uint32_t a, std::uint32_t b);

  // For streams, dialings and listeners.
  VirtualClock& clock() { return clock_; }
  std::chrono::nanoseconds delay() { return clock_.between(least_, most_); }
  bool is_cut(std::uint32_t a, std::uint32_t b) const { return cuts_.contains(std::minmax(a, b)); }
  bool is_hole(std::uint32_t a, std::uint32_t b) const { return holes_.contains(std::minmax(a, b)); }
  bool loses() { return loss_ > 0 && clock_.chance(loss_); }
  void dial(std::uint32_t from, const Endpoint&, const std::shared_ptr<struct Dial>&);
  Result<std::unique_ptr<Listening>> listen(std::uint32_t host, const Listen&, Network::Accepted);
  void stop_listening(std::uint32_t host, const std::string& place);

 private:
  struct Listener;
  using Place = std::pair<std::uint32_t, std::string>;  // host, "443" or a path

  void arrive(std::uint32_t from, std::uint32_t to, const Endpoint&, const std::shared_ptr<struct Dial>&);
  void answer(std::uint32_t from, const std::shared_ptr<struct Dial>&, Result<std::unique_ptr<Stream>>);

  VirtualClock& clock_;
  std::chrono::nanoseconds least_ = std::chrono::microseconds(200);
  std::chrono::nanoseconds most_ = std::chrono::milliseconds(2);
  double loss_ = 0;
  std::map<std::string, std::uint32_t> names_;
  std::map<Place, std::shared_ptr<Listener>> listeners_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> cuts_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> holes_;
  std::vector<std::weak_ptr<Pipe>> pipes_;
  std::vector<std::weak_ptr<struct Dial>> dials_;
  std::uint16_t next_port_ = 20000;
};

}  // namespace tidegate::sim
