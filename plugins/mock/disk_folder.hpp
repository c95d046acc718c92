// SPDX-License-Identifier: Apache-2.0
// A directory as a folder: a Maildir, or a directory of .ics or .vcf files. The journal of changes is in memory; what
// the disk holds is found out by scanning, so it is true even if nobody told of a change.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "plugins/mock/content.hpp"
#include "plugins/mock/folder.hpp"
#include "plugins/mock/letters.hpp"

namespace tidegate::mock {

class DiskFolder final : public ItemFolder {
 public:
  /// `kind`: mail, event (an .ics directory) or contact (.vcf). `epoch` must be new for each object.
  DiskFolder(std::string path, Kind kind, std::string epoch);

  Result<void> refresh() override;
  std::string epoch() const override { return epoch_; }
  std::uint64_t last() const override { return last_; }
  std::uint64_t floor() const override { return floor_; }
  std::vector<Noted> after(std::uint64_t number, std::size_t limit) const override;
  std::vector<Noted> older(const Place* below, std::size_t limit) const override;
  std::optional<Place> place(View name) const override;
  std::optional<Upsert> upsert(View name, std::uint32_t inline_up_to) override;

  Result<std::unique_ptr<Content>> open(View name) override;
  Result<Bytes> create(View name, const NewItem&, Source&) override;
  Result<void> replace(View name, View if_content_rev, Source&) override;
  Result<void> set_flags(View name, const FlagDelta&) override;
  Result<void> remove(View name, View if_content_rev) override;
  Result<Bytes> take(ItemFolder& from, View name) override;
  Kind kind() const override { return kind_; }

  const std::string& path() const { return path_; }
  /// Removals remembered; older anchors expire.
  static constexpr std::size_t tombstones_max = 20'000;

 private:
  struct Pim {  ///< of its octets
    Bytes content_rev;
    Fingerprint fingerprint{};
  };
  /// Many thousand users have folders here: nothing is kept twice.
  struct Entry {
    std::uint64_t number = 0, size = 0, inode = 0;
    std::int64_t mtime_ns = 0;
    std::string tail;          ///< mail: what follows the name, ":2,S"
    std::unique_ptr<Pim> pim;  ///< not mail
    std::uint32_t scan = 0, flags = 0;
    std::uint32_t rev = 1;  ///< mail: moves only if a file was seen half written
    Kind kind = Kind::mail;
    bool fresh = false;    ///< mail: in new/, else in cur/
    bool settled = false;  ///< its mtime is old enough to tell the next change from this one
    std::int64_t second() const {
      return std::chrono::floor<std::chrono::seconds>(std::chrono::nanoseconds(mtime_ns)).count();
    }
  };
  using Items = std::unordered_map<Bytes, Entry>;
  struct NewestLast {  ///< by received, seconds; then by name
    using is_transparent = void;
    using Wanted = std::pair<std::int64_t, View>;
    static Wanted of(const Items::value_type* item) { return {item->second.second(), item->first}; }
    static const Wanted& of(const Wanted& wanted) { return wanted; }
    bool operator()(const auto& a, const auto& b) const { return of(a) < of(b); }
  };
  struct Change {
    const Bytes* name;  ///< in items_ or removed_
    bool gone;
  };
  struct Stamp {
    std::int64_t mtime_ns = -1, seen_ns = 0;
  };

  Result<void> scan_mail();
  Result<void> scan_files();
  Result<void> walk(const std::string& below,
                    const std::function<Result<void>(int directory, const char* file)>&) const;
  Result<void> meet_mail(int directory, const std::string& below, const char* file);
  Result<void> meet_file(int directory, const char* file);
  bool unchanged();
  void drop_unseen();
  void note(Items::value_type&);
  void forget(const Bytes& name);
  std::string borne() const;
  Items::value_type* find(View name);
  std::string file_of(const Items::value_type&) const;  ///< below path_
  Result<void> rename_to(const Bytes& name, const std::string& file);
  Result<std::string> write(const std::string& name, Source&, std::optional<std::chrono::sys_seconds> received) const;
  std::string full(const std::string& below) const { return path_ + "/" + below; }

  std::string path_;
  Kind kind_;
  std::string epoch_;
  Letters letters_;
  Items items_;
  std::map<std::uint64_t, Change> journal_;           // the latest change of each item and removal
  std::unordered_map<Bytes, std::uint64_t> removed_;  // name → its number in the journal
  std::set<const Items::value_type*, NewestLast> order_;
  std::uint64_t last_ = 0, floor_ = 0;
  std::uint32_t scan_ = 0;
  std::size_t unsettled_ = 0;
  Stamp stamps_[2];  // of new/ and cur/
};

}  // namespace tidegate::mock
