// SPDX-License-Identifier: Apache-2.0
#include "core/proxy/tunnel.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <curl/curl.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/crypto.h>

#include "core/proxy/address.hpp"
#include "core/proxy/refusal.hpp"

namespace tidegate::proxy {
namespace {

constexpr long spoken = CURLAUTH_BASIC | CURLAUTH_DIGEST | CURLAUTH_NTLM;
constexpr std::size_t most_heard = std::size_t{64} << 10;  // of a proxy's heads, all its answers together

bool start_library() {
  static const bool fine = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
  return fine;
}

/// "host:port:address,address": libcurl then asks no name server.
std::string resolved(const sim::Proxy& via, const std::vector<tls::Address>& addresses) {
  std::string all;
  for (const auto& address : addresses) {
    std::array<char, NI_MAXHOST> digits{};
    if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address.data), address.size, digits.data(), digits.size(),
                      nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    const bool six = address.data.ss_family == AF_INET6;
    all += (all.empty() ? "" : ",") + std::string(six ? "[" : "") + digits.data() + (six ? "]" : "");
  }
  return via.host + ":" + std::to_string(via.port) + ":" + all;
}

/// The schemes of an answer 407, strongest first.
std::string words(long offered) {
  constexpr std::array<std::pair<unsigned long, const char*>, 5> all{{{CURLAUTH_NEGOTIATE, "Negotiate"},
                                                                      {CURLAUTH_BEARER, "Bearer"},
                                                                      {CURLAUTH_DIGEST, "Digest"},
                                                                      {CURLAUTH_NTLM, "NTLM"},
                                                                      {CURLAUTH_BASIC, "Basic"}}};
  std::string text;
  for (const auto& [bit, word] : all)
    if ((static_cast<unsigned long>(offered) & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* address) {
  const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd >= 0) tls::tune(fd);
  return fd;
}

}  // namespace

struct Tunnel::Curl {
  CURLM* multi = curl_multi_init();
  CURL* easy = curl_easy_init();
  curl_slist* addresses = nullptr;
  std::array<char, CURL_ERROR_SIZE> words{};
  std::size_t heard = 0;

  Curl() = default;
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;
  ~Curl() {
    if (multi != nullptr && easy != nullptr) curl_multi_remove_handle(multi, easy);
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    curl_slist_free_all(addresses);
  }

  template <class T>
  void set(CURLoption option, T value) const {
    curl_easy_setopt(easy, option, value);
  }
  template <class T>
  void set(CURLMoption option, T value) const {
    curl_multi_setopt(multi, option, value);
  }
  long number(CURLINFO what) const {
    long value = 0;
    curl_easy_getinfo(easy, what, &value);
    return value;
  }

  /// Each line of each answer. A first one that is not HTTP's ends it: some peers then say nothing more, and wait.
  static std::size_t line(const char* text, std::size_t, std::size_t size, void* self) {
    auto& curl = *static_cast<Curl*>(self);
    const bool first = curl.heard == 0;
    curl.heard += size;
    if (first && !std::string_view(text, size).starts_with("HTTP/1.")) return 0;
    return curl.heard > most_heard ? 0 : size;
  }
};

Tunnel::Tunnel(sim::Reactor& reactor, sim::Proxy via, const std::vector<tls::Address>& addresses, std::string target,
               Done done)
    : reactor_(reactor), via_(std::move(via)), target_(std::move(target)), done_(std::move(done)) {
  if (start_library()) curl_ = std::make_unique<Curl>();
  if (!curl_ || curl_->multi == nullptr || curl_->easy == nullptr) {
    curl_.reset();
    timer_ = reactor_.at(reactor_.now(), [this] { over(CURLE_OUT_OF_MEMORY); });
    return;
  }
  auto& curl = *curl_;
  const auto place = place_of(via_.host, via_.port);
  // To libcurl this is a plain connection: what goes through it afterwards is TLS of ours.
  curl.set(CURLOPT_URL, ("http://" + target_).c_str());
  curl.set(CURLOPT_CONNECT_ONLY, 1L);
  curl.set(CURLOPT_PROXY, ("http://" + place).c_str());
  curl.set(CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl.set(CURLOPT_NOPROXY, "");  // who comes here has decided
  curl.set(CURLOPT_NOSIGNAL, 1L);
  curl.set(CURLOPT_PROXYAUTH, spoken);
  if (!via_.user.empty()) {
    curl.set(CURLOPT_PROXYUSERNAME, via_.user.c_str());
    curl.set(CURLOPT_PROXYPASSWORD, via_.password.c_str());
  }
  ::OPENSSL_cleanse(via_.password.data(), via_.password.size());
  if (!tls::resolve({.host = via_.host, .port = via_.port}, true)) {  // digits need nothing said, nor could it be
    curl.addresses = curl_slist_append(nullptr, resolved(via_, addresses).c_str());
    curl.set(CURLOPT_RESOLVE, curl.addresses);
  }
  curl.set(CURLOPT_HEADERFUNCTION, &Curl::line);
  curl.set(CURLOPT_HEADERDATA, static_cast<void*>(&curl));
  curl.set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  curl.set(CURLOPT_ERRORBUFFER, curl.words.data());

  using Socket = int (*)(CURL*, curl_socket_t, int, void*, void*);
  const Socket on_socket = [](CURL*, curl_socket_t socket, int what, void* self, void*) {
    auto& sockets = static_cast<Tunnel*>(self)->sockets_;
    // Before the descriptor is closed.
    if (what == CURL_POLL_REMOVE)
      sockets.erase(socket);
    else
      sockets[socket].what = what;
    return 0;
  };
  using Timeout = int (*)(CURLM*, long, void*);
  const Timeout on_timer = [](CURLM*, long milliseconds, void* self) {
    auto& tunnel = *static_cast<Tunnel*>(self);
    tunnel.timer_.reset();
    if (milliseconds >= 0)
      tunnel.timer_ = tunnel.reactor_.after(std::chrono::milliseconds(milliseconds),
                                            [&tunnel] { tunnel.act(CURL_SOCKET_TIMEOUT, 0); });
    return 0;
  };
  curl.set(CURLMOPT_SOCKETFUNCTION, on_socket);
  curl.set(CURLMOPT_SOCKETDATA, static_cast<void*>(this));
  curl.set(CURLMOPT_TIMERFUNCTION, on_timer);
  curl.set(CURLMOPT_TIMERDATA, static_cast<void*>(this));
  curl_multi_add_handle(curl.multi, curl.easy);  // sets the timer, which begins
}

Tunnel::~Tunnel() { close(); }

void Tunnel::close() {
  for (auto& [socket, watch] : sockets_) watch = {};
  curl_.reset();  // calls back once more
  sockets_.clear();
  timer_.reset();
}

void Tunnel::act(int socket, int what) {
  int running = 0, left = 0;
  curl_multi_socket_action(curl_->multi, socket, what, &running);
  while (const auto* message = curl_multi_info_read(curl_->multi, &left))
    if (message->msg == CURLMSG_DONE) return over(message->data.result);
  arm();
}

void Tunnel::arm() {
  for (auto& [fd, watch] : sockets_) {
    const auto keep = [&, socket = fd](std::unique_ptr<FdWait>& wait, int bit, bool write, int happened) {
      if ((watch.what & bit) == 0) return wait.reset();
      if (wait) return;
      wait = reactor_.wait(socket, write, [this, socket, &wait, happened] {
        wait.reset();
        act(socket, happened);
      });
    };
    keep(watch.in, CURL_POLL_IN, false, CURL_CSELECT_IN);
    keep(watch.out, CURL_POLL_OUT, true, CURL_CSELECT_OUT);
  }
}

void Tunnel::over(int result) {
  auto out = result == CURLE_OK ? take() : std::unexpected(why(result));
  close();
  auto done = std::move(done_);
  done(std::move(out));  // this may be gone now
}

/// A descriptor of our own: libcurl closes its one.
Result<tls::Fd> Tunnel::take() {
  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(curl_->easy, CURLINFO_ACTIVESOCKET, &socket);
  tls::Fd fd(socket == CURL_SOCKET_BAD ? -1 : ::fcntl(socket, F_DUPFD_CLOEXEC, 0));
  if (!fd) return std::unexpected(tls::broken_connection(place_of(via_.host, via_.port), errno));
  return fd;
}

Fault Tunnel::why(int result) const {
  Outcome outcome;
  outcome.cause =
      curl_ && curl_->words[0] != '\0' ? curl_->words.data() : curl_easy_strerror(static_cast<CURLcode>(result));
  if (!curl_) return {FaultKind::unavailable, target_, "libcurl could not be started: memory is short.", {}, {}};
  const auto offered = curl_->number(CURLINFO_PROXYAUTH_AVAIL);
  outcome.connected = result != CURLE_COULDNT_CONNECT;
  outcome.os_error = static_cast<int>(curl_->number(CURLINFO_OS_ERRNO));
  outcome.status = static_cast<unsigned>(curl_->number(CURLINFO_HTTP_CONNECTCODE));
  outcome.heard = curl_->heard > 0;
  outcome.offered = words(offered);
  outcome.usable = (offered & spoken) != 0;
  return refusal(via_, target_, outcome);
}

}  // namespace tidegate::proxy
