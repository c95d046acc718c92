// SPDX-License-Identifier: Apache-2.0
// What is held against a document before the library sees it: the length of tags (libxml2 compares each attribute of
// one with each other), DOCTYPE, and the encoding (one without ASCII at its place would go past this very look). Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::xml {

class Tags {
 public:
  explicit Tags(std::uint32_t most) : most_(most) {}
  /// What is wrong with the octets so far; nullptr: nothing.
  const char* look(std::string_view);

 private:
  enum class At : std::uint8_t { text, open, tag, bang, comment, cdata, instruction };
  /// How much at the front step() would take without anything coming of it.
  std::size_t plain_part(std::string_view) const;
  const char* step(char);
  const char* begin(char);
  void until(std::string_view mark, char);
  const char* declared() const;

  const std::uint32_t most_;
  At at_ = At::text;
  std::uint64_t seen_ = 0;
  std::uint32_t length_ = 0;
  char quote_ = 0;
  std::string word_;         ///< behind "<!"; of the first instruction, all of it
  std::size_t matched_ = 0;  ///< how much of the mark that ends this has come
  bool first_ = true;        ///< no instruction has come yet
};

}  // namespace tidegate::xml
