// SPDX-License-Identifier: Apache-2.0
// Looks at the Maildir and the vdir and says where they differ from the rows (design: state, "Maildir and vdir on a
// device", rules 4-6 and 9). It changes nothing. Directories whose mtime did not change since they were settled are not
// even listed, and only files that no row explains are hashed.
//
// What it says is certain: a row's file is gone only if two looks at least 2 s apart missed it while its directory did
// not change, or its deletion was seen, and in both cases its octets are in no unknown file; an unknown file is told
// only when it had the same size, mtime and inode in two such looks (somebody may still be writing). In a vdir an
// object is known by its UID: a file of a row with other octets and that UID was edited. On the disk pool's thread;
// failures are Trouble.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "device/keywords.hpp"
#include "device/pending.hpp"
#include "device/tree.hpp"
#include "device/vdir_object.hpp"

namespace tidegate::device {

/// A file as it lies in a folder.
struct FoundFile {
  std::uint64_t view = 0;
  Gid folder{};
  std::string path;  ///< whole
  std::string name;  ///< below the folder: "cur/…"
  std::uint64_t inode = 0, size = 0;
  std::int64_t mtime_ns = 0;
  bool same_stamp(const FoundFile& other) const {
    return inode == other.inode && size == other.size && mtime_ns == other.mtime_ns;
  }
};

struct Findings {
  struct Placed {  ///< a row's file with another name, folder, flags or stamp than its row says
    Gid gid{};
    FoundFile file;
  };
  struct Fresh {  ///< a file that belongs to no row
    FoundFile file;
    Bytes sha256;
    std::optional<VdirObject> object;  ///< not of a mail
  };
  struct Edited {  ///< a row's file with other octets, perhaps under another name; never a mail
    Gid gid{};
    FoundFile file;
    Bytes sha256;
    VdirObject object;
  };
  struct Broken {  ///< a file that no store could take; said once
    FoundFile file;
    std::string why;
  };
  struct Gone {  ///< rows of one folder whose files were taken away
    std::uint64_t view = 0;
    Gid folder{};
    std::vector<Gid> gids;
    std::size_t missing = 0;  ///< at the moment, those not certain yet among them
    std::size_t rows = 0;     ///< of the folder
  };
  std::vector<Placed> placed;
  std::vector<Fresh> fresh;
  std::vector<Edited> edited;
  std::vector<Broken> broken;
  std::vector<Gone> gone;
  std::vector<std::pair<std::uint64_t, Gid>> returned;  ///< rows on hold whose files are there again
  std::size_t elsewhere = 0;  ///< files of ours in directories that are no folder of the mailbox
  bool unsettled = false;     ///< something was seen and is not certain yet: look again in `settling`
  bool young = false;         ///< a directory changed within the last 2 s: look again, there may be more
};

/// Octets of a vdir's file (a card may bear a photo): a larger one is never sent up.
inline constexpr std::uint64_t object_limit = std::uint64_t{16} << 20;

struct ScanOrder {
  bool whole = false;             ///< list every directory, whatever its mtime says
  std::set<std::string> deleted;  ///< paths whose deletion was seen
  std::set<std::string> touched;  ///< directories in which something was done
};

class Scan {
 public:
  using Key = std::pair<std::uint64_t, Gid>;
  static constexpr std::chrono::seconds settling{2};

  Scan(sim::Files& files, Index& index, const Tree& tree, Keywords& keywords)
      : files_(files), index_(index), tree_(tree), keywords_(keywords) {}

  /// `ours`: files that must not be taken for new (left by an earlier life, or on their way out).
  Findings look(const ScanOrder&, sim::Instant now, const PendingItems&, const std::set<Key>& held,
                const std::function<bool(const std::string& path)>& ours);
  void forget();  ///< all it remembers: everything is looked at anew

 private:
  struct Seen {  ///< of a folder
    std::int64_t cur = 0, fresh = 0;
    sim::Instant since{};
    bool settled = false;
    bool operator==(const Seen&) const = default;
  };
  struct Missing {
    Key key;
    PlaceRow row;
    const FolderRow* folder;
  };
  struct Unknown {
    FoundFile file;
    bool taken = false;
  };
  using Listing = std::unordered_map<std::string, FoundFile>;
  struct Read {    ///< a vdir's file
    Bytes sha256;  ///< empty: it is not there any more
    VdirObject object;
  };

  void look_at(const FolderRow&);
  bool unchanged(const FolderRow&, const std::string& path);
  Listing list(const FolderRow&, const std::string& path);
  void compare(const FolderRow&, Listing&);
  bool found(const FolderRow&, const PlaceRow&, const FoundFile&);
  bool found_object(const FolderRow&, const PlaceRow&, const FoundFile&);
  void edited(const Gid&, const FoundFile&, const Read&);
  void broken(const FoundFile&, const std::string& why);
  bool stands_still(const FoundFile&);
  Read& read(const FoundFile&);
  bool may_lie_in(const FolderRow&, const FoundFile&) const;
  bool match_by_uid(const Missing&);
  bool shows_other_marks(const FolderRow&, const PlaceRow&, const FoundFile&);
  void match_missing();
  bool match(const Missing&);
  void confirm(const Missing&, std::map<Key, Findings::Gone>&);
  void settle(Unknown&);
  void forget_gone();
  bool lies_elsewhere(const Missing&);
  bool may_have_a_copy(const Missing&);
  const Bytes& hash(const FoundFile&);
  void unsettle(std::uint64_t view, const Gid& folder);

  sim::Files& files_;
  Index& index_;
  const Tree& tree_;
  Keywords& keywords_;
  // remembered
  std::map<Key, Seen> folders_;
  std::map<Key, sim::Instant> missing_since_;
  std::map<std::string, std::pair<FoundFile, sim::Instant>> unknown_since_;
  std::map<std::string, std::pair<FoundFile, Bytes>> hashes_;
  std::map<std::string, FoundFile> told_;  ///< broken files, as they were when that was said
  // of one look
  const ScanOrder* order_ = nullptr;
  const PendingItems* pending_ = nullptr;
  const std::set<Key>* held_ = nullptr;
  const std::function<bool(const std::string& path)>* ours_ = nullptr;
  sim::Instant now_{};
  Findings findings_;
  std::vector<Missing> missing_;
  std::vector<Unknown> unknown_;
  std::multimap<std::uint64_t, std::size_t> by_size_;
  std::map<Key, std::size_t> missing_in_;
  std::map<std::string, Read> reads_;
  std::set<std::string> undecided_;  ///< paths of rows' files whose octets are others
  std::optional<std::vector<FoundFile>> foreign_;
};

/// SHA-256 of a file, from an offset on, read in parts.
Bytes hash_file(sim::Files&, const std::string& path, std::uint64_t from = 0);

}  // namespace tidegate::device
