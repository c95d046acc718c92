// SPDX-License-Identifier: Apache-2.0
// An IMAP server that follows a script: expected bytes in, given bytes out, on loopback, one connection.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace tidegate::peers {

/// hear: what the client's next line must hold (after its tag); empty: nothing is read before saying.
/// say: sent then; "$T" is the tag of the line heard last. close: the connection ends after that.
struct Step {
  std::string hear;
  std::string say;
  bool close = false;
};

class ScriptedImap {
 public:
  explicit ScriptedImap(std::vector<Step> script);  ///< listens at once, plays in a thread of its own
  ~ScriptedImap();
  ScriptedImap(const ScriptedImap&) = delete;
  ScriptedImap& operator=(const ScriptedImap&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Waits until the script is through or broken; empty: it was followed to its end. Else what was expected and heard.
  std::string verdict();

 private:
  void play(const std::vector<Step>& script);
  int listener_ = -1;
  std::atomic<int> client_ = -1;  ///< to end a script that still waits
  std::uint16_t port_ = 0;
  std::string verdict_;
  std::thread thread_;
};

/// Greeting and login of a server with these capabilities, as the first steps of a script.
std::vector<Step> logged_in(const std::string& capabilities, std::vector<Step> then);

}  // namespace tidegate::peers
