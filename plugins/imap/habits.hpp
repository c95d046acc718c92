// SPDX-License-Identifier: Apache-2.0
// What a back-end's server turned out to do, whatever it promises. In memory, for all mailboxes of a back-end; any
// thread.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "core/tls/silent_life.hpp"
#include "plugins/imap/ghosts.hpp"
#include "plugins/imap/shunned.hpp"
#include "plugins/imap/suspects.hpp"

namespace tidegate::imap {

/// Extensions that some servers offer and don't keep.
enum class Promise : std::uint8_t { notify, vanished, modseq };

class Habits {
 public:
  explicit Habits(std::chrono::milliseconds idle_lifetime) : idle_(idle_lifetime) {}

  // --- how long a connection may be silent
  std::chrono::milliseconds idle_lifetime() const;
  void idle_survived(std::chrono::milliseconds idle);
  void idle_dropped(std::chrono::milliseconds idle, Clock::time_point at);

  // --- promises: believed until broken three times without having been kept once
  bool believed(Promise) const;
  void kept(Promise);
  void broke(Promise);

  // --- connections that are closed right after the login (IMAP-26); what: the mailbox
  std::chrono::milliseconds login_pause(std::string_view what, Clock::time_point now) const;
  void died_young(std::string_view what, Clock::time_point now);
  void grew_old(std::string_view what);

  // --- folders that are listed and can't be opened (IMAP-25); what: mailbox NUL folder
  std::chrono::milliseconds folder_pause(std::string_view what, Clock::time_point now) const;
  void folder_refused(std::string_view what, Clock::time_point now);
  void folder_opened(std::string_view what);

  // --- folders in which a connection broke while contents were fetched: one message may do that every time (law 11)
  bool contents_break(std::string_view what, Clock::time_point now) const;
  void contents_broke(std::string_view what, Clock::time_point now);

  // --- messages on which it broke while headers were fetched; folder: mailbox NUL folder NUL UIDVALIDITY. See Suspects
  bool suspected(std::string_view folder, std::uint64_t from) const;
  std::vector<UidSet> parts(std::string_view folder, const UidSet& wanted, Clock::time_point now) const;
  void headers_came(std::string_view folder, const UidSet& asked);
  std::optional<std::chrono::milliseconds> headers_broke(std::string_view folder, const UidSet& asked,
                                                         Clock::time_point now);
  /// Whether a message that is left out may be asked for without its header; what: folder as above NUL UID.
  bool bare_breaks(std::string_view what, Clock::time_point now) const;
  void bare_broke(std::string_view what, Clock::time_point now);

  // --- messages that are named and never given; folder: as above. See Ghosts
  std::uint64_t ghosts(std::string_view folder, Clock::time_point now) const;
  void asked(std::string_view folder, const UidSet& asked, const UidSet& missing, Clock::time_point now);
  void named(std::string_view folder, const UidSet& all);

 private:
  struct Record {
    bool kept = false;
    unsigned broken = 0;
  };

  mutable std::mutex mutex_;
  tls::SilentLife idle_;
  std::array<Record, 3> promises_{};
  Shunned young_{3, std::chrono::seconds(5), std::chrono::minutes(5)};
  Shunned phantoms_{2, std::chrono::minutes(5), std::chrono::hours(1)};
  Shunned breaking_{0, std::chrono::minutes(10), std::chrono::hours(1)};
  Suspects suspects_;
  Shunned bare_{0, std::chrono::minutes(10), std::chrono::hours(24)};
  Ghosts ghosts_;
};

}  // namespace tidegate::imap
