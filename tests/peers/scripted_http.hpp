// SPDX-License-Identifier: Apache-2.0
// An HTTP server that follows a script: the requests it expects, in their order, on whatever connections, and what it
// answers, on loopback.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tidegate::peers {

struct HttpStep {
  std::string hear;                     ///< "METHOD /target"; empty: any
  std::vector<std::string> holds = {};  ///< what must stand in head or body; with ! in front: must not
  unsigned status = 200;
  std::string fields = {};  ///< "ETag: \"1\"\r\n"…, besides Content-Length
  std::string body = {};
  std::string raw = {};  ///< instead of all that, the octets of the answer
  bool close = false;    ///< the connection ends after that
  bool hang = false;     ///< nothing is said; the connection stays
  bool drop = false;     ///< nothing is said, and the connection ends
};

class LineSocket;

class ScriptedHttp {
 public:
  struct Files {
    std::string certificate, key;
  };
  explicit ScriptedHttp(std::vector<HttpStep> script, Files files = {});  ///< files: it speaks TLS
  ~ScriptedHttp();
  ScriptedHttp(const ScriptedHttp&) = delete;
  ScriptedHttp& operator=(const ScriptedHttp&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(std::string_view target = "/") const;
  /// Empty: all of the script was followed, and nothing else came. Else what was expected and what was heard.
  std::string verdict();
  void more(std::vector<HttpStep>);     ///< goes on with these
  std::vector<std::string> heard();     ///< "METHOD /target" of all requests, in order
  std::vector<std::string> requests();  ///< head and body of each
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void serve(int fd);
  bool answer(LineSocket&, const std::string& first, const std::string& head, const std::string& body);
  int listener_ = -1;
  std::uint16_t port_ = 0;
  const Files files_;
  std::mutex mutex_;
  std::deque<HttpStep> script_;
  std::string verdict_;
  std::vector<std::string> heard_, requests_;
  std::list<int> clients_;
  bool ending_ = false;
  std::atomic<int> connections_ = 0;
  std::list<std::thread> threads_;
  std::thread thread_;
};

}  // namespace tidegate::peers
