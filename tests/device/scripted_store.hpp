// SPDX-License-Identifier: Apache-2.0
// The gateway's side of the command journal on a ScriptedLog: carries commands out in their order, once an id, and
// answers a repeated id with the same result (docs/wire.md §8.8). What breaks the contract fails the test.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/device/disk_fixture.hpp"

namespace tidegate::device {

class ScriptedStore {
 public:
  explicit ScriptedStore(ScriptedLog& log) : log_(log) {}

  std::function<std::optional<FaultKind>(const e2e::Command&)> refuse;
  bool another_gid = false;                     ///< creates are known by a gid of the store's own
  bool mute = false;                            ///< takes all, says no result
  bool untold = false;                          ///< results of updates bear no number
  std::function<Bytes(const Bytes&)> rewrites;  ///< what it keeps of a content
  std::vector<e2e::Command> carried_out;        ///< content unpacked and whole
  std::vector<std::string> sent_mail;
  std::map<Bytes, e2e::CommandResult> results;  ///< not yet stored by the device

  void begin_session() { open_.reset(); }
  /// Results that were not stored, said again at the beginning of a session.
  std::vector<e2e::ToDevice> unstored() const;
  std::vector<e2e::ToDevice> hear(const e2e::ToGateway&);

 private:
  struct Body {
    e2e::Command command;
    Bytes content;
  };
  std::vector<e2e::ToDevice> whole(Body);
  e2e::CommandResult carry_out(const Body&);
  ScriptedLog::Entry* entry(const Gid&);

  ScriptedLog& log_;
  std::optional<Body> open_;
  std::map<Bytes, Body> known_;
  std::uint64_t next_ = 5000;
};

}  // namespace tidegate::device
