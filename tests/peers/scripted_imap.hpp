// SPDX-License-Identifier: Apache-2.0
// An IMAP or SMTP server that follows a script: expected bytes in, given bytes out, on loopback, one connection after
// the other.
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
  bool message = false;  ///< hear instead all lines up to a lone dot; they are kept (SMTP's DATA)
  bool tls = false;      ///< a TLS handshake follows
};

class LineSocket;

class ScriptedImap {
 public:
  using Script = std::vector<Step>;
  struct Files {
    std::string certificate, key;  ///< for Step::tls
  };
  explicit ScriptedImap(Script script);  ///< listens at once, plays in a thread of its own
  explicit ScriptedImap(std::vector<Script> scripts, Files files = {});  ///< one a connection
  ~ScriptedImap();
  ScriptedImap(const ScriptedImap&) = delete;
  ScriptedImap& operator=(const ScriptedImap&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Waits until the script is through or broken; empty: it was followed to its end. Else what was expected and heard.
  std::string verdict();
  /// Of Step::message, as they came, dots and CRLFs included; after verdict().
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void play(const Script& script);
  bool follow(LineSocket& client, const Step& step, std::string& tag);
  int listener_ = -1;
  std::atomic<int> client_ = -1;  ///< to end a script that still waits
  std::uint16_t port_ = 0;
  std::string verdict_, message_;
  Files files_;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

using ScriptedSmtp = ScriptedImap;  // the same player: lines in, lines out

/// Greeting and login of a server with these capabilities, as the first steps of a script.
std::vector<Step> logged_in(const std::string& capabilities, std::vector<Step> then);

}  // namespace tidegate::peers
