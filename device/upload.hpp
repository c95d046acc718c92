// SPDX-License-Identifier: Apache-2.0
// What of the journal goes up next on a session: commands in their order, content read from its file in parts, so that
// memory stays bounded (docs/wire.md §8.8). On the disk pool's thread; failures are Trouble.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/sim/files.hpp"
#include "device/digest.hpp"
#include "device/holds.hpp"
#include "device/index.hpp"
#include "device/journal.hpp"

namespace tidegate::device {

/// At most so many commands of a device are unanswered at once (docs/wire.md §8.8).
inline constexpr std::size_t unanswered_limit = 32;

/// How far a session has come. Begins empty.
struct UploadCursor {
  std::uint64_t number = 0;                    ///< of the command that was sent last
  std::uint64_t offset = 0;                    ///< of its content; 0: it is complete
  std::uint64_t up_to = 0;                     ///< all up to here were sent, or passed over
  std::map<std::uint64_t, Holds::Key> passed;  ///< commands of items whose files are missing until a hold is decided
  std::shared_ptr<Digest> digest;
};

struct UploadStep {
  std::vector<e2e::ToGateway> messages;
  std::vector<Bytes> begun;  ///< ids of the commands among them
  UploadCursor cursor;
  bool more = false;     ///< there is something behind the cursor
  bool blocked = false;  ///< a file is not where it was: a look at the Maildir must decide first
  bool broken = false;   ///< the file changed while it was sent: this session must end, so that the gateway drops it
  std::vector<std::string> notes;
};

class Upload {
 public:
  /// `locate`: the present path of an item's file. `held`: whose files are missing until somebody says what that means.
  Upload(sim::Files& files, Index& index, Journal& journal, std::set<Holds::Key> held,
         std::function<std::optional<std::string>(const ItemRow&)> locate)
      : files_(files), index_(index), journal_(journal), held_(std::move(held)), locate_(std::move(locate)) {}

  /// At most `room` new commands, and at most one part of content.
  UploadStep step(UploadCursor, std::size_t room);

 private:
  struct Source {
    std::string path;
    std::uint64_t skip = 0;
  };
  void whole(UploadStep&, const CommandRow&);
  bool begin(UploadStep&, const CommandRow&);
  void go_on(UploadStep&, const CommandRow&);
  void drop(UploadStep&, const CommandRow&);
  void begin_next(UploadStep&, std::size_t room);
  void count(UploadStep&, const CommandRow&);
  std::optional<CommandRow> next(UploadCursor&);
  bool passes(UploadCursor&, const CommandRow&);
  std::optional<Source> source(UploadStep&, const CommandRow&);

  sim::Files& files_;
  Index& index_;
  Journal& journal_;
  const std::set<Holds::Key> held_;
  std::function<std::optional<std::string>(const ItemRow&)> locate_;
};

}  // namespace tidegate::device
