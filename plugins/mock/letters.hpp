// SPDX-License-Identifier: Apache-2.0
// The file dovecot-keywords of a Maildir's folder: which of the letters a to z in its files' names means which keyword.
// As long as the folder's mutex is held.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/store.hpp"

namespace tidegate::mock {

class Letters {
 public:
  explicit Letters(std::string directory) : directory_(std::move(directory)) {}

  Result<void> refresh();                                          ///< reads the file if it is another one
  std::vector<std::string> words(std::string_view letters) const;  ///< sorted; of letters that mean something
  /// The letters of these words. New words get one first, durably, that is none of `borne`. Fault unsupported: there
  /// are none left, or a line cannot hold the word.
  Result<std::string> give(const std::vector<std::string>& words, std::string_view borne);
  std::string known(const std::vector<std::string>& words) const;  ///< of those that have one

 private:
  Result<void> write() const;
  std::string path() const { return directory_ + "/dovecot-keywords"; }

  std::string directory_;
  std::vector<std::string> words_;  ///< 26, or none: most folders have no keywords, and there is one a user
  std::uint64_t inode_ = 0, size_ = 0;
  std::int64_t mtime_ns_ = 0;
};

}  // namespace tidegate::mock
