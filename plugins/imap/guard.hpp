// SPDX-License-Identifier: Apache-2.0
// What a server may send before libetpan's parser sees it: that parser recurses on parentheses, keeps whole lines and
// bounds nothing (a 20,000-fold "(" overflows its stack). Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidegate::imap {

struct Limits {
  std::uint64_t line = 1024 * 1024;        ///< octets of one response without its literals
  std::uint32_t depth = 60;                ///< parentheses open at once, outside quoted strings and literals
  std::uint64_t literal = 256 * 1024;      ///< octets of one literal
  std::uint64_t total = 32 * 1024 * 1024;  ///< octets of everything that comes for one command
};

/// Follows the stream octet by octet, as RFC 3501 §9 divides it into lines, quoted strings and literals.
class Guard {
 public:
  void expect(const Limits& limits);  ///< for the next command; the position in the stream is kept
  void expect_more(std::uint64_t total) { total_left_ += total; }

  /// False: a limit is broken or was before; the connection is to be thrown away.
  [[nodiscard]] bool feed(std::string_view octets) { return feed(octets, nullptr); }
  /// The same; what is for libetpan is added to `pass`, while responses of untagged.hpp are kept for take_kept(), each
  /// whole. Where nothing of the kind comes, `pass` is what came.
  [[nodiscard]] bool feed(std::string_view octets, std::string* pass);
  std::vector<std::string> take_kept() { return std::exchange(kept_, {}); }
  /// Something came behind the last line that was for libetpan.
  [[nodiscard]] bool in_the_middle() const { return line_ > 0 || literal_left_ > 0 || !held_.empty() || kept_last_; }
  [[nodiscard]] bool keeps_any() const { return !kept_.empty(); }
  [[nodiscard]] const char* broken() const { return broken_; }   ///< which limit, in words; nullptr: none
  [[nodiscard]] const std::string& bye() const { return bye_; }  ///< the last line if it was "* BYE …", cut

 private:
  bool fail(const char* why);
  bool line_octet(char c);
  void end_line();
  void sift(char c, std::string& pass);

  Limits limits_;
  std::uint64_t total_left_ = Limits{}.total;
  std::uint64_t line_ = 0;
  std::uint64_t literal_left_ = 0;
  std::uint64_t announced_ = 0;  ///< number within {…}
  std::uint32_t depth_ = 0;
  enum class Brace : std::uint8_t { none, open, closed } brace_ = Brace::none;
  bool quoted_ = false;
  bool escaped_ = false;
  const char* broken_ = nullptr;
  std::string head_;  ///< the first octets of the present line, to see a BYE
  std::string bye_;
  enum class Line : std::uint8_t { undecided, pass, keep } sieve_ = Line::undecided;
  bool kept_last_ = false;
  bool goes_on_ = false;  ///< the line that ended was ended by a literal
  std::string held_;      ///< the present line, while it is undecided or kept
  std::vector<std::string> kept_;
};

}  // namespace tidegate::imap
