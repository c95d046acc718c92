// SPDX-License-Identifier: Apache-2.0
// One IMAP connection: commands as text out, replies as values in. The only room with libetpan (connection.cpp,
// harvest.cpp, driver.cpp): its parser reads the answers, its select()-based calls are never used.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"
#include "plugins/imap/faults.hpp"
#include "plugins/imap/guard.hpp"
#include "plugins/imap/reply.hpp"
#include "plugins/imap/sasl.hpp"
#include "plugins/imap/settings.hpp"

namespace tidegate::imap {

/// What the server said on its own since the last clear(): of the selected folder, and of others (RFC 5465).
struct Signals {
  std::uint32_t exists = 0;   ///< messages in the folder now
  std::uint32_t arrived = 0;  ///< by how much EXISTS rose
  bool expunged = false;
  UidSet vanished;                              ///< where QRESYNC is on
  bool flags = false;                           ///< a FETCH nobody asked for
  bool tree = false;                            ///< a LIST nobody asked for
  bool overflow = false;                        ///< NOTIFICATIONOVERFLOW: it tells nothing any more
  std::map<std::string, MailboxState> folders;  ///< a STATUS nobody asked for; raw names
  [[nodiscard]] bool any() const { return arrived > 0 || expunged || flags; }
  [[nodiscard]] bool elsewhere() const { return tree || overflow || !folders.empty(); }
  void clear() { arrived = 0, expunged = flags = false, vanished = {}; }
};

/// Used by one thread at a time, any thread. Every call blocks at most until the Call's deadline. After a fault of
/// transport or protocol dead() is true and the connection is good for nothing but destruction, which never waits.
class Connection {
 public:
  using Tag = int;

  /// Connects, reads the greeting, STARTTLS where configured, logs in. Faults: those of connect_blocking, auth, …
  static Result<std::unique_ptr<Connection>> open(const Settings&, const Credentials&, const Call&);
  /// The same without a login: whether the server is reached, its certificate believed, and whether it takes the kind
  /// of login that the settings name.
  static Result<void> test(const Settings&, const Call&);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool has(std::string_view capability) const;      ///< upper case
  [[nodiscard]] bool enabled(std::string_view capability) const;  ///< RFC 5161: the server said so
  [[nodiscard]] const std::string& server() const;                ///< what ID and greeting say of it, lower case
  [[nodiscard]] const Namespaces& namespaces() const;             ///< empty where it tells none
  [[nodiscard]] bool dead() const;
  [[nodiscard]] bool dropped() const;  ///< dead because the server or the network ended it
  [[nodiscard]] int fd() const;
  Signals& signals();

  /// One command, its answer. NO and BAD are replies, not faults. `command` holds no line break (quoted() sees to it).
  Result<Reply> run(const Call&, std::string_view command, const Limits& = {});
  /// Several commands in one flight: send() each, then receive() in the same order. After a fault of either the
  /// connection is dead.
  Result<Tag> send(const Call&, std::string_view command);
  Result<Reply> receive(const Call&, Tag, const Limits& = {});

  /// SELECT; `condstore` asks for HIGHESTMODSEQ. Clears the signals.
  Result<Reply> select(const Call&, std::string_view mailbox, bool condstore, MailboxState& state);

  /// A command whose only BODY[…] literal goes to the sink as it comes, at most `most` octets. What the sink refuses
  /// is read and dropped. Returns what the server sent; `existed`: it answered for that UID at all.
  struct Streamed {
    std::uint64_t octets = 0;
    bool existed = false;
  };
  Result<Streamed> stream_body(const Call&, Uid, std::string_view command, std::uint64_t most, Sink&);

  /// APPEND: `command` without its literal; the source gives exactly `size` octets. Fault invalid if it doesn't (the
  /// connection is then dead, nothing was stored); ambiguous if the connection broke after the last octet.
  Result<Reply> append(const Call&, std::string_view command, std::uint64_t size, Source&);

  // --- IDLE (RFC 2177)
  Result<void> idle(const Call&);
  [[nodiscard]] bool idling() const;
  /// Octets wait in one of the three buffers (kernel apart): don't wait for the descriptor, read.
  [[nodiscard]] bool buffered() const;
  /// Takes what the server said meanwhile, without ending IDLE and without waiting for more. Look at signals() then.
  Result<void> idle_look(const Call&);
  /// DONE, with further commands in the same flight; then receive() them.
  Result<std::vector<Tag>> idle_done(const Call&, const std::vector<std::string>& commands = {});

  /// Gives buffers back that grew: an idle connection has to be small.
  void shrink();

 private:
  struct Inside;
  explicit Connection(std::unique_ptr<Inside>);
  std::unique_ptr<Inside> in_;
};

/// RFC 3501 §9 quoted; nullopt for what can't be quoted (CR, LF, NUL).
std::optional<std::string> quoted(std::string_view text);

}  // namespace tidegate::imap
