// SPDX-License-Identifier: Apache-2.0
// Somebody else at work in the same mailbox, by a session of his own; knows what he did, so what there must be.
#pragma once
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/plugin_check/subject.hpp"

namespace tidegate::check {

class Stranger {
 public:
  struct Known {
    std::size_t folder = 0;
    std::uint32_t flags = 0;
    std::string octets;  ///< empty: it was there before
  };

  Stranger(Session& session, std::vector<Bytes> folders, std::mt19937_64& dice)
      : session_(session), folders_(std::move(folders)), dice_(dice) {}

  /// What was there when he came.
  void found(std::size_t folder, const Replay&);
  void create(std::size_t folder, const std::string& octets);
  void flag();
  void remove();
  void move();
  /// Fails the case where the replayed pages of a folder say otherwise.
  void compare(std::size_t folder, const Replay&) const;

 private:
  std::pair<const Bytes, Known>& pick() {
    return *std::next(items_.begin(), static_cast<std::ptrdiff_t>(dice_() % items_.size()));
  }

  Session& session_;
  std::vector<Bytes> folders_;
  std::mt19937_64& dice_;
  std::map<Bytes, Known> items_;
};

/// Properties of an iCalendar object or a vCard that were written and cannot be read, but for those that a server may
/// rewrite. What it adds (SOGo: CLASS) is its own affair.
std::vector<std::string> lost_properties(const std::string& written, const std::string& read);

}  // namespace tidegate::check
