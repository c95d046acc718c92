// SPDX-License-Identifier: Apache-2.0
#include "device/keywords.hpp"

#include <algorithm>
#include <charconv>

#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr std::size_t letters = 26;
constexpr std::uint64_t file_limit = 65536;

/// "NUMBER WORD" a line; what is none is passed over.
std::vector<std::string> parse(std::string_view text) {
  std::vector<std::string> out(letters);
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    std::size_t number = letters;
    const auto [after, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    line.remove_prefix(static_cast<std::size_t>(after - line.data()));
    if (error != std::errc() || number >= letters || line.size() < 2 || line[0] != ' ') continue;
    out[number] = line.substr(1);
  }
  return out;
}

bool can_have_one(const std::string& word) {
  return !word.empty() && std::ranges::none_of(word, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

std::uint32_t bit(std::size_t letter) { return std::uint32_t{1} << (letter_shift + letter); }

}  // namespace

const Keywords::Table& Keywords::read(const std::string& directory) {
  auto& table = tables_[directory];
  const auto info = need(files_.info(directory + "/" + file_name));
  if (!info) return table = {};
  if (info->inode == table.inode && info->size == table.size && info->mtime_ns == table.mtime_ns) return table;
  return table = {info->inode, info->size, info->mtime_ns,
                  parse(need(files_.read(directory + "/" + file_name, file_limit)))};
}

std::uint32_t Keywords::marks(const std::string& directory, std::uint32_t flags,
                              const std::vector<std::string>& words) {
  auto out = flags & shown_flags;
  if (words.empty()) return out;
  const auto& known = read(directory).words;
  for (std::size_t letter = 0; letter < known.size(); ++letter)
    if (!known[letter].empty() && std::ranges::find(words, known[letter]) != words.end()) out |= bit(letter);
  return out;
}

std::uint32_t Keywords::give_marks(const std::string& directory, std::uint32_t flags,
                                   const std::vector<std::string>& words) {
  if (words.empty()) return flags & shown_flags;
  auto known = read(directory).words;
  std::vector<std::string> without;
  for (const auto& word : words)
    if (can_have_one(word) && std::ranges::find(known, word) == known.end()) without.push_back(word);
  const bool full = std::ranges::find(known, std::string()) == known.end();  // no look at all files for each mail then
  if (without.empty() || full) return marks(directory, flags, words);
  const auto taken = borne(directory);
  std::size_t letter = 0;
  for (const auto& word : without) {
    while (letter < letters && (!known[letter].empty() || (taken & bit(letter)) != 0)) ++letter;
    if (letter == letters) break;
    known[letter] = word;
  }
  if (known != read(directory).words) write(directory, known);
  return marks(directory, flags, words);
}

/// Letters that files show: one without a meaning must not get one behind their back. Looked for only when a word is
/// new to the folder.
std::uint32_t Keywords::borne(const std::string& directory) {
  std::uint32_t out = 0;
  for (const char* part : {"/new", "/cur"}) {
    auto listed = files_.list(directory + part);
    if (!listed && listed.error().kind == FaultKind::not_found) continue;
    for (const auto& file : need(std::move(listed))) out |= flags_of_name(file.name);
  }
  return out;
}

std::vector<std::string> Keywords::words(const std::string& directory, std::uint32_t marks) {
  std::vector<std::string> out;
  if ((marks & ~shown_flags) == 0) return out;
  const auto& known = read(directory).words;
  for (std::size_t letter = 0; letter < known.size(); ++letter)
    if ((marks & bit(letter)) != 0 && !known[letter].empty()) out.push_back(known[letter]);
  return out;
}

std::uint32_t Keywords::known(const std::string& directory) {
  auto out = shown_flags;
  const auto& words = read(directory).words;
  for (std::size_t letter = 0; letter < words.size(); ++letter)
    if (!words[letter].empty()) out |= bit(letter);
  return out;
}

/// Durable before a name shows the letter: a letter whose meaning was lost would later mean another word.
void Keywords::write(const std::string& directory, const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t letter = 0; letter < words.size(); ++letter)
    if (!words[letter].empty()) text += std::to_string(letter) + " " + words[letter] + "\n";
  const auto draft = directory + "/tmp/" + file_name;
  if (need(files_.info(draft))) need(files_.remove(draft));
  need(files_.create(draft, text));
  need(files_.sync(draft));
  need(files_.rename(draft, directory + "/" + file_name));
  need(files_.sync_directory(directory));
}

}  // namespace tidegate::device
