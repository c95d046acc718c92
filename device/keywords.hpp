// SPDX-License-Identifier: Apache-2.0
// Keywords as the letters a to z of a Maildir's file names, in Dovecot's way: the file `dovecot-keywords` in a folder's
// directory says "0 $Forwarded", "1 Work" and so on; 0 is the letter a. A keyword that found no letter lives in the
// index only and is never cleared from here; a letter without a keyword means nothing, and stays.
// On the disk pool's thread; failures are Trouble.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/sim/files.hpp"
#include "device/names.hpp"

namespace tidegate::device {

/// What was done to a file whose marks are `shows`, where `told` is what the store has or is about to hear of. `given`:
/// the letters that the file had from us or came with (ItemRow::shown); that another is absent says nothing.
struct MarkChange {
  std::uint32_t set = 0, cleared = 0;
  MarkChange(std::uint32_t told, std::uint32_t given, std::uint32_t shows)
      : set(shows & ~told), cleared(told & ~shows & (shown_flags | given)) {}
};

class Keywords {
 public:
  static constexpr const char* file_name = "dovecot-keywords";  ///< also of its draft, in the folder's tmp
  explicit Keywords(sim::Files& files) : files_(files) {}

  /// The marks of a name in that directory (names.hpp) for these flags and words.
  std::uint32_t marks(const std::string& directory, std::uint32_t flags, const std::vector<std::string>& words);
  /// The same. Words without a letter get one first, durably, as far as there are letters that no file there bears
  /// already and they can have one.
  std::uint32_t give_marks(const std::string& directory, std::uint32_t flags, const std::vector<std::string>& words);
  /// The words of such marks; letters that mean nothing are left out.
  std::vector<std::string> words(const std::string& directory, std::uint32_t marks);
  /// All marks that mean something there.
  std::uint32_t known(const std::string& directory);

 private:
  struct Table {
    std::uint64_t inode = 0, size = 0;
    std::int64_t mtime_ns = 0;
    std::vector<std::string> words = std::vector<std::string>(26);  ///< by letter; empty: none
  };
  const Table& read(const std::string& directory);
  std::uint32_t borne(const std::string& directory);
  void write(const std::string& directory, const std::vector<std::string>& words);

  sim::Files& files_;
  std::map<std::string, Table> tables_;
};

}  // namespace tidegate::device
