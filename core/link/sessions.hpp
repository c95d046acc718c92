// SPDX-License-Identifier: Apache-2.0
// The device sessions of one RTS session: numbers, credit and receipts of both directions, and the lane each is on.
// Pure (docs/wire.md, credit and numbers).
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "core/link/link.hpp"

namespace tidegate::link {

/// What to do with a device frame that came from the relay.
enum class Verdict : std::uint8_t {
  deliver,
  repeat,       ///< drop it
  gap,          ///< close the session: gap
  over_credit,  ///< close the session: over_credit
  moved,        ///< not a session of ours (any more): answer `moved`
  full,         ///< too many sessions: answer `unavailable`
};

class Sessions {
 public:
  explicit Sessions(std::uint64_t window) : window_(window) {}

  /// Judges a frame of type wake_up, wake_up_ack, handshake or sealed; a first wake_up opens its session.
  Verdict incoming(const wire::Frame&);
  /// Numbers a frame and takes its credit. Faults: not_found, throttled, too_large.
  Result<std::uint64_t> outgoing(wire::Frame&);
  /// A Credit frame of the relay. True: something went on (see available(), handed()).
  bool credited(SessionKey, const wire::Credit&);
  void forget(SessionKey);

  std::uint64_t available(SessionKey) const;
  std::uint64_t handed(SessionKey) const;
  bool knows(SessionKey key) const { return find(key) != nullptr; }
  /// Of the session that this id has now.
  std::optional<std::uint64_t> generation(std::uint64_t id) const;
  std::size_t count() const { return sessions_.size(); }

  /// The lane this session's next frame must take; nullopt: any, nothing is without receipt. Design: a device changes
  /// lane only with nothing unreceipted.
  std::optional<std::uint32_t> lane(SessionKey) const;
  void put_on(SessionKey, std::uint32_t lane);

  /// The owner dealt with that much. A value: the Credit to send now.
  std::optional<wire::Credit> consumed(SessionKey, std::uint64_t octets);
  /// The Credit as it stands; nullopt: no such session.
  std::optional<wire::Credit> grant(SessionKey);
  /// Those whose grant was sent since the last call: to be repeated once, with the heartbeat.
  std::vector<SessionKey> granted_lately();

 private:
  struct Direction {
    std::uint64_t number = 0;  ///< of the last frame
    std::uint64_t octets = 0;  ///< offset reached
    std::uint64_t up_to = wire::initial_credit;
  };
  struct Session {
    std::uint64_t generation = 0;
    Direction to_device, from_device;
    std::uint64_t handed = 0;    ///< receipt for to_device
    std::uint64_t consumed = 0;  ///< of from_device
    std::uint32_t lane = 0;
  };
  const Session* find(SessionKey) const;
  Session* find(SessionKey);

  static constexpr std::size_t most_sessions = 200'000;

  std::uint64_t window_;
  std::unordered_map<std::uint64_t, Session> sessions_;  ///< by id
  std::set<SessionKey> granted_;
};

}  // namespace tidegate::link
