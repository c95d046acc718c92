// SPDX-License-Identifier: Apache-2.0
// A Shelf on a disk in memory, fed by a gateway's log of a few items, stopped wherever a test wants.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/sim/memory_disk.hpp"
#include "core/sim/virtual_world.hpp"
#include "device/names.hpp"
#include "device/shelf.hpp"

namespace tidegate::device {

struct Cut {};  ///< thrown where the process "dies"

/// Counts the calls that change the disk and dies at the n-th (before it is done).
class CuttingFiles final : public sim::Files {
 public:
  explicit CuttingFiles(sim::Files& inner) : inner_(inner) {}
  std::uint64_t until = UINT64_MAX;  ///< calls left
  std::uint64_t calls = 0;
  std::function<void(const std::string& path)> before_read;

  Result<Bytes> read(const std::string& path, std::uint64_t limit) override {
    if (before_read) before_read(path);
    return inner_.read(path, limit);
  }
  Result<Bytes> read_part(const std::string& path, std::uint64_t offset, std::uint64_t length) override {
    return inner_.read_part(path, offset, length);
  }
  Result<void> create(const std::string& path, View octets, unsigned mode) override {
    step();
    return inner_.create(path, octets, mode);
  }
  Result<void> append(const std::string& path, View octets) override {
    step();
    return inner_.append(path, octets);
  }
  Result<void> sync(const std::string& path) override {
    step();
    return inner_.sync(path);
  }
  Result<void> sync_directory(const std::string& path) override {
    step();
    return inner_.sync_directory(path);
  }
  Result<bool> sync_everything(const std::string& path) override {
    step();
    return inner_.sync_everything(path);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    step();
    return inner_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override {
    step();
    return inner_.remove(path);
  }
  Result<void> make_directories(const std::string& path, unsigned mode) override {
    step();
    return inner_.make_directories(path, mode);
  }
  Result<std::vector<sim::FileInfo>> list(const std::string& path) override { return inner_.list(path); }
  Result<std::optional<sim::FileInfo>> info(const std::string& path) override { return inner_.info(path); }

 private:
  void step() {
    ++calls;
    if (until-- == 0) throw Cut{};
  }
  sim::Files& inner_;
};

class CuttingWorld final : public sim::World {
 public:
  explicit CuttingWorld(sim::VirtualHost& host) : host_(host), files_(host.files()) {}
  sim::Reactor& reactor() override { return host_.reactor(); }
  sim::Network& network() override { return host_.network(); }
  sim::Files& files() override { return files_; }
  CuttingFiles& cutting() { return files_; }
  std::unique_ptr<sim::DirectoryWatch> watch(sim::DirectoryHints hints) override {
    return host_.watch(std::move(hints));
  }
  const char* sqlite_vfs() const override { return host_.sqlite_vfs(); }
  std::unique_ptr<sim::Pool> pool(std::string_view name, std::size_t threads, std::size_t queue) override {
    return host_.pool(name, threads, queue);
  }
  Bytes boot_id() const override { return host_.boot_id(); }

 private:
  sim::VirtualHost& host_;
  CuttingFiles files_;
};

inline Gid gid_of(std::uint64_t number) {
  Gid gid{};
  for (int i = 0; i < 8; ++i) gid[static_cast<std::size_t>(8 + i)] = static_cast<std::byte>(number >> (56 - 8 * i));
  gid[0] = std::byte{0x5A};
  return gid;
}

/// The gateway's log of one view: state by item, ordered by last change.
struct ScriptedLog {
  struct Entry {
    std::uint64_t number = 0, seq_body = 0, seq_meta = 0, seq_gone = 0;
    Bytes content;
    std::uint32_t flags = 0;
    Gid folder{};
    std::int64_t received = 0;
    Kind kind = Kind::mail;
    Gid gid{};
    std::set<std::string> keywords{};
    Bytes revision() const { return kind == Kind::mail ? Bytes() : "r" + std::to_string(seq_body); }
    std::uint64_t seq() const { return std::max({seq_body, seq_meta, seq_gone}); }
  };
  std::uint64_t view = 1, head = 0;
  e2e::Epoch epoch{};
  std::map<std::uint64_t, Entry> entries;
  std::vector<e2e::FolderInfo> folders;
  std::vector<e2e::Window> windows;  ///< of the positions it sends

  ScriptedLog();
  void add(std::uint64_t number, Bytes content, std::uint32_t flags = 0, std::uint64_t folder = 1,
           Kind kind = Kind::mail);
  void flags(std::uint64_t number, std::uint32_t flags);
  void keywords(std::uint64_t number, std::set<std::string> words);
  void move(std::uint64_t number, std::uint64_t folder);
  void body(std::uint64_t number, Bytes content);
  void gone(std::uint64_t number);
  void remove_folder(const Gid&);  ///< with all that is in it
  /// What a gateway does with a command on a folder.
  std::optional<FaultKind> command_folder(const e2e::Command&, Gid& made);
  e2e::FolderInfo* folder(const Gid&);
  std::uint64_t made = 0;  ///< folders, by devices

  e2e::HelloAck hello_ack(bool compare = false) const;
  e2e::Folders tree() const;
  e2e::Item item(const Entry&, std::uint64_t job = 0) const;
  e2e::Mark mark(std::uint64_t live) const;
  /// All a device at that position must hear, with a mark every `mark_every` messages and bodies over `part` in parts.
  std::vector<e2e::ToDevice> since(std::uint64_t live, std::size_t mark_every = 3, std::size_t part = 400) const;
};

struct DiskFixture {
  explicit DiskFixture(std::uint64_t seed) : world(seed), host(world.host("device")) { start(); }

  void start(std::uint64_t dies_after = UINT64_MAX);  ///< opens a shelf; may throw Cut
  void end() { shelf.reset(); }
  std::uint64_t live();  ///< of view 1's position on disk; 0: none
  /// Brings the device up to the log. Throws Cut where the cutter says so; faults fail the test.
  void catch_up(const ScriptedLog&, std::size_t batch = 4);
  void expect_equal(const ScriptedLog&);                    ///< files = log, and nothing of ours besides
  void expect_sound(const ScriptedLog&);                    ///< what the position claims is on disk
  std::vector<std::string> mails(const std::string& part);  ///< all below the Maildir that lie in `part`

  sim::VirtualWorld world;
  sim::VirtualHost& host;
  std::unique_ptr<CuttingWorld> cutter;
  std::unique_ptr<Shelf> shelf;
  std::vector<Arrival> arrivals;
  std::function<void(const Arrival&)> on_arrival;       ///< a mail program that is quicker than our transaction
  std::function<void(const std::string&)> before_read;  ///< the same before a whole file is read; set before start()
  const Places places{"/state", "/mail", "/pim"};
};

}  // namespace tidegate::device
