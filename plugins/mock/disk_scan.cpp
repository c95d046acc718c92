// SPDX-License-Identifier: Apache-2.0
// How a DiskFolder finds out what is on the disk, and how it writes there.
#include <array>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "plugins/mock/disk_folder.hpp"
#include "plugins/mock/posix.hpp"

namespace tidegate::mock {
namespace {

// Kernels stamp inodes with a coarse clock (up to 10 ms); younger stamps can't tell two changes apart.
constexpr std::int64_t coarse_ns = 50'000'000;
// Somebody may copy straight into new/ instead of by tmp/: its size is believed after this.
constexpr std::int64_t writing_ns = 2'000'000'000;
constexpr std::uint64_t longest_file = 16 << 20;
constexpr std::array<const char*, 2> boxes{"new", "cur"};

}  // namespace

Result<void> DiskFolder::refresh() { return kind_ == Kind::mail ? scan_mail() : scan_files(); }

Result<void> DiskFolder::walk(const std::string& below,
                              const std::function<Result<void>(int, const char*)>& visit) const {
  const auto path = below.empty() ? path_ : full(below);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) {
    if (errno == ENOENT && !below.empty()) return {};  // a Maildir without cur/ is an empty one
    return failed(path, "list the directory", errno);
  }
  for (;;) {
    errno = 0;
    const auto* found = ::readdir(directory.get());
    if (!found) return errno ? Result<void>(failed(path, "list the directory", errno)) : Result<void>{};
    if (found->d_name[0] == '.' || std::strchr(found->d_name, '\n')) continue;
    if (auto done = visit(::dirfd(directory.get()), found->d_name); !done) return done;
  }
}

/// Whether new/ and cur/ are as they were when last walked, and that was late enough to be sure.
bool DiskFolder::unchanged() {
  bool same = unsettled_ == 0;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    struct stat about{};
    const auto now = disk_now_ns();
    const auto mtime = ::stat(full(boxes[i]).c_str(), &about) == 0 ? mtime_ns(about) : 0;
    same = same && stamps_[i].mtime_ns == mtime && stamps_[i].seen_ns > mtime + coarse_ns;
    stamps_[i] = {mtime, now};
  }
  return same;
}

Result<void> DiskFolder::scan_mail() {
  struct stat about{};
  if (::stat(path_.c_str(), &about) != 0) return failed(path_, "look at the folder", errno);
  if (auto done = letters_.refresh(); !done) return done;
  if (unchanged()) return {};
  // A rename (flags) during the walk may hide a file from it: a removal must be seen by two walks on end. new/ goes
  // first, because readers move files from there to cur/.
  for (int round = 0; round < 2; ++round) {
    ++scan_;
    unsettled_ = 0;
    for (const auto* box : boxes) {
      auto done = walk(box, [&](int directory, const char* file) { return meet_mail(directory, box, file); });
      if (!done) {
        stamps_[0] = stamps_[1] = {};
        return done;
      }
    }
    bool missing = false;
    for (const auto& [name, entry] : items_) missing = missing || entry.scan + static_cast<unsigned>(round) < scan_;
    if (!missing) return {};
  }
  drop_unseen();
  return {};
}

Result<void> DiskFolder::meet_mail(int directory, const std::string& below, const char* file) {
  auto parsed = parse_name(file);
  if (parsed.base.empty()) return {};
  auto* item = find(parsed.base);
  const bool known = item != nullptr;
  if (known && item->second.scan == scan_)
    return {};  // in new/ and in cur/: being moved, or copied; the first one counts
  if (!known || !item->second.settled) {
    struct stat about{};
    if (::fstatat(directory, file, &about, 0) != 0 || !S_ISREG(about.st_mode)) return {};
    if (!known) item = &*items_.try_emplace(parsed.base).first;
    auto& entry = item->second;
    const auto size = static_cast<std::uint64_t>(about.st_size);
    const bool same = known && entry.size == size && entry.inode == about.st_ino && entry.mtime_ns == mtime_ns(about);
    if (known) order_.erase(item);
    if (known && !same) ++entry.rev;
    entry.size = size;
    entry.inode = about.st_ino;
    entry.mtime_ns = mtime_ns(about);
    const auto age = disk_now_ns() - entry.mtime_ns;
    entry.settled = age > writing_ns || age < -writing_ns;  // stamps of the future don't wait for it
    order_.insert(item);
    if (known && !same) note(*item);
  }
  auto& entry = item->second;
  if (!entry.settled) ++unsettled_;
  entry.scan = scan_;
  const bool moved = entry.flags != parsed.flags || parse_name(entry.tail).other != parsed.other;
  entry.fresh = below == boxes[0];
  entry.tail = std::string_view(file).substr(parsed.base.size());
  entry.flags = parsed.flags;
  if (!known || moved) note(*item);
  return {};
}

Result<void> DiskFolder::scan_files() {
  ++scan_;
  auto done = walk({}, [&](int directory, const char* file) { return meet_file(directory, file); });
  if (!done) return done;
  drop_unseen();
  return {};
}

Result<void> DiskFolder::meet_file(int directory, const char* file) {
  const std::string_view ending = kind_ == Kind::contact ? ".vcf" : ".ics";
  if (!std::string_view(file).ends_with(ending)) return {};
  const Bytes name(file);
  struct stat about{};
  if (::fstatat(directory, file, &about, 0) != 0 || !S_ISREG(about.st_mode)) return {};
  const auto size = static_cast<std::uint64_t>(about.st_size);
  if (size > longest_file) return {};
  auto* item = find(name);
  const bool known = item != nullptr;
  if (known) item->second.scan = scan_;
  if (known && item->second.settled && item->second.size == size && item->second.inode == about.st_ino &&
      item->second.mtime_ns == mtime_ns(about))
    return {};
  auto content = open_content(full(name));
  if (!content) return {};  // gone between listing and opening: the next walk tells
  auto text = head(**content, longest_file);
  if (!text) return std::unexpected(text.error());

  auto rev = hex(digest(*text));
  if (!known) item = &*items_.try_emplace(name).first;
  if (known) order_.erase(item);
  auto& entry = item->second;
  if (!entry.pim) entry.pim = std::make_unique<Pim>();
  const bool changed = !known || entry.pim->content_rev != rev;
  entry.scan = scan_;
  entry.size = text->size();
  entry.inode = about.st_ino;
  entry.mtime_ns = mtime_ns(about);
  entry.settled = disk_now_ns() - entry.mtime_ns > coarse_ns;
  entry.pim->content_rev = std::move(rev);
  entry.pim->fingerprint = pim_fingerprint(*text);
  entry.kind = kind_ == Kind::contact ? Kind::contact : calendar_kind(*text);
  order_.insert(item);
  if (changed) note(*item);
  return {};
}

void DiskFolder::drop_unseen() {
  // Mail is given two walks (scan_mail), a directory of files one.
  const std::uint32_t walks = kind_ == Kind::mail ? 2 : 1;
  std::vector<Bytes> gone;
  for (const auto& [name, entry] : items_)
    if (entry.scan + walks <= scan_) gone.push_back(name);
  for (const auto& name : gone) forget(name);
}

Result<std::string> DiskFolder::write(const std::string& name, Source& source,
                                      std::optional<std::chrono::sys_seconds> received) const {
  auto path = full("." + name + ".tmp");  // the walk skips names with a dot in front
  if (kind_ == Kind::mail) {
    for (const auto* box : {"tmp", "new", "cur"})
      if (::mkdir(full(box).c_str(), 0700) != 0 && errno != EEXIST) return failed(full(box), "make a directory", errno);
    path = full("tmp/" + name);
  }
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return failed(path, "write an item", errno);
  const auto give_up = [&](int why) {
    ::unlink(path.c_str());
    return failed(path, "write an item", why);
  };
  std::array<std::byte, 65536> buffer;
  while (const auto have = source(buffer)) {
    for (std::size_t done = 0; done < have;) {
      const auto put = ::write(fd.get(), buffer.data() + done, have - done);
      if (put < 0 && errno != EINTR) return give_up(errno);
      if (put > 0) done += static_cast<std::size_t>(put);
    }
  }
  if (received && received->time_since_epoch().count() != 0) {
    const timespec at{static_cast<time_t>(received->time_since_epoch().count()), 0};
    const timespec both[2]{at, at};
    if (::futimens(fd.get(), both) != 0) return give_up(errno);
  }
  if (::fsync(fd.get()) != 0) return give_up(errno);
  return path;
}

}  // namespace tidegate::mock
