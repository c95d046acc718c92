// SPDX-License-Identifier: Apache-2.0
// HTTPS requests of the plugins (DAV, EWS), by libcurl: blocking, for worker threads, on connections that are kept for
// the next request. TLS 1.2 at least, verified; HTTP/1.1; proxies; Basic, Digest, NTLM, Negotiate and Bearer.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/http/head.hpp"
#include "core/sdk/store.hpp"
#include "core/sim/network.hpp"
#include "core/web/url.hpp"

namespace tidegate::web {

/// Who asks. A connection on which somebody logged in for good (NTLM, Negotiate) or a digest was agreed on serves that
/// login alone; all others serve everybody.
struct Login {
  enum class Scheme : std::uint8_t { none, basic, digest, ntlm, negotiate, bearer } scheme = Scheme::none;
  std::string user = {};
  std::string secret = {};  ///< password or token
  bool operator==(const Login&) const = default;
};

struct Request {
  std::string method = "GET";
  Url url = {};
  http::Fields fields = {};  ///< besides Host, Authorization, Content-Length, Accept-Encoding
  std::string body = {};
  Login login = {};
  std::uint64_t most = 16 * 1024 * 1024;  ///< octets of the answer's body, uncompressed
  bool compressed = true;                 ///< the answer may come compressed (some servers change an ETag with it)
  /// How many redirects are followed, with the method and body as they are. To another origin only where
  /// Settings::may_visit allows it.
  unsigned redirects = 5;
};

struct Response {
  unsigned status = 0;
  http::Fields fields = {};
  std::string body = {};  ///< of other statuses than 2xx, or where there was no sink
  Url url = {};           ///< who answered, after redirects
};

/// Gets the body of a 2xx in pieces, as it comes; false: enough, which is no fault (the connection is given up).
using Sink = std::move_only_function<bool(std::string_view)>;

struct ClientSettings {
  std::string ca_file = {};  ///< PEM; empty: the system's store
  sim::Route route = {};     ///< empty: directly; asked at each request, on its thread
  std::chrono::milliseconds connect_timeout{30'000};
  std::size_t idle_connections = 8;  ///< kept open between requests; of a login of its own and others together
  std::chrono::milliseconds idle_most{90'000};
  bool allow_plaintext = false;  ///< http:// may be spoken
  /// Whether requests, and with them credentials, may follow to that address; empty: only to the origin first asked.
  std::function<bool(const Url&)> may_visit = {};
};

/// Any thread; send() blocks until the Call's end at the latest.
class Client {
 public:
  explicit Client(ClientSettings);
  ~Client();  ///< no send() is under way
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Any status is an answer (see fault_of). Faults: cancelled (deadline, stop), unavailable (name, connection, proxy,
  /// cut short: whether the request was received is not known), denied (certificate; a redirect elsewhere), invalid (no
  /// TLS or no HTTP there), too_large (Request::most, head).
  Result<Response> send(const Call&, const Request&, Sink = {});

  /// Connections that were made so far, for tests and figures.
  std::uint64_t connects() const;

 private:
  struct Pool;
  struct Line;
  Result<Response> once(const Call&, const Request&, const Url&, Sink&);
  /// died: the line had been used, and its connection ended before anything of an answer came.
  Result<Response> over(std::unique_ptr<Line>, const Call&, const Request&, const Url&, Sink&, bool& died);
  std::unique_ptr<Pool> pool_;
  const ClientSettings settings_;
};

/// What a status of no success means to a caller that has no better idea: 401 auth, 403 denied, 404 and 410 not_found,
/// 409 and 412 conflict, 413 too_large, 429 and 503 throttled (with Retry-After, at most an hour), 507 quota, 5xx
/// unavailable, the rest invalid.
Fault fault_of(const Response&, std::string_view doing);

}  // namespace tidegate::web
