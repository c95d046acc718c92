// SPDX-License-Identifier: Apache-2.0
#include "core/web/line.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace tidegate::web {
namespace {

constexpr std::size_t head_most = std::size_t{64} << 10;
constexpr std::size_t refusal_most = std::size_t{64} << 10;  // what is kept of a body that nobody asked for

bool start_library() {
  // CURLOPT_NOSIGNAL leaves SIGPIPE to the program: a peer that closes must be an error, not the end.
  static const bool fine = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK && std::signal(SIGPIPE, SIG_IGN) != SIG_ERR;
  return fine;
}

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\r\n");
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

long auth_of(Login::Scheme scheme) {
  switch (scheme) {
    case Login::Scheme::basic:
      return CURLAUTH_BASIC;
    case Login::Scheme::digest:
      return CURLAUTH_DIGEST;
    case Login::Scheme::ntlm:
      return CURLAUTH_NTLM;
    case Login::Scheme::negotiate:
      return CURLAUTH_NEGOTIATE;
    case Login::Scheme::none:
    case Login::Scheme::bearer:
      break;
  }
  return CURLAUTH_NONE;
}

}  // namespace

Client::Line::Line() {
  if (!start_library()) return;
  multi = curl_multi_init();
  easy = curl_easy_init();
  if (multi != nullptr) curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1L);
}

Client::Line::~Line() {
  curl_easy_cleanup(easy);
  curl_multi_cleanup(multi);
  curl_slist_free_all(fields);
}

Result<void> Client::Line::prepare(const ClientSettings& settings, const Request& asked, const Url& url,
                                   const Call& call) {
  request = &asked;
  response = {.url = url};
  head_octets = 0;
  body_octets = 0;
  enough = oversize = false;
  words[0] = '\0';
  proxy.clear();
  // No curl_easy_reset(): it forgets what a digest agreed on. So whatever an earlier request set is set anew here.
  set(CURLOPT_URL, url.text().c_str());
  set(CURLOPT_PROTOCOLS_STR, settings.allow_plaintext ? "http,https" : "https");
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // giving up does not wait for a name server
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_USERAGENT, "Tidegate");  // RFC 9110 §10.1.5; to who says nothing SOGo shows one address book alone
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_ERRORBUFFER, words.data());
  if (!settings.ca_file.empty()) {
    set(CURLOPT_CAINFO, settings.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // else the system's authorities count as well
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(call.deadline - Clock::now());
  set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(std::max<std::int64_t>(1, std::min(left, settings.connect_timeout).count())));
  set(CURLOPT_ACCEPT_ENCODING, asked.compressed ? "gzip, deflate" : static_cast<const char*>(nullptr));
  set(CURLOPT_HEADERFUNCTION, &Line::head);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &Line::body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

  set(CURLOPT_HTTPGET, 1L);
  set(CURLOPT_NOBODY, asked.method == "HEAD" ? 1L : 0L);
  set(CURLOPT_CUSTOMREQUEST, asked.method.c_str());
  const bool uploads = !asked.body.empty() || asked.method == "PUT" || asked.method == "POST";
  if (uploads) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(asked.body.size()));
    set(CURLOPT_POSTFIELDS, asked.body.c_str());
  }
  curl_slist_free_all(std::exchange(fields, nullptr));
  const auto add = [&](const std::string& line) { fields = curl_slist_append(fields, line.c_str()); };
  for (const auto& [name, value] : asked.fields.all()) {
    // What ends a line ends a field, and begins one of somebody else's.
    if (name.find_first_of("\r\n:") != name.npos || value.find_first_of("\r\n") != value.npos)
      return fault(FaultKind::invalid, url.place(), "A header field holds a line break; it was not sent.");
    add(value.empty() ? name + ";" : name + ": " + value);
  }
  if (asked.login.scheme == Login::Scheme::bearer) add("Authorization: Bearer " + asked.login.secret);
  add("Expect:");  // no pause before a body
  if (uploads && asked.fields.find("Content-Type") == nullptr) add("Content-Type:");
  set(CURLOPT_HTTPHEADER, fields);
  const long auth = auth_of(asked.login.scheme);
  const auto nobody = static_cast<const char*>(nullptr);
  set(CURLOPT_HTTPAUTH, auth);
  set(CURLOPT_USERNAME, auth == static_cast<long>(CURLAUTH_NONE) ? nobody : asked.login.user.c_str());
  set(CURLOPT_PASSWORD, auth == static_cast<long>(CURLAUTH_NONE) ? nobody : asked.login.secret.c_str());

  set(CURLOPT_PROXY, "");  // nothing of the environment but what the route says
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_HTTPPROXYTUNNEL, 0L);
  set(CURLOPT_PROXYUSERNAME, nobody);
  set(CURLOPT_PROXYPASSWORD, nobody);
  if (!settings.route) return {};
  auto via = settings.route(url.host, url.port);
  if (!via) return std::unexpected(std::move(via.error()));
  if (!*via) return {};
  const auto host = (*via)->host.contains(':') ? "[" + (*via)->host + "]" : (*via)->host;
  proxy = fmt::format("{}:{}", host, (*via)->port);
  set(CURLOPT_PROXY, ("http://" + proxy).c_str());
  set(CURLOPT_HTTPPROXYTUNNEL, 1L);
  set(CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_BASIC | CURLAUTH_DIGEST | CURLAUTH_NTLM));
  if (!(*via)->user.empty()) {
    set(CURLOPT_PROXYUSERNAME, (*via)->user.c_str());
    set(CURLOPT_PROXYPASSWORD, (*via)->password.c_str());
  }
  return {};
}

// Each answer on the way to the last (100, 401 with a digest to come) begins anew.
std::size_t Client::Line::head(const char* text, std::size_t, std::size_t size, void* user) {
  auto& line = *static_cast<Line*>(user);
  line.head_octets += size;
  if (line.head_octets > head_most) {
    line.oversize = true;
    return 0;
  }
  const std::string_view said(text, size);
  if (said.starts_with("HTTP/")) {
    line.response.fields = {};
    line.response.body.clear();
    line.body_octets = 0;
    line.response.status = 0;
  } else if (const auto colon = said.find(':'); colon != said.npos) {
    line.response.fields.add(std::string(trimmed(said.substr(0, colon))), std::string(trimmed(said.substr(colon + 1))));
  }
  return size;
}

std::size_t Client::Line::body(const char* text, std::size_t, std::size_t size, void* user) {
  auto& line = *static_cast<Line*>(user);
  const std::string_view piece(text, size);
  const long status = line.number(CURLINFO_RESPONSE_CODE);
  const bool success = status >= 200 && status < 300;
  line.body_octets += size;
  if (!success) {
    line.response.body.append(piece.substr(0, refusal_most - std::min(refusal_most, line.response.body.size())));
    if (line.body_octets <= std::max<std::uint64_t>(line.request->most, refusal_most)) return size;
    line.oversize = true;
    return 0;
  }
  if (line.body_octets > line.request->most) {
    line.oversize = true;
    return 0;
  }
  if (line.sink == nullptr || !*line.sink) {
    line.response.body.append(piece);
    return size;
  }
  if ((*line.sink)(piece)) return size;
  line.enough = true;
  return 0;
}

CURLcode Client::Line::run(const Call& call, bool& cancelled) {
  cancelled = false;
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
  std::optional<CURLcode> result;
  {
    const std::stop_callback wake(call.stop, [this] { curl_multi_wakeup(multi); });
    while (!result) {
      int running = 0, left = 0;
      if (curl_multi_perform(multi, &running) != CURLM_OK) result = CURLE_FAILED_INIT;
      while (const auto* message = curl_multi_info_read(multi, &left))
        if (message->msg == CURLMSG_DONE) result = message->data.result;
      if (result) break;
      const auto rest = std::chrono::ceil<std::chrono::milliseconds>(call.deadline - Clock::now());
      if (call.stop.stop_requested() || rest.count() <= 0) {
        cancelled = true;
        break;
      }
      const auto pause = std::min<std::chrono::milliseconds>(rest, std::chrono::minutes(1));
      if (curl_multi_poll(multi, nullptr, 0, static_cast<int>(pause.count()), nullptr) != CURLM_OK)
        result = CURLE_FAILED_INIT;
    }
  }
  curl_multi_remove_handle(multi, easy);
  response.status = static_cast<unsigned>(number(CURLINFO_RESPONSE_CODE));
  return result.value_or(CURLE_ABORTED_BY_CALLBACK);
}

}  // namespace tidegate::web
