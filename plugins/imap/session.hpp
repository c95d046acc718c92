// SPDX-License-Identifier: Apache-2.0
// One mailbox over one connection: the Store's verbs in terms of IMAP. No libetpan here.
#pragma once
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"
#include "plugins/imap/anchor.hpp"
#include "plugins/imap/connection.hpp"
#include "plugins/imap/items.hpp"
#include "plugins/imap/roles.hpp"
#include "plugins/imap/settings.hpp"

namespace tidegate::imap {

class ImapBackend;

class ImapSession final : public Session {
 public:
  ImapSession(ImapBackend&, Mailbox, Root, std::unique_ptr<Connection>);  ///< the back-end outlives it
  ~ImapSession() override;
  ImapSession(const ImapSession&) = delete;
  ImapSession& operator=(const ImapSession&) = delete;

  Capabilities capabilities() const override;
  Result<Page> changes(const Call&, View scope, View anchor, const Want&) override;
  Result<std::uint64_t> read(const Call&, View item, Range, Sink) override;
  void expect(const Call&, std::span<const Reading>) override;
  Result<Written> create(const Call&, View folder, const NewItem&, Source, Attempt&) override;
  Result<Written> update(const Call&, View item, View if_content_rev, Source) override;
  Result<Written> set_flags(const Call&, View item, const FlagDelta&) override;
  Result<Written> move(const Call&, View item, View from, View to, Attempt&) override;
  Result<void> remove(const Call&, View item, View folder, View if_content_rev) override;
  Result<Folder> make_folder(const Call&, const Folder& like, Attempt&) override;
  Result<Folder> change_folder(const Call&, const Folder&) override;
  Result<void> remove_folder(const Call&, View folder) override;
  Result<Sent> send(const Call&, const Envelope&, Source, View file_in, Attempt&) override;
  Result<Written> respond(const Call&, View item, const tidegate::Reply&, Attempt&) override;
  Result<Hits> search(const Call&, View folder, std::string_view query, View page) override;
  Result<std::vector<Person>> resolve(const Call&, std::string_view, std::uint32_t limit) override;
  Result<Parking> park(const Call&) override;
  Result<Hint> unpark(const Call&) override;

 private:
  using Answer = imap::Reply;  // tidegate::Reply is a meeting's

  // session.cpp
  Result<Answer> must(Result<Answer>, Doing, std::string_view folder) const;  // NO and BAD become faults
  Result<Answer> command(const Call&, std::string_view text, Doing, std::string_view folder);
  Result<void> awake(const Call&);  // ends IDLE if a verb comes while parked
  Result<void> select(const Call&, const std::string& folder);
  /// `news`: what other sessions did to it must be known, too.
  Result<void> select_item(const Call&, const ItemName&, FaultKind renumbered = FaultKind::not_found,
                           bool news = false);
  Result<MailboxState> status(const Call&, const std::string& folder);
  Result<void> hear(const Call&);  // the server may tell of the selected folder what it has not told yet
  bool condstore() const;
  std::string phantom_key(std::string_view folder) const;
  std::string numbering_key() const;  // of the selected folder
  std::string numbering_key(std::string_view folder, std::uint32_t uidvalidity) const;
  bool hung(const Call&, const Fault&) const;
  Fault headers_came_not(const Call&, Fault, const UidSet& asked, Clock::time_point since);
  Result<void> take_bare(const Call&, const UidSet&, std::map<Uid, Row, std::greater<>>& rows);
  Fault opened_not(Fault, const std::string& folder);
  Result<UidSet> all_uids(const Call&);
  std::string attributes(std::uint32_t body_up_to, bool header = true) const;
  std::optional<std::string> read_ahead(const ItemName&, Range);
  Result<std::vector<Row>> rows_of(const Call&, const UidSet&, std::uint32_t inline_up_to);

  // session_parking.cpp
  struct Known {             ///< a folder of the tree
    std::uint32_t hash = 0;  ///< of its name: an idle session has to be small
    bool told = false;       ///< the server told of a change that nobody has looked at yet
    bool looked = false;     ///< it was looked at since the server has been asked to tell
  };
  Result<void> listen_everywhere(const Call&);
  std::string notify_command() const;
  bool asked_of(std::string_view folder) const;  // NOTIFY asks for news of it
  bool hears_all() const;
  void compare_inbox(Signals&) const;
  void tell_elsewhere(Hint&);
  Known* known(std::string_view folder);
  void learn_tree(const std::vector<Folder>&);
  bool told_of(const std::string& folder);
  void looked_at(const std::string& folder, bool changed);
  void lost(const Call&, const Fault&);
  Parking parking();

  // session_changes.cpp
  struct Turn;  // one call of changes() on a folder
  Result<Page> of_folder(const Call&, View scope, View anchor, const Want&);
  Result<Page> folders(const Call&, View anchor);
  Result<std::vector<Listing>> list(const Call&);
  std::optional<MailboxState> polled(const std::string& folder);
  Result<bool> untouched(Turn&);
  Result<void> begin(Turn&);
  Result<void> take_new(Turn&);
  Result<void> take_flags(Turn&);
  Result<std::map<Uid, std::uint64_t>> changed_since(Turn&);
  Result<void> take_flags_by_digest(Turn&);
  Result<void> take_own_marks(Turn&);
  std::uint64_t settled_modseq(const std::string& folder, std::uint64_t shown);
  void settle_listed(Turn&);
  std::uint64_t counted(const std::string& folder, const Anchor&) const;
  bool tells_removals(const Turn&) const;
  std::optional<UidSet> named_removals(const Turn&) const;
  void tell_gone(Turn&, UidSet gone);
  Result<void> take_removals(Turn&);
  Result<void> take_backlog(Turn&);
  void give(Turn&, std::vector<Row>);
  Page finish(Turn&);

  // session_writing.cpp
  Result<std::optional<Uid>> find_stored(const Call&, const WriteNote&, const NewItem&, std::string& octets, Source&);
  Result<std::optional<Uid>> find_octets(const Call&, const WriteNote&, std::uint64_t size, const std::string& digest,
                                         bool newest);
  Result<std::optional<Uid>> find_made(const Call&, const WriteNote&, std::uint64_t size, const std::string& digest,
                                       const std::string& message_id);
  Result<UidSet> find_message_id(const Call&, const std::string& folder, const WriteNote&,
                                 const std::string& message_id);
  Result<std::optional<Uid>> find_print(const Call&, const std::string& folder, const WriteNote&,
                                        const std::array<std::byte, 20>& print);
  Result<std::optional<Written>> settle_move(const Call&, const ItemName&, const std::string& target, const WriteNote&,
                                             const Row* here);
  /// Which message of `folder` since the note has this Message-ID? None: nullopt.
  Result<std::optional<Written>> find_sent(const Call&, const std::string& folder, const WriteNote&,
                                           const std::string& message_id);
  Result<WriteNote> note_of(const Call&, const std::string& folder);
  Result<WriteNote> noted(const Call&, const std::string& folder, Attempt&);
  std::string top_prefix(char delimiter) const;
  std::string personal_prefix() const;
  Result<void> expunge(const Call&, const ItemName&);
  Result<void> there(const Call&, const ItemName&);  // not_found if it is gone
  Result<void> store_flags(const Call&, const ItemName&, char sign, const std::string& words, std::uint64_t& modseq);

  ImapBackend& backend_;
  const Settings& settings_;
  Host& host_;
  const Mailbox box_;
  const Root root_;
  std::string inbox_ = "INBOX";
  std::unique_ptr<Connection> connection_;

  std::string selected_;                            ///< folder, empty: none
  MailboxState state_;                              ///< as SELECT said; exists lives on in signals()
  std::uint64_t heard_below_ = 0;                   ///< messages below this number were told of since SELECT
  bool fresh_ = false;                              ///< state_ has not been compared with an anchor yet
  std::optional<UidSet> plan_;                      ///< UIDs of the selected folder, for pages of a backlog
  std::map<Uid, std::uint64_t> just_told_;          ///< UID → MODSEQ of new items given since the last flag check
  std::map<std::string, Clock::time_point> swept_;  ///< without CONDSTORE: when a folder's flags were compared
  std::map<std::string, UidSet> own_marks_;         ///< likewise: messages whose flags this session changed since

  const Clock::time_point born_;
  struct Late {
    std::uint64_t modseq = 0;
    Clock::time_point since;
  };
  std::map<std::string, Late> late_;  ///< IMAP-06: a HIGHESTMODSEQ that no message has explained yet
  /// IMAP-06: the highest MODSEQ that was shown, of folders that are being listed from their beginning
  std::map<std::string, std::uint64_t> shown_;

  struct Ahead {  ///< bodies that the core is about to read
    std::string folder;
    std::uint32_t uidvalidity = 0;
    Range range;
    std::map<Uid, std::string> bodies;
  };
  Ahead ahead_;

  // The push path: what the last look at the inbox left, so that the next mail costs one round trip.
  struct Live {
    std::uint32_t uidvalidity = 0;
    std::uint64_t uidnext = 0;
    std::uint32_t inline_up_to = 0;
    std::uint32_t exists = 0;
    std::uint64_t modseq = 0;
  };
  std::optional<Live> live_;
  struct Prefetch {
    std::uint64_t uidnext = 0;
    std::vector<Row> rows;
  };
  std::optional<Prefetch> prefetch_;
  Clock::time_point idle_since_{}, idle_until_{};

  // RFC 5465: what the server tells of folders that are not selected.
  enum class Notify : std::uint8_t { unasked, on, off } notify_ = Notify::unasked;
  Clock::time_point notify_again_{};  ///< after an overflow
  std::vector<Known> tree_;           ///< by hash; empty: not known

  // What one LIST … RETURN (STATUS …) said of all folders: a round of polling costs one round trip. Each is used once,
  // soon, and only while nothing was written through this back-end since.
  std::map<std::string, MailboxState> polled_;
  Clock::time_point polled_at_{};
  std::uint64_t polled_writes_ = 0;
};

/// What expect() brings at most, whatever a server sends.
inline constexpr std::uint64_t ahead_most = 8 * 1024 * 1024;
/// Where bodies come along, a page stays within this.
inline constexpr std::uint64_t page_octets = 2 * 1024 * 1024;

}  // namespace tidegate::imap
