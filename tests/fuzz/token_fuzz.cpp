// SPDX-License-Identifier: Apache-2.0
// What a token endpoint may say: nothing of a body but what is a token, a code to show or a known error gets through.
#include <cstdlib>
#include <string_view>

#include "core/token/device_code.hpp"
#include "core/token/endpoint.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace tidegate;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(all.find('\n'), all.size());
  const auto retry = all.substr(0, end), body = all.substr(std::min(end + 1, all.size()));
  for (const unsigned status : {200U, 400U, 401U, 429U, 503U}) {
    const auto granted = token::read_answer(status, retry, body);
    if (granted && (status != 200 || !token::is_token(granted->access.text))) std::abort();
    if (granted && !granted->refresh_token.empty() && !token::is_token(granted->refresh_token)) std::abort();
    if (granted && granted->access.good_for.count() < 0) std::abort();
    if (!granted && (granted.error().cause.size() > 40 || granted.error().retry_after > std::chrono::hours(1)))
      std::abort();
    const auto code = token::read_device_code({status, std::string(retry), std::string(body)});
    if (!code) continue;
    if (status != 200 || !token::is_token(code->device_code) || code->good_for.count() <= 0) std::abort();
    for (const unsigned char c : code->user_code + code->verification_uri)
      if (c < 0x20 || c > 0x7e) std::abort();
  }
  return 0;
}
