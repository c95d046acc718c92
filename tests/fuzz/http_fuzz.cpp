// SPDX-License-Identifier: Apache-2.0
// Any octets, in any pieces: the parsers end in a fault or in whole messages, and pieces make no difference.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/http/message.hpp"

namespace {

using tidegate::http::MessageEvents;

struct Heard final : MessageEvents {
  void head() override { ++heads; }
  void body(tidegate::Octets octets) override {
    text.append(reinterpret_cast<const char*>(octets.data()), octets.size());
  }
  void complete() override { ++ends; }
  int heads = 0;
  int ends = 0;
  std::string text;
};

template <class Parser>
bool run(const std::string& all, std::size_t step, Heard& heard) {
  Parser parser;
  for (std::size_t at = 0; at < all.size();) {
    const auto part = std::string_view(all).substr(at, step);
    const auto used = parser.feed(std::as_bytes(std::span(part)), heard);
    if (!used) return false;
    if (*used > part.size()) std::abort();
    if (*used == 0 && heard.ends == 0) std::abort();  // no way forward
    at += *used;
    if (heard.ends > heard.heads) std::abort();
  }
  return true;
}

template <class Parser>
void check(const std::string& all, std::size_t step) {
  Heard whole;
  Heard pieces;
  const bool good = run<Parser>(all, all.size() + 1, whole);
  const bool good_in_pieces = run<Parser>(all, step, pieces);
  // A message that is wrong and not complete may be found out sooner in one way than in the other.
  if (whole.ends != pieces.ends) std::abort();
  if (good && good_in_pieces && whole.text != pieces.text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = data[0] % 64 + 1;
  check<tidegate::http::RequestParser>(all, step);
  check<tidegate::http::ResponseParser>(all, step);
  return 0;
}
