// SPDX-License-Identifier: Apache-2.0
// Any octets from an SMTP server: pieces make no difference, replies are bounded, and each has a meaning.
#include <cstdint>
#include <cstdlib>

#include "plugins/imap/smtp_reply.hpp"

using namespace tidegate::imap;

namespace {

struct Heard {
  bool fine = true;
  std::vector<SmtpReply> replies;
};

Heard hear(std::string_view octets, std::size_t piece) {
  SmtpReplies replies;
  Heard out;
  while (out.fine && !octets.empty()) {
    const auto now = octets.substr(0, piece);
    octets.remove_prefix(now.size());
    out.fine = replies.feed(now);
    while (auto reply = replies.take()) out.replies.push_back(std::move(*reply));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Heard whole = hear(all, all.size());
  const Heard pieces = hear(all, 1 + data[0] % 32);
  // At once, replies that nobody takes are bounded too.
  if (whole.fine && whole.replies.size() != pieces.replies.size()) std::abort();
  for (const SmtpReply& reply : pieces.replies) {
    if (reply.code < 200 || reply.code > 599 || reply.lines.empty()) std::abort();
    if (reply.lines.size() > SmtpReplies::lines_most || reply.text().size() > 600 + SmtpReplies::line_most)
      std::abort();
    SmtpOffers::of(reply);
    for (int step = 0; step <= static_cast<int>(SmtpStep::dot); ++step)
      if (smtp_refused(reply, static_cast<SmtpStep>(step), "where").text.empty()) std::abort();
  }
  return 0;
}
