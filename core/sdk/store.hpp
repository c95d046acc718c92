// SPDX-License-Identifier: Apache-2.0
// The whole plugin seam: what a back-end (IMAP, EWS, CalDAV, a directory …) implements so that the gateway can push its
// mail, calendars and contacts to devices. Headers only, std only: no Asio, Boost, spdlog, protobuf, OpenSSL,
// coroutine.
//
// A plugin is four classes: Plugin (one a process: name, settings, factory), Backend (one a [backend:…] section),
// Session (one mailbox as seen by one actor) and, where the server can tell of changes for many users at once, Watch.
// The gateway lends it a Host. docs/sdk/writing-a-plugin.md walks through a small one; tidegate-plugin-check holds a
// finished one against the laws of the contract.
//
// Threads.  "Reactor thread" is the gateway's one event loop: nothing that blocks may run there. Session verbs and
//   Backend::open/test run on worker threads and may block until Call::deadline. Plugin::settings/make, Backend::watch,
//   Watch::add/drop and the destructors of Backend and Watch run on the reactor thread.
// Exceptions.  None may leave a plugin. (The gateway catches all the same, and blames the plugin by name.)
// Memory.  An object is destroyed by the side that holds its unique_ptr, freed by the code of the class that made it.
// Strings.  Bytes and View are opaque octets chosen by the plugin (ids, anchors, revisions): at most 4 KiB each,
// anchors
//   at most 1 MiB; the core compares and stores them, and never looks inside. std::string is UTF-8 for people.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fault.hpp"

namespace tidegate {

using Clock = std::chrono::steady_clock;

/// First argument of every verb that may block.
struct Call {
  Clock::time_point deadline;  ///< in Host::now()'s time; past it the verb answers `cancelled` (law 9: within 5 s)
  std::stop_token stop;        ///< requested: the same, at once
  std::uint64_t trace = 0;     ///< for the log: the same number in gateway, plugin and device
};

enum class Kind : std::uint8_t { mail, event, task, contact, note, file };
enum class Role : std::uint8_t { none, inbox, sent, drafts, trash, junk, archive, calendar, contacts, tasks };
enum Flag : std::uint32_t { seen = 1, answered = 2, flagged = 4, deleted = 8, draft = 16, forwarded = 32 };

/// Bits of Folder::rights: what the actor may do there. A plugin that can't tell says all_rights.
enum Right : std::uint32_t {
  may_read = 1,
  may_insert = 2,
  may_flag = 4,
  may_update = 8,
  may_remove = 16,
  may_administer = 32,  ///< rename, remove, make folders below
  all_rights = 63
};

struct Folder {
  Bytes id;
  Bytes parent;      ///< id of the folder above; empty: top level
  Bytes scope;       ///< folders of one scope share one anchor; often the id itself. Never empty
  std::string name;  ///< the last component only, decoded to UTF-8
  Kind kind;         ///< of what it mostly holds
  Role role;         ///< at most one folder a role
  std::uint32_t rights;
  std::string color = {};  ///< "#RRGGBB", as people see it in their calendars; empty: none. The core drops other words
};

// --- changes ---------------------------------------------------------------------------------------------------------

/// An item is there, or is there in another state than before. Always complete.
struct Upsert {
  Bytes id;                    ///< unique in the mailbox, stable while the item stays where it is
  std::vector<Bytes> folders;  ///< the complete set: one but for JMAP and Gmail
  Bytes content_rev;           ///< moves when the octets move (ETag, ChangeKey); constant for mail
  Bytes state_rev;             ///< moves with flags and keywords (IMAP MODSEQ); may be empty
  Kind kind;
  std::uint64_t size;                 ///< octets of the content; for mail exactly what read() gives
  std::chrono::sys_seconds received;  ///< UTC; IMAP INTERNALDATE; the order of listings
  std::uint32_t flags;                ///< Flag bits
  std::vector<std::string> keywords;  ///< the rest ("$Junk", categories)
  /// Made by the plugin from what survives re-numbering, so that the same item is known again under another id. Mail:
  /// Message-ID, internal date and size; EWS: InternetMessageId and received; PIM: the UID. Any good hash, cut to 20.
  std::array<std::byte, 20> fingerprint;
  Bytes was;                     ///< earlier id, where the back-end tells of a move; else empty
  std::optional<Bytes> content;  ///< came along, if no longer than Want::inline_up_to
};
/// The item is not there any more. Of an id never named: harmless.
struct Removed {
  Bytes id;
  Bytes folder;  ///< empty: from everywhere
};
/// Ends a listing: what was not named since its empty anchor is gone (with Want::since: of what is not older than
/// that). The core makes the removals.
struct Listed {
  Bytes scope;
};
struct FolderUpsert {
  Folder folder;
};
struct FolderRemoved {
  Bytes id;
};
using Change = std::variant<Upsert, Removed, Listed, FolderUpsert, FolderRemoved>;

struct Want {
  std::uint32_t limit = 500;         ///< changes a page, at least 1; a page may be shorter, and should end at 2 MiB
  std::uint32_t inline_up_to = 0;    ///< octets; contents no longer than that may come along
  std::chrono::sys_seconds since{};  ///< listings may leave out what was received earlier; 0: everything
};
struct Page {
  std::vector<Change> changes;  ///< to be applied in this order
  Bytes anchor;                 ///< all up to here has been told; what the next call is given
  bool more = false;            ///< there is more now: ask at once. False: nothing until something changes
};

// --- writing ---------------------------------------------------------------------------------------------------------

/// How a verb that can't be repeated blindly survives a crash of the gateway (law 5). The core calls such a verb again
/// with the same token, and with the note the plugin gave. The plugin then looks first whether it was done.
struct Attempt {
  Bytes token;  ///< the command's id, 16 octets, for back-ends that can carry one (a file name, an href, a property)
  Bytes note;   ///< what the plugin noted in the earlier attempt; empty: this is the first, or it noted nothing
  /// Gives a note (IMAP: UIDVALIDITY.UIDNEXT) before acting; durable when it returns without fault. May be empty.
  std::move_only_function<Result<void>(View)> before;
};
using Sink = std::move_only_function<bool(Octets)>;                         ///< never blocks; false: stop
using Source = std::move_only_function<std::size_t(std::span<std::byte>)>;  ///< fills the front, 0 = end; never blocks
struct Range {
  std::uint64_t from = 0, length = UINT64_MAX;  ///< octets; what lies behind the end is silently not there
  bool operator==(const Range&) const = default;
};
/// The item as it is after the verb.
struct Written {
  Bytes id, content_rev, state_rev;
  bool same_octets = true;  ///< false: the server rewrote it, read it back (DAV PUT without ETag)
};
struct NewItem {
  Kind kind;
  std::uint64_t size;  ///< what the Source gives in all
  std::uint32_t flags;
  std::vector<std::string> keywords;
  std::chrono::sys_seconds received;  ///< 0: now
};
/// Commutes, so it needs no revision.
struct FlagDelta {
  std::uint32_t add = 0, clear = 0;
  std::vector<std::string> keywords_add, keywords_clear;
};
struct Envelope {
  std::string from;
  std::vector<std::string> to;
};
struct Sent {
  std::optional<Written> filed;  ///< empty: the core files it by create(), as its own journaled step
};
struct Reply {
  enum { accept, tentative, decline } answer;
  std::string comment;
};
struct Hits {
  std::vector<Bytes> ids;
  Bytes next;  ///< page to ask for next; empty: that was all
};
struct Person {
  std::string name, address;
  Bytes id;
};

/// Bits of Capabilities::verbs; changes() and read() are always there. A verb without its bit answers `unsupported`.
enum Verb : std::uint64_t {
  can_create = 1,
  can_update = 2,
  can_set_flags = 4,
  can_move = 8,
  can_remove = 16,
  can_make_folder = 32,
  can_change_folder = 64,
  can_remove_folder = 128,
  can_send = 256,
  can_respond = 512,
  can_search = 1024,
  can_resolve = 2048
};
struct Capabilities {
  std::uint64_t verbs = 0;              ///< Verb bits
  bool ranged_read = false;             ///< a Range costs no more than its length
  bool parks = false;                   ///< park()/unpark() work
  bool token_kept = false;              ///< Attempt::token is found again after a crash: create is never ambiguous
  bool sends_and_files = false;         ///< send() files into Sent itself
  bool schedules = false;               ///< the server sends invitations itself; respond() works
  bool delta = false;                   ///< changes() from a known anchor costs by what changed, not by what there is
  bool removals = false;                ///< deltas name removals (else only listings tell)
  std::uint32_t sessions_per_user = 1;  ///< how many may be open at once
};

// --- watching --------------------------------------------------------------------------------------------------------

/// "May have changed." May be wrong, may repeat, may get lost.
struct Hint {
  std::vector<Bytes> scopes;  ///< "" among them: the folder tree
  bool all = false;           ///< anything may have
};
struct Parking {
  int fd = -1;                ///< stays the session's; the core only waits until it is readable
  Clock::time_point wake_by;  ///< unpark at that time at the latest
  /// From this park on unpark() names every scope that changes, not only the inbox: no polling beside it, a sweep only.
  bool everything = false;
};

/// One mailbox as seen by one actor. Used by one thread at a time, any worker thread; never on a reactor thread; verbs
/// block. For IMAP it is one connection; for EWS, DAV, JMAP a light handle on the back-end's pool.
/// Faults of every verb: cancelled (deadline, stop), unavailable, throttled (with retry_after), auth, denied; further
/// ones are named beside it. After `unavailable` the core destroys the session and opens another.
class Session {
 public:
  virtual ~Session() = default;  ///< may come without a goodbye; must not block over a second
  virtual Capabilities capabilities() const = 0;

  /// The next page of a scope's changes; scope "" is the folder tree (FolderUpsert, FolderRemoved, Listed{""}).
  /// Empty anchor: a listing begins, newest first where the back-end can; it goes on page by page from each page's
  /// anchor, tells changes that happen meanwhile as well, and ends with Listed (law 1). Any later anchor: what changed
  /// since (law 2); a back-end that can't tell lists again. Anchors may be given more than once and must stay good for
  /// days. anchor_expired: list again (law 3). not_found: no such scope. regressed: the back-end went backwards (law
  /// 10).
  virtual Result<Page> changes(const Call&, View scope, View anchor, const Want&) = 0;

  /// Octets of an item's content, in order; gives how many went into the sink. Mail: its RFC 5322 octets, untouched.
  /// Event, task, note: one iCalendar object with one UID, its overrides and time zones. Contact: one vCard.
  /// Never marks a mail as seen. not_found; too_large; anchor_expired: it may have another id after the next sync.
  virtual Result<std::uint64_t> read(const Call&, View item, Range, Sink) = 0;
  /// A hint, no more: these will be read next, in this order. Where several can be asked for in one flight, a session
  /// does so; what is not read after all is dropped when another verb comes. A fault shows itself when they are read.
  struct Reading {
    Bytes item;
    Range range;
  };
  virtual void expect(const Call&, std::span<const Reading>) {}

  /// not_found (folder), quota, too_large, unsupported (kind), ambiguous (an earlier attempt may have been done).
  virtual Result<Written> create(const Call&, View folder, const NewItem&, Source, Attempt&) = 0;
  /// conflict: if_content_rev is not the present one; nothing was changed (law 4). not_found.
  virtual Result<Written> update(const Call&, View item, View if_content_rev, Source) = 0;
  /// Never conflicts. not_found.
  virtual Result<Written> set_flags(const Call&, View item, const FlagDelta&) = 0;
  /// Gives the item's new id. not_found, exists, ambiguous.
  virtual Result<Written> move(const Call&, View item, View from, View to, Attempt&) = 0;
  /// For good, not into the trash. Empty if_content_rev: whatever it is. not_found, conflict.
  virtual Result<void> remove(const Call&, View item, View folder, View if_content_rev) = 0;
  /// Takes name, parent, kind (and role where it can) of `like`. exists.
  virtual Result<Folder> make_folder(const Call&, const Folder& like, Attempt&) = 0;
  /// Renames or moves the folder with that id; the answer may bear another id. not_found, exists.
  virtual Result<Folder> change_folder(const Call&, const Folder&) = 0;
  /// With all that is in it. not_found, denied.
  virtual Result<void> remove_folder(const Call&, View folder) = 0;
  /// Hands a mail to the mail system; files it into `file_in` only if sends_and_files. ambiguous after the final dot.
  virtual Result<Sent> send(const Call&, const Envelope&, Source, View file_in, Attempt&) = 0;
  /// Answers an invitation, where the server schedules.
  virtual Result<Written> respond(const Call&, View item, const Reply&, Attempt&) = 0;
  virtual Result<Hits> search(const Call&, View folder, std::string_view query, View page) = 0;
  virtual Result<std::vector<Person>> resolve(const Call&, std::string_view, std::uint32_t limit) = 0;

  /// Last verb of a busy spell: IDLE or NOTIFY was sent, and no octet is left in any buffer, so that the next one makes
  /// the fd readable. The session is not used until unpark().
  virtual Result<Parking> park(const Call&) = 0;
  /// DONE was sent and read; says what came.
  virtual Result<Hint> unpark(const Call&) = 0;
};

/// The core's ear. From any thread; never blocks; coalesces.
class Hints {
 public:
  virtual void hint(View mailbox, const Hint&) noexcept = 0;
  virtual void lost(View mailbox,
                    const Fault&) noexcept = 0;  ///< this mailbox is not watched any more; the core sweeps

 protected:
  ~Hints() = default;
};
class Watch {
 public:
  virtual ~Watch() = default;                   ///< when this returns no hint comes any more
  virtual void add(View mailbox) noexcept = 0;  ///< Mailbox::mailbox; hints bear the same word
  virtual void drop(View mailbox) noexcept = 0;
};

struct Mailbox {
  std::string user;     ///< whose licence
  std::string mailbox;  ///< whose mail; nearly always the same
  std::string actor;    ///< who acts, by whose rights; the same but for shared and delegated mailboxes
};

/// One [backend:…] section: pools, credentials, throttles and shared streams live here. Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;  ///< after its last Session and Watch
  /// auth, not_found (no such mailbox), denied, unavailable …
  virtual Result<std::unique_ptr<Session>> open(const Call&, const Mailbox&) = 0;
  /// One for all users (EWS streams, one inotify). Null: sessions park, or the core polls. Called once.
  virtual std::unique_ptr<Watch> watch(Hints&) = 0;
  /// Connects and says in one sentence what is wrong.
  virtual Result<void> test(const Call&) = 0;
};

// --- what the core lends ---------------------------------------------------------------------------------------------

class Timer {  ///< destroying cancels; the callback never runs after that
 public:
  virtual ~Timer() = default;
};
class FdWait {  ///< the same
 public:
  virtual ~FdWait() = default;
};

/// Also the seam for virtual time: a plugin that takes time and chance only from here can be simulated from a seed.
/// log, now, random, secret: any thread. wait, at: reactor thread only, their callbacks run there too.
class Host {
 public:
  /// Level: 0 trace, 1 debug, 2 info, 3 warning, 4 error. No content, no secret. The section's name is put in front.
  virtual void log(int level, std::string_view) noexcept = 0;
  virtual Clock::time_point now() const noexcept = 0;
  virtual void random(std::span<std::byte>) noexcept = 0;  ///< cryptographic
  /// A secret, read anew at each call. "password": the file that the setting password_file names, else the systemd
  /// credential backend.NAME.password. "password/alice": the file alice in the directory that password_dir names.
  /// not_found, denied, invalid. May block shortly.
  virtual Result<Bytes> secret(std::string_view key) = 0;
  /// Once, when the descriptor is readable (writable). The plugin keeps it open meanwhile.
  virtual std::unique_ptr<FdWait> wait(int fd, bool write, std::move_only_function<void()>) = 0;
  /// Once, at that time or soon after.
  virtual std::unique_ptr<Timer> at(Clock::time_point, std::move_only_function<void()>) = 0;

 protected:
  ~Host() = default;
};

/// One row of a plugin's settings. fallback nullptr: the key must be given; "": may be left out.
struct Setting {
  const char *key, *fallback, *doc;  ///< key: a-z 0-9 _; doc: one sentence for manual and sample
};
class Plugin {
 public:
  virtual ~Plugin() = default;
  /// Always the same table. Keys not in it are refused by the core, with file, line and the nearest valid key.
  virtual std::span<const Setting> settings() const noexcept = 0;
  /// `values` has each key of the table once, in its order. Checks them, does not connect. Fault invalid: its text
  /// names the key ("port must be a number from 1 to 65535"); the core adds file and line. `values` ends with the call.
  virtual Result<std::unique_ptr<Backend>> make(Host&, std::span<const std::pair<std::string, std::string>> values) = 0;
};

/// What a plugin was built with; compared field by field, as plain C, before the first C++ call. Made by abi.hpp.
struct AbiStamp {
  std::uint32_t magic, sdk_abi, release /*_GLIBCXX_RELEASE*/, cxx11 /*_GLIBCXX_USE_CXX11_ABI*/,
      debug /*_GLIBCXX_DEBUG*/, cpp /*__cplusplus*/;
  std::uint32_t size[6];  ///< Fault, Page, Change, Upsert, Attempt, Capabilities
};
/// The one symbol a plugin exports, `extern "C" const PluginEntry tidegate_plugin`: write TIDEGATE_PLUGIN of abi.hpp.
struct PluginEntry {
  AbiStamp abi;
  const char *name, *version;
  Plugin* (*make)();
};

}  // namespace tidegate
