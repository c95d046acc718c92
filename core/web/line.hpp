// SPDX-License-Identifier: Apache-2.0
// One handle of libcurl with the one connection that it keeps. One thread at a time.
#pragma once
#include <array>
#include <functional>
#include <string>

#include <curl/curl.h>

#include "core/web/client.hpp"

namespace tidegate::web {

struct Client::Line {
  Line();
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  bool good() const { return easy != nullptr && multi != nullptr; }
  /// Sends and waits; what came is in response and taken.
  CURLcode run(const Call&, bool& cancelled);
  Result<void> prepare(const ClientSettings&, const Request&, const Url&, const Call&);

  template <class T>
  void set(CURLoption option, T value) const {
    curl_easy_setopt(easy, option, value);
  }
  long number(CURLINFO what) const {
    long value = 0;
    curl_easy_getinfo(easy, what, &value);
    return value;
  }

  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  curl_slist* fields = nullptr;
  std::array<char, CURL_ERROR_SIZE> words{};

  // of the request under way
  const Request* request = nullptr;
  Sink* sink = nullptr;
  Response response;
  std::size_t head_octets = 0;
  std::uint64_t body_octets = 0;
  bool enough = false, oversize = false;
  std::string proxy;  ///< its place, for sentences; empty: none

  std::string key;  ///< whose connection this is; empty: everybody's
  Clock::time_point idle_since{};
  bool used = false;  ///< a request has been sent over it before

 private:
  static std::size_t head(const char*, std::size_t, std::size_t, void*);
  static std::size_t body(const char*, std::size_t, std::size_t, void*);
};

}  // namespace tidegate::web
