// SPDX-License-Identifier: Apache-2.0
// Law 12: hostile input gives invalid in bounded time and memory. Here: hostile items, which anybody can mail to
// anybody. What a hostile server says on the wire is for the plugin's own scripted peers and fuzzers.
#include <algorithm>

#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

using namespace std::chrono_literals;

std::string nested(unsigned depth) {
  std::string head = "From: a@b.example\r\nMessage-ID: <nested@check.example>\r\nMIME-Version: 1.0\r\n", body;
  for (unsigned i = 0; i < depth; ++i) {
    const auto boundary = "b" + std::to_string(i);
    (i == 0 ? head : body) += "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n";
    body += "\r\n--" + boundary + "\r\n";
  }
  return head + body + "\r\nend\r\n";
}

std::string many_fields(unsigned count) {
  std::string text = "From: a@b.example\r\nMessage-ID: <many@check.example>\r\n";
  for (unsigned i = 0; i < count; ++i) text += "X-" + std::to_string(i) + ": __proto__\r\n";
  return text + "\r\nbody\r\n";
}

std::vector<std::pair<std::string, std::string>> hostile_mails() {
  const std::string from = "From: a@b.example\r\n";
  return {{"a header line of 1 MiB", from + "X: " + std::string(1 << 20, 'x') + "\r\n\r\nbody\r\n"},
          {"a Message-ID of 64 KiB", from + "Message-ID: <" + std::string(65'536, 'i') + "@x>\r\n\r\nbody\r\n"},
          {"20,000 header fields", many_fields(20'000)},
          {"multiparts 2,000 deep", nested(2000)},
          {"no header at all", "\r\nonly a body\r\n"},
          {"no address in it", "From: undisclosed-recipients:;\r\nTo: \r\nconstructor: x\r\n\r\nbody\r\n"},
          {"raw octets in the header", from + "Subject: \xff\xfe\x80\xc3\x28\r\nMessage-ID: <\xf0\x28@x>\r\n\r\nx\r\n"},
          {"encoded words without an end", from + "Subject: =?utf-8?B?" + std::string(5000, '=') + "\r\n\r\nbody\r\n"},
          {"bare line ends", "From: a@b.example\nSubject: x\rMessage-ID: <bare@x>\n\nbody\r"},
          {"a date of another age", from + "Date: Fri, 99 Foo 99999 99:99:99 +9999\r\n\r\nbody\r\n"}};
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t more = lead < 0x80   ? 0
                             : lead < 0xc2 ? 4
                             : lead < 0xe0 ? 1
                             : lead < 0xf0 ? 2
                             : lead < 0xf5 ? 3
                                           : 4;
    if (more == 4 || i + more >= text.size()) return false;
    for (std::size_t k = 1; k <= more; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    i += more + 1;
  }
  return true;
}

class Law12 : public Law {
 protected:
  /// Puts it there; a refusal is one of these kinds and ends it.
  std::optional<Bytes> offered(View folder, const std::string& octets) {
    Attempt attempt{subject().token(), {}, [](View) { return Result<void>{}; }};
    auto made =
        session_->create(call(), folder, NewItem{Kind::mail, octets.size(), 0, {}, {}}, source_of(octets), attempt);
    if (made) return made->id;
    const auto refusals = {FaultKind::invalid, FaultKind::too_large, FaultKind::unsupported, FaultKind::denied,
                           FaultKind::quota};
    EXPECT_TRUE(std::ranges::find(refusals, made.error().kind) != refusals.end())
        << "refused as " << to_string(made.error().kind) << ": " << made.error().text;
    return {};
  }
};

TEST_F(Law12, HostileMailIsAMailLikeAnyOther) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::mail);
  for (const auto& [what, octets] : hostile_mails()) {
    SCOPED_TRACE(what);
    const auto id = offered(folder, octets);
    if (!id) continue;
    const auto begin = Clock::now();
    Replay walk;
    ASSERT_TRUE(walk.drain(*session_, folder, 500));
    ASSERT_TRUE(walk.items.contains(*id)) << "it is there and was not listed";
    EXPECT_LT(Clock::now() - begin, 60s) << "to list a folder with it takes over a minute";
    const auto& item = walk.items[*id];
    for (const auto& keyword : item.keywords) EXPECT_TRUE(is_utf8(keyword)) << shown(keyword);
    auto back = whole(*session_, *id);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(back->size(), item.size);
  }
}

TEST_F(Law12, PagesStayWithinTheirBounds) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::mail);
  for (unsigned i = 0; i < 3; ++i) {
    auto large = mail(1200 + i);
    large.append(1 << 20, 'x').append("\r\n");
    ASSERT_FALSE(put(*session_, folder, large).empty());
  }
  constexpr std::uint32_t limit = 2, inline_up_to = 1000;
  Replay walk;
  for (unsigned pages = 0; walk.more && pages < 10'000; ++pages) {
    ASSERT_TRUE(walk.step(*session_, folder, limit, inline_up_to));
    EXPECT_LE(walk.anchor.size(), 1U << 20) << "an anchor is at most 1 MiB";
    for (const auto& item : walk.last_page) {
      EXPECT_LE(item.id.size(), 4096U) << "an id is at most 4 KiB";
      EXPECT_LE(item.content_rev.size() + item.state_rev.size(), 8192U);
      if (item.content) EXPECT_LE(item.content->size(), inline_up_to) << "more came along than was asked for";
    }
  }
  Replay tree;
  ASSERT_TRUE(tree.drain(*session_, {}, 500));
  for (const auto& [id, known] : tree.folders) {
    EXPECT_LE(id.size(), 4096U);
    EXPECT_TRUE(is_utf8(known.name)) << shown(known.name) << " is no UTF-8";
  }
}

}  // namespace
}  // namespace tidegate::check
