// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/guard.hpp"

#include <algorithm>

#include "plugins/imap/untagged.hpp"

namespace tidegate::imap {
namespace {
constexpr std::string_view bye_mark = "* BYE";
constexpr std::size_t bye_most = 200;
constexpr std::size_t head_most = 12;

// Status lines end in free text: a "{5}" there is no literal, and must not blind us to what follows it.
bool is_status_line(std::string_view head) {
  if (!head.starts_with("* ")) return true;  // "+ …" or a tagged completion
  head.remove_prefix(2);
  for (const std::string_view word : {"OK", "NO", "BAD", "BYE", "PREAUTH"}) {
    const auto same = [](char a, char b) { return (a & ~0x20) == b; };
    if (head.size() >= word.size() &&
        std::equal(word.begin(), word.end(), head.begin(), [&](char b, char a) { return same(a, b); })) {
      return head.size() == word.size() || head[word.size()] == ' ';
    }
  }
  return false;
}
}  // namespace

void Guard::expect(const Limits& limits) {
  limits_ = limits;
  total_left_ = limits.total;
}

bool Guard::fail(const char* why) {
  broken_ = why;
  return false;
}

bool Guard::feed(std::string_view octets, std::string* pass) {
  if (broken_ != nullptr) return false;
  if (octets.size() > total_left_) return fail("it sent more than the command can bring");
  total_left_ -= octets.size();
  while (!octets.empty()) {
    if (literal_left_ > 0) {
      const auto here = std::min<std::uint64_t>(literal_left_, octets.size());
      literal_left_ -= here;
      if (pass != nullptr) (sieve_ == Line::keep ? held_ : *pass).append(octets.substr(0, here));
      octets.remove_prefix(here);
      continue;
    }
    if (!line_octet(octets.front())) return false;
    if (pass != nullptr) sift(octets.front(), *pass);
    octets.remove_prefix(1);
  }
  return true;
}

void Guard::sift(char c, std::string& pass) {
  if (sieve_ == Line::pass) {
    pass += c;
  } else {
    held_ += c;
    if (sieve_ == Line::undecided) {
      const Ours ours = begins_ours(held_);
      if (ours == Ours::yes) sieve_ = Line::keep;
      if (ours == Ours::no || (ours == Ours::maybe && c == '\n')) {
        pass += std::exchange(held_, {});
        sieve_ = Line::pass;
      }
    }
  }
  if (c != '\n' || goes_on_) return;
  kept_last_ = sieve_ == Line::keep;
  if (kept_last_) kept_.push_back(std::exchange(held_, {}));
  sieve_ = Line::undecided;
}

bool Guard::line_octet(char c) {
  if (c == '\n') {
    goes_on_ = brace_ == Brace::closed;
    if (brace_ == Brace::closed) {
      if (announced_ > limits_.literal) return fail("it announced a literal beyond the limit");
      literal_left_ = announced_;
      brace_ = Brace::none;
      quoted_ = false;
    } else {
      end_line();
    }
    return true;
  }
  if (++line_ > limits_.line) return fail("it sent a line beyond the limit");
  if (c == '\r') return true;
  if (head_.size() < head_most || (head_.size() < bye_most && head_.starts_with(bye_mark))) head_ += c;
  if (brace_ == Brace::open && c >= '0' && c <= '9') {
    announced_ = announced_ > (UINT64_MAX - 9) / 10 ? UINT64_MAX : announced_ * 10 + static_cast<unsigned>(c - '0');
    return true;
  }
  const bool closes = brace_ == Brace::open && c == '}';
  brace_ = closes ? Brace::closed : Brace::none;
  if (quoted_) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      quoted_ = false;
    }
    return true;
  }
  if (c == '"') quoted_ = true;
  if (c == '(' && ++depth_ > limits_.depth) return fail("it nested parentheses beyond the limit");
  if (c == ')' && depth_ > 0) --depth_;
  if (c == '{' && !is_status_line(head_)) {
    brace_ = Brace::open;
    announced_ = 0;
  }
  return true;
}

void Guard::end_line() {
  if (head_.starts_with(bye_mark)) bye_ = head_;
  head_.clear();
  line_ = 0;
  depth_ = 0;
  quoted_ = escaped_ = false;
  brace_ = Brace::none;
}

}  // namespace tidegate::imap
