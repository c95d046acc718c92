// SPDX-License-Identifier: Apache-2.0
#include "core/web/client.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <deque>
#include <mutex>
#include <vector>

#include <fmt/format.h>

#include "core/web/line.hpp"

namespace tidegate::web {

/// The lines that nobody uses, the one used last at the end: it is taken first, so that no more are open than needed.
struct Client::Pool {
  std::mutex mutex;
  std::deque<std::unique_ptr<Line>> idle;
  std::atomic<std::uint64_t> connects = 0;

  std::unique_ptr<Line> take(const std::string& key) {
    {
      const std::scoped_lock lock(mutex);
      const auto found =
          std::ranges::find_if(idle.rbegin(), idle.rend(), [&](const auto& line) { return line->key == key; });
      if (found != idle.rend()) {
        auto line = std::move(*found);
        idle.erase(std::next(found).base());
        return line;
      }
    }
    return fresh(key);
  }

  static std::unique_ptr<Line> fresh(const std::string& key) {
    auto line = std::make_unique<Line>();
    line->key = key;
    return line;
  }

  void give(std::unique_ptr<Line> line, const ClientSettings& settings) {
    std::vector<std::unique_ptr<Line>> old;  // closed outside of the lock
    const auto now = line->idle_since = Clock::now();
    line->used = true;
    const std::scoped_lock lock(mutex);
    idle.push_back(std::move(line));
    while (!idle.empty() &&
           (idle.size() > settings.idle_connections || idle.front()->idle_since + settings.idle_most < now)) {
      old.push_back(std::move(idle.front()));
      idle.pop_front();
    }
  }
};

namespace {

std::string key_of(const Login& login) {
  switch (login.scheme) {
    case Login::Scheme::digest:
    case Login::Scheme::ntlm:
    case Login::Scheme::negotiate:
      // The password too: a changed one must not go on with what the old one opened.
      return fmt::format("{}\n{}\n{}", static_cast<int>(login.scheme), login.user, login.secret);
    case Login::Scheme::none:
    case Login::Scheme::basic:
    case Login::Scheme::bearer:
      break;
  }
  return {};
}

bool redirects(unsigned status) { return status == 301 || status == 302 || status == 307 || status == 308; }

Fault of_proxy(const std::string& place, const std::string& proxy, long status, std::string cause) {
  if (status == 407)
    return {FaultKind::denied,
            place,
            fmt::format("The proxy {} demands a user and a password, or refuses the ones it got (407).", proxy),
            std::move(cause),
            {}};
  return {FaultKind::unavailable,
          place,
          fmt::format("The proxy {} does not lead to {} (status {}).", proxy, place, status),
          std::move(cause),
          {}};
}

/// libcurl's words name hosts, ports and certificates, never contents.
Fault fault_of_code(CURLcode code, const Url& url, const std::string& proxy, long proxied, std::string cause) {
  const auto place = url.place();
  const auto make = [&](FaultKind kind, std::string text) {
    return Fault{kind, place, std::move(text), std::move(cause), {}};
  };
  if (!proxy.empty() && proxied >= 300) return of_proxy(place, proxy, proxied, std::move(cause));
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return make(FaultKind::unavailable,
                  "No address is known for " + url.host + ": check the name and the name servers.");
    case CURLE_COULDNT_RESOLVE_PROXY:
      return make(FaultKind::unavailable, "No address is known for the proxy " + proxy + ".");
    case CURLE_COULDNT_CONNECT:
      return make(FaultKind::unavailable,
                  "There is no connection to " + (proxy.empty() ? place : "the proxy " + proxy) + ": is it running?");
    case CURLE_OPERATION_TIMEDOUT:
      return make(FaultKind::unavailable, place + " did not answer in time: check the network and the server.");
    case CURLE_PEER_FAILED_VERIFICATION:
      return make(FaultKind::denied, "The certificate of " + place +
                                         " is not trusted, has expired, or is of another name: check ca_file, the "
                                         "name in the settings, and the certificate.");
    case CURLE_SSL_CACERT_BADFILE:
      return make(FaultKind::invalid, "The file with the authority's certificate (ca_file) cannot be read.");
    case CURLE_SSL_CONNECT_ERROR:
      return make(FaultKind::unavailable, "TLS with " + place + " failed: does it speak TLS 1.2 or later there?");
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
      return make(FaultKind::invalid, "What answers at " + place + " does not speak HTTP as it should.");
    default:
      return make(FaultKind::unavailable, "The connection to " + place + " broke before the answer was whole.");
  }
}

}  // namespace

Client::Client(ClientSettings settings) : pool_(std::make_unique<Pool>()), settings_(std::move(settings)) {}
Client::~Client() = default;
std::uint64_t Client::connects() const { return pool_->connects; }

Result<Response> Client::once(const Call& call, const Request& request, const Url& url, Sink& sink) {
  bool died = false;
  auto answer = over(pool_->take(key_of(request.login)), call, request, url, sink, died);
  if (!died) return answer;
  // libcurl sends a request again whose connection the server had closed, but only five times in the life of a handle
  // (until 8.17). SOGo closes after each answer, and does not say so.
  return over(pool_->fresh(key_of(request.login)), call, request, url, sink, died);
}

Result<Response> Client::over(std::unique_ptr<Line> line, const Call& call, const Request& request, const Url& url,
                              Sink& sink, bool& died) {
  const auto place = url.place();
  if (url.scheme != "https" && !settings_.allow_plaintext)
    return fault(FaultKind::denied, place, "Nothing is sent unencrypted: the address must begin with https://.");
  if (call.stop.stop_requested() || Clock::now() >= call.deadline)
    return fault(FaultKind::cancelled, place, "The call was stopped or its time was over before it began.");
  if (!line->good()) return fault(FaultKind::unavailable, place, "libcurl could not be started: memory is short.");
  line->sink = &sink;
  if (auto ready = line->prepare(settings_, request, url, call); !ready)
    return std::unexpected(std::move(ready.error()));
  bool cancelled = false;
  const auto code = line->run(call, cancelled);
  pool_->connects += static_cast<std::uint64_t>(std::max(0L, line->number(CURLINFO_NUM_CONNECTS)));
  auto response = std::move(line->response);
  if (cancelled) {
    return fault(FaultKind::cancelled, place,
                 call.stop.stop_requested() ? "The work with " + place + " was stopped."
                                            : place + " did not answer in time: check the network and the server.");
  }
  if (line->oversize)
    return fault(FaultKind::too_large, place, "The answer of " + place + " is larger than is read here.");
  if (code != CURLE_OK && !line->enough) {
    died = code == CURLE_SEND_ERROR && line->used && response.status == 0;
    return std::unexpected(fault_of_code(code, url, line->proxy, line->number(CURLINFO_HTTP_CONNECTCODE),
                                         line->words[0] != '\0' ? line->words.data() : curl_easy_strerror(code)));
  }
  if (code == CURLE_OK) pool_->give(std::move(line), settings_);
  if (response.status == 401 && request.login.scheme == Login::Scheme::negotiate) {
    return fault(FaultKind::auth, place,
                 place +
                     " refuses the Kerberos login, or this process has no ticket for it: KRB5_CLIENT_KTNAME names "
                     "the keytab of its account, and the server's principal must be HTTP/" +
                     url.host + ".");
  }
  return response;
}

Result<Response> Client::send(const Call& call, const Request& request, Sink sink) {
  Url url = request.url;
  for (unsigned hop = 0;; ++hop) {
    auto answer = once(call, request, url, sink);
    if (!answer || !redirects(answer->status) || request.redirects == 0) return answer;
    const auto* to = answer->fields.find("Location");
    if (to == nullptr) return answer;
    auto next = resolve(url, *to);
    if (!next || hop >= request.redirects)
      return fault(FaultKind::invalid, url.place(), "The server redirects in a circle, or to no address.");
    const bool elsewhere = !next->same_origin(request.url);
    if (elsewhere && (next->scheme != "https" || !settings_.may_visit || !settings_.may_visit(*next))) {
      return fault(FaultKind::denied, url.place(),
                   "The server redirects to " + next->origin() +
                       ", where no credentials are sent: name that host in the settings if it is meant.");
    }
    url = std::move(*next);
  }
}

Fault fault_of(const Response& response, std::string_view doing) {
  const auto make = [&](FaultKind kind, std::string_view text) {
    return Fault{
        kind, response.url.place(), fmt::format("{}: {} (HTTP status {}).", doing, text, response.status), {}, {}};
  };
  switch (response.status) {
    case 401:
      return make(FaultKind::auth, "the server refuses the login");
    case 403:
      return make(FaultKind::denied, "the server forbids it");
    case 404:
    case 410:
      return make(FaultKind::not_found, "it is not there (any more)");
    case 409:
    case 412:
      return make(FaultKind::conflict, "it is another by now");
    case 413:
      return make(FaultKind::too_large, "it is too large for the server");
    case 405:
    case 501:
      return make(FaultKind::unsupported, "the server cannot do it");
    case 507:
      return make(FaultKind::quota, "the server has no room left");
    default:
      break;
  }
  if (response.status == 429 || response.status == 503) {
    std::uint32_t seconds = 0;
    if (const auto* said = response.fields.find("Retry-After"))
      std::from_chars(said->data(), said->data() + said->size(), seconds);
    auto busy = make(response.status == 429 || seconds > 0 ? FaultKind::throttled : FaultKind::unavailable,
                     "the server is busy");
    busy.retry_after = std::chrono::seconds(std::min<std::uint32_t>(seconds, 3600));
    return busy;
  }
  if (response.status == 408 || response.status == 423 || response.status >= 500)
    return make(FaultKind::unavailable, "the server cannot do it now");
  return make(FaultKind::invalid, "the server answers what is not expected");
}

}  // namespace tidegate::web
