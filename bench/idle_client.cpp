// SPDX-License-Identifier: Apache-2.0
// A bare IMAP client that only idles (RFC 2177) over TLS: the yardstick of push-latency. It takes the time as soon as
// an EXISTS has been read, before anything else is done with it.
//   idle_client PORT CA_FILE USER PASSWORD
// Prints "idling", then for each EXISTS "exists COUNT UNIX_MICROSECONDS". Ends when the server closes.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "core/tls/blocking.hpp"

namespace {

using namespace tidegate;

std::int64_t unix_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class IdleClient {
 public:
  explicit IdleClient(std::unique_ptr<tls::BlockingTls> stream) : stream_(std::move(stream)) {}

  /// Whether the server agreed.
  bool command(const std::string& text) {
    const auto tag = fmt::format("a{} ", ++tag_);
    if (!send(tag + text)) return false;
    for (;;) {
      const auto line = next_line();
      if (line.empty()) return false;
      if (line.starts_with(tag)) return line.starts_with(tag + "OK");
    }
  }

  bool idle() {
    if (!send("i IDLE")) return false;
    for (auto line = next_line(); !line.starts_with('+'); line = next_line())
      if (line.empty()) return false;
    return true;
  }

  /// A line without its end; empty: the connection is over.
  std::string next_line() {
    for (;;) {
      if (const auto end = held_.find("\r\n"); end != std::string::npos) {
        auto line = held_.substr(0, end);
        held_.erase(0, end + 2);
        return line;
      }
      std::byte buffer[4096];
      const auto got = stream_->read(buffer, forever());
      heard_us_ = unix_us();
      if (!got || *got == 0) return {};
      held_.append(reinterpret_cast<const char*>(buffer), *got);
    }
  }

  std::int64_t heard_us() const { return heard_us_; }

 private:
  static Call forever() { return {.deadline = Clock::now() + std::chrono::hours(24), .stop = {}}; }
  bool send(const std::string& text) {
    const auto line = text + "\r\n";
    return stream_->write(std::as_bytes(std::span(line)), forever()).has_value();
  }

  std::unique_ptr<tls::BlockingTls> stream_;
  std::string held_;
  std::int64_t heard_us_ = 0;
  int tag_ = 0;
};

}  // namespace

int main(int count, char** words) {
  if (count != 5) {
    fmt::print(stderr, "usage: idle_client PORT CA_FILE USER PASSWORD\n");
    return 2;
  }
  sim::Endpoint endpoint{.host = "localhost", .port = static_cast<std::uint16_t>(std::atoi(words[1]))};
  endpoint.ca_file = words[2];
  auto stream = tls::connect_blocking(endpoint, {.deadline = Clock::now() + std::chrono::seconds(20), .stop = {}});
  if (!stream) {
    fmt::print(stderr, "idle_client: {}\n", stream.error().text);
    return 1;
  }
  IdleClient client(std::move(*stream));
  if (!client.command(fmt::format("LOGIN {} {}", words[3], words[4])) || !client.command("SELECT INBOX") ||
      !client.idle()) {
    fmt::print(stderr, "idle_client: the server refused LOGIN, SELECT or IDLE\n");
    return 1;
  }
  fmt::print("idling\n");
  std::fflush(stdout);
  for (auto line = client.next_line(); !line.empty(); line = client.next_line()) {
    if (!line.ends_with(" EXISTS")) continue;
    fmt::print("exists {} {}\n", std::atoi(line.c_str() + 2), client.heard_us());
    std::fflush(stdout);
  }
  return 0;
}
