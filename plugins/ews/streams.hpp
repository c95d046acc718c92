// SPDX-License-Identifier: Apache-2.0
// Streaming notifications: mailboxes in groups, each with one connection that all of the group share, on a thread of
// its own that does nothing but wait. Events are hints; what is true SyncFolderItems tells (EWS-10).
//   subscribe each that has none -> open the stream -> events: hints
//   Closed -> open it again with the same subscriptions            (EWS-01)
//   subscriptions lost -> new ones, without a watermark, and a hint for everything   (EWS-08)
//   lost again at once -> wait, longer each time
//   the mailbox has moved -> Autodiscover is asked again, and it goes into the group of where it is
//   cut off, refused -> wait, longer each time; a hint for everything when it is open again
//   a mailbox comes or goes -> the stream is ended and opened with the others        (EWS-16)
#pragma once
#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/sdk/store.hpp"
#include "plugins/ews/backend.hpp"
#include "plugins/ews/merger.hpp"

namespace tidegate::ews {

/// How long a stream that says nothing is waited for: longer than it may live (EWS-15).
constexpr std::chrono::minutes patience(int stream_minutes) { return std::chrono::minutes(stream_minutes + 2); }

class Streams final : public Watch {
 public:
  Streams(EwsBackend&, Hints&);
  ~Streams() override;
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  void add(View mailbox) noexcept override;
  void drop(View mailbox) noexcept override;

 private:
  struct Member {
    Bytes subscription = {};    ///< empty: none
    Clock::time_point again{};  ///< not asked for before
    int failed = 0;
  };
  struct Waiting {
    Clock::time_point again;
    int failed = 0;
  };
  struct Group {
    std::string key = {};  ///< server and GroupingInformation: only such mailboxes may share a connection
    std::map<std::string, Member> members = {};  ///< the first is the anchor (EWS-06)
    std::vector<std::pair<std::string, Bytes>> leaving = {};
    std::string cookie = {};
    Clock::time_point changed{};
    std::stop_source interrupt = {};  ///< of the stream that is open
    std::jthread thread = {};
  };
  void run(const std::stop_token&, Group&);
  bool settle(const std::stop_token&, Group&);
  void leave(const std::stop_token&, Group&);
  /// Subscribes who is not; false: nobody is subscribed.
  bool subscribe(const std::stop_token&, Group&);
  enum class End : std::uint8_t { well, subscriptions_lost, badly };
  End listen(const std::stop_token&, Group&, bool hint_all);
  void heard(Group&, const Notices&);
  /// Whether it is about the subscriptions; then they are forgotten.
  bool lose(Group&, const Notices&);
  void relocate(Group&, const std::string& mailbox);
  /// Into a group; false: there is no room.
  bool settle_in(const std::string& mailbox, const std::string& key);
  /// Asks where mailboxes are, one after the other, and puts them into their groups.
  void usher(const std::stop_token&);
  std::size_t room() const;  ///< mailboxes of a group
  void pass(const std::string& mailbox, Hint);
  void tell_all(Group&);
  void pause(const std::stop_token&, Group&, Clock::duration);
  http::Fields affinity(const Group&, const std::string& anchor) const;
  void tick(const std::stop_token&);

  EwsBackend& backend_;
  Hints& hints_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Group> groups_;
  std::map<std::string, Group*, std::less<>> where_;
  std::map<std::string, Waiting, std::less<>> lobby_;  ///< of whom it is not known where they are
  Merger merger_;
  std::condition_variable_any merged_;
  std::jthread ticker_, usher_;
};

/// The value of that cookie among Set-Cookie fields; empty: it is not set.
std::string cookie_in(const http::Fields&, std::string_view name);

}  // namespace tidegate::ews
