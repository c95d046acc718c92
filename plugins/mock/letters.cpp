// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/letters.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/mock/posix.hpp"

namespace tidegate::mock {
namespace {

constexpr std::uint64_t longest = 64 << 10;
constexpr std::size_t most = 26;

char letter(std::size_t index) { return static_cast<char>('a' + index); }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

}  // namespace

Result<void> Letters::refresh() {
  struct stat about{};
  if (::stat(path().c_str(), &about) != 0) {
    if (errno != ENOENT) return failed(path(), "look at the keywords", errno);
    about = {};
  }
  if (about.st_ino == inode_ && static_cast<std::uint64_t>(about.st_size) == size_ && mtime_ns(about) == mtime_ns_)
    return {};
  std::vector<std::string> found;
  if (about.st_ino != 0) {
    found.resize(most);
    auto content = open_content(path());
    if (!content) return std::unexpected(content.error());
    const auto text = head(**content, longest);
    if (!text) return std::unexpected(text.error());
    for (std::string_view rest = *text; !rest.empty();) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), index);
      if (error != std::errc{} || index >= found.size() || end == line.data() + line.size() || *end != ' ') continue;
      found[index] = std::string(end + 1, line.data() + line.size());
    }
  }
  words_ = std::move(found);
  inode_ = about.st_ino, size_ = static_cast<std::uint64_t>(about.st_size), mtime_ns_ = mtime_ns(about);
  return {};
}

std::vector<std::string> Letters::words(std::string_view letters) const {
  std::vector<std::string> out;
  for (const char c : letters) {
    const auto at = static_cast<std::size_t>(c - 'a');
    if (is_letter(c) && at < words_.size() && !words_[at].empty()) out.push_back(words_[at]);
  }
  std::ranges::sort(out);
  return out;
}

std::string Letters::known(const std::vector<std::string>& words) const {
  std::string out;
  for (std::size_t at = 0; at < words_.size(); ++at)
    if (!words_[at].empty() && std::ranges::find(words, words_[at]) != words.end()) out += letter(at);
  return out;
}

Result<std::string> Letters::give(const std::vector<std::string>& words, std::string_view borne) {
  const auto before = words_;
  for (const auto& word : words) {
    if (word.empty() || std::ranges::find(words_, word) != words_.end()) continue;
    words_.resize(most);
    std::size_t free = 0;
    while (free < words_.size() && (!words_[free].empty() || borne.contains(letter(free)))) ++free;
    if (free == words_.size() || word.find_first_of(std::string_view("\n\0", 2)) != std::string::npos) {
      words_ = before;
      return fault(FaultKind::unsupported, {}, "a folder of the mock keeps 26 keywords, each of one line");
    }
    words_[free] = word;
  }
  if (words_ != before)
    if (auto done = write(); !done) {
      words_ = before;
      return std::unexpected(done.error());
    }
  return known(words);
}

Result<void> Letters::write() const {
  std::string text;
  for (std::size_t at = 0; at < words_.size(); ++at)
    if (!words_[at].empty()) text += std::to_string(at) + " " + words_[at] + "\n";
  const auto place = directory_ + "/tmp", temporary = place + "/dovecot-keywords";
  if (::mkdir(place.c_str(), 0700) != 0 && errno != EEXIST) return failed(place, "make a directory", errno);
  const Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return failed(temporary, "write the keywords", errno);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::fsync(fd.get()) != 0 ||
      ::rename(temporary.c_str(), path().c_str()) != 0)
    return failed(path(), "write the keywords", errno);
  return sync_directory(directory_);
}

}  // namespace tidegate::mock
