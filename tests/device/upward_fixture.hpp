// SPDX-License-Identifier: Apache-2.0
// A Shelf on a disk in memory that is worked on by a mail program, against a scripted store.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "tests/device/scripted_store.hpp"

namespace tidegate::device {

inline std::string mail(int n, std::size_t size = 0) {
  auto text = "Subject: mail " + std::to_string(n) + "\r\n\r\nbody " + std::to_string(n) + "\r\n";
  while (text.size() < size) text += static_cast<char>('a' + (text.size() * 7 + static_cast<std::size_t>(n)) % 26);
  return text;
}

struct Upward : DiskFixture {
  explicit Upward(std::uint64_t seed, int mails = 6) : DiskFixture(seed) {
    for (int n = 1; n <= mails; ++n) log.add(static_cast<std::uint64_t>(n), mail(n), n % 2 == 0 ? seen : 0);
    catch_up(log);
    look();
  }
  Scanned look(ScanOrder order = {}) {
    auto done = shelf->scan(order);
    EXPECT_TRUE(done) << done.error().text << done.error().cause;
    return done ? std::move(*done) : Scanned{};
  }
  /// Two looks with time between them, as the Device does while something is not certain.
  std::size_t settle() {
    std::size_t commands = 0;
    for (int i = 0; i < 4; ++i) {
      const auto done = look();
      commands += done.commands;
      if (!done.again) break;
      world.run_for(std::chrono::milliseconds(2100));
    }
    return commands;
  }
  /// A session: everything in the journal goes up, results come down. False: blocked or broken.
  bool send() {
    store.begin_session();
    for (auto& result : store.unstored()) tell(std::move(result));
    UploadCursor cursor;
    for (int turn = 0; turn < 1000; ++turn) {
      auto step = shelf->upload(cursor, unanswered_limit);
      EXPECT_TRUE(step) << step.error().text;
      if (!step) return false;
      for (auto& note : step->notes) notes.push_back(note);
      for (const auto& message : step->messages)
        for (auto& answer : store.hear(message)) tell(std::move(answer));
      if (step->blocked || step->broken) return false;
      cursor = step->cursor;
      if (!step->more) return true;
    }
    return false;
  }
  void tell(e2e::ToDevice message) {
    std::vector<e2e::ToDevice> one;
    one.push_back(std::move(message));
    auto done = shelf->apply(std::move(one));
    ASSERT_TRUE(done) << done.error().text << done.error().cause;
    for (auto& note : done->notes) notes.push_back(note);
    for (const auto& answer : done->answers) {
      (void)store.hear(answer);
      asked_compare |= std::holds_alternative<e2e::CompareAsk>(answer);
    }
  }
  /// Everything up, everything down, nothing left to do.
  void converge() {
    settle();
    ASSERT_TRUE(send());
    catch_up(log);
    EXPECT_EQ(settle(), 0U) << "what was sent, or came, is taken for a change";
    EXPECT_EQ(waiting(), 0U);
    expect_equal(log);
  }
  /// A compare whose other side has nothing, up to its CompareEnd.
  void compare_with_nothing() {
    e2e::CompareDigests digests;
    digests.view = 1;
    digests.epoch = log.epoch;
    auto asked = shelf->apply({digests});
    ASSERT_TRUE(asked);
    std::vector<e2e::ToDevice> pages;
    for (const auto& answer : asked->answers)
      for (const auto& bucket : std::get<e2e::CompareWant>(answer).buckets)
        pages.emplace_back(e2e::ComparePage{1, bucket.folder, bucket.month, {}, true});
    ASSERT_TRUE(shelf->apply(std::move(pages)));
  }
  std::size_t waiting() { return look().waiting; }
  std::string path(std::uint64_t number) {
    for (const char* part : {"new", "cur"})
      for (const auto& found : mails(part))
        if (found.find(gid_text(log.entries.at(number).gid)) != std::string::npos) return found;
    return "none";
  }
  void rename(const std::string& from, const std::string& to) { ASSERT_TRUE(host.files().rename(from, to)) << from; }
  void write(const std::string& to, const std::string& text) { ASSERT_TRUE(host.files().create(to, text)); }
  std::vector<e2e::Verb> verbs() const {
    std::vector<e2e::Verb> out;
    for (const auto& command : store.carried_out) out.push_back(command.verb);
    return out;
  }

  ScriptedLog log;
  ScriptedStore store{log};
  std::vector<std::string> notes;
  bool asked_compare = false;
};

using Verbs = std::vector<e2e::Verb>;

}  // namespace tidegate::device
