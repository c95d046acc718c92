// SPDX-License-Identifier: Apache-2.0
// The whole plugin seam. Headers only, std only: no Asio, Boost, spdlog, protobuf, OpenSSL, coroutine.
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
struct Call {
  Clock::time_point deadline;
  std::stop_token stop;
  std::uint64_t trace = 0;
};  // first argument of every blocking verb

enum class Kind : std::uint8_t { mail, event, task, contact, note, file };
enum class Role : std::uint8_t { none, inbox, sent, drafts, trash, junk, archive, calendar, contacts, tasks };
enum Flag : std::uint32_t { seen = 1, answered = 2, flagged = 4, deleted = 8, draft = 16, forwarded = 32 };
struct Folder {
  Bytes id, parent, scope;
  std::string name;
  Kind kind;
  Role role;
  std::uint32_t rights;
};  // folders of one scope share one anchor

// --- changes
// -----------------------------------------------------------------------------------------------------------------
struct Upsert {
  Bytes id;
  std::vector<Bytes> folders;  // the complete set: one but for JMAP and Gmail
  Bytes content_rev;           // moves when the octets move; constant for mail
  Bytes state_rev;             // moves with flags and keywords (IMAP MODSEQ); may be empty
  Kind kind;
  std::uint64_t size;
  std::chrono::sys_seconds received;
  std::uint32_t flags;
  std::vector<std::string> keywords;
  std::array<std::byte, 20> fingerprint;  // made by the plugin: equal for the same item under another id (see contract)
  Bytes was;                              // earlier id, where the back-end tells of a move; else empty
  std::optional<Bytes> content;           // came along, if no longer than Want::inline_up_to
};
struct Removed {
  Bytes id, folder;
};  // folder empty: from everywhere
struct Listed {
  Bytes scope;
};  // end of a listing: what it did not name is gone; the core makes the removals
struct FolderUpsert {
  Folder folder;
};
struct FolderRemoved {
  Bytes id;
};
using Change = std::variant<Upsert, Removed, Listed, FolderUpsert, FolderRemoved>;
struct Want {
  std::uint32_t limit = 500;
  std::uint32_t inline_up_to = 0;
  std::chrono::sys_seconds since{};
};
struct Page {
  std::vector<Change> changes;
  Bytes anchor;
  bool more = false;
};

// --- writing
// -------------------------------------------------------------------------------------------------------------------
struct Attempt {  // how a verb that can't be repeated blindly survives a crash
  Bytes token;    // the command's id, 16 octets, for back-ends that can carry one
  Bytes note;     // what the plugin noted in the earlier attempt; empty: this is the first
  std::move_only_function<Result<void>(View)>
      before;  // the plugin gives its note (UIDNEXT …); durable when this returns
};
using Sink = std::move_only_function<bool(Octets)>;                         // never blocks; false stops
using Source = std::move_only_function<std::size_t(std::span<std::byte>)>;  // 0 = end; restartable by the core
struct Range {
  std::uint64_t from = 0, length = UINT64_MAX;
};
struct Written {
  Bytes id, content_rev, state_rev;
  bool same_octets = true;
};  // false: read it back (DAV PUT without ETag)
struct NewItem {
  Kind kind;
  std::uint64_t size;
  std::uint32_t flags;
  std::vector<std::string> keywords;
  std::chrono::sys_seconds received;
};
struct FlagDelta {
  std::uint32_t add = 0, clear = 0;
  std::vector<std::string> keywords_add, keywords_clear;
};  // commutes: no revision
struct Envelope {
  std::string from;
  std::vector<std::string> to;
};
struct Sent {
  std::optional<Written> filed;
};  // empty: the core files it by create(), as its own journaled step
struct Reply {
  enum { accept, tentative, decline } answer;
  std::string comment;
};
struct Hits {
  std::vector<Bytes> ids;
  Bytes next;
};
struct Person {
  std::string name, address;
  Bytes id;
};
struct Capabilities {
  std::uint64_t verbs = 0;
  bool ranged_read = false, parks = false, token_kept = false, sends_and_files = false, schedules = false,
       delta = false, removals = false;
  std::uint32_t sessions_per_user = 1;
};

// --- watching
// ------------------------------------------------------------------------------------------------------------------
struct Hint {
  std::vector<Bytes> scopes;
  bool all = false;
};  // "may have changed"
struct Parking {
  int fd = -1;
  Clock::time_point wake_by;
};  // the core waits for readability, a call to make, or wake_by

// One mailbox as seen by one actor. Used by one thread at a time, any thread; never on a reactor thread. Its verbs
// block. IMAP: one connection. EWS, DAV, JMAP: a light handle on the back-end's pool.
class Session {
 public:
  virtual ~Session() = default;  // may be destroyed without a goodbye; must not block over a second
  virtual Capabilities capabilities() const = 0;
  virtual Result<Page> changes(const Call&, View scope, View anchor, const Want&) = 0;  // scope "" = the folder tree
  virtual Result<std::uint64_t> read(const Call&, View item, Range, Sink) = 0;
  virtual Result<Written> create(const Call&, View folder, const NewItem&, Source, Attempt&) = 0;
  virtual Result<Written> update(const Call&, View item, View if_content_rev, Source) = 0;
  virtual Result<Written> set_flags(const Call&, View item, const FlagDelta&) = 0;
  virtual Result<Written> move(const Call&, View item, View from, View to, Attempt&) = 0;
  virtual Result<void> remove(const Call&, View item, View folder, View if_content_rev) = 0;
  virtual Result<Folder> make_folder(const Call&, const Folder& like, Attempt&) = 0;
  virtual Result<Folder> change_folder(const Call&, const Folder&) = 0;
  virtual Result<void> remove_folder(const Call&, View folder) = 0;
  virtual Result<Sent> send(const Call&, const Envelope&, Source, View file_in, Attempt&) = 0;
  virtual Result<Written> respond(const Call&, View item, const Reply&,
                                  Attempt&) = 0;  // only where the server schedules
  virtual Result<Hits> search(const Call&, View folder, std::string_view query, View page) = 0;
  virtual Result<std::vector<Person>> resolve(const Call&, std::string_view, std::uint32_t limit) = 0;
  virtual Result<Parking> park(
      const Call&) = 0;  // last verb of a busy spell: IDLE/NOTIFY sent, no octet left in any buffer
  virtual Result<Hint> unpark(const Call&) = 0;  // DONE sent and read; also says what came
};

class Hints {
 public:
  virtual void hint(View mailbox, const Hint&) noexcept = 0;  // from any thread, never blocks, coalesces
  virtual void lost(View mailbox, const Fault&) noexcept = 0;

 protected:
  ~Hints() = default;
};
class Watch {
 public:
  virtual ~Watch() = default;  // when this returns no hint comes any more
  virtual void add(View mailbox) noexcept = 0;
  virtual void drop(View mailbox) noexcept = 0;
};

struct Mailbox {
  std::string user, mailbox, actor;
};  // whose licence, whose mail, who acts
// One [backend:…] section: pools, credentials, throttles and shared streams live here. Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Result<std::unique_ptr<Session>> open(const Call&, const Mailbox&) = 0;
  virtual std::unique_ptr<Watch> watch(
      Hints&) = 0;  // one for all users (EWS streams, inotify); null: sessions park, or the core polls
  virtual Result<void> test(const Call&) = 0;  // connects and says in one sentence what's wrong
};

class Timer {
 public:
  virtual ~Timer() = default;
};
class FdWait {
 public:
  virtual ~FdWait() = default;
};            // destroying cancels; the callback never runs after that
class Host {  // what the core lends a plugin: also the seam for virtual time and a simulated network
 public:
  virtual void log(int level, std::string_view) noexcept = 0;
  virtual Clock::time_point now() const noexcept = 0;
  virtual void random(std::span<std::byte>) noexcept = 0;
  virtual Result<Bytes> secret(std::string_view key) = 0;  // password_file, credential, OAuth token: one place
  virtual std::unique_ptr<FdWait> wait(int fd, bool write, std::move_only_function<void()>) = 0;
  virtual std::unique_ptr<Timer> at(Clock::time_point, std::move_only_function<void()>) = 0;

 protected:
  ~Host() = default;
};
struct Setting {
  const char *key, *fallback, *doc;
};
class Plugin {
 public:
  virtual ~Plugin() = default;
  virtual std::span<const Setting> settings() const noexcept = 0;
  virtual Result<std::unique_ptr<Backend>> make(Host&, std::span<const std::pair<std::string, std::string>> values) = 0;
};

// Checked field by field, as plain C, before the first C++ call.
struct AbiStamp {
  std::uint32_t magic, sdk_abi, release /*_GLIBCXX_RELEASE*/, cxx11 /*_GLIBCXX_USE_CXX11_ABI*/,
      debug /*_GLIBCXX_DEBUG*/, cpp /*__cplusplus*/;
  std::uint32_t size[6];
};  // Fault, Page, Change, Upsert, Attempt, Capabilities
struct PluginEntry {
  AbiStamp abi;
  const char *name, *version;
  Plugin* (*make)();
};
}  // namespace tidegate
