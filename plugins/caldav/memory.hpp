// SPDX-License-Identifier: Apache-2.0
// What a back-end remembers for moments: contents that came along with a listing and will be read next, and what was
// written, because servers tell of it late. Bounded; any thread.
#pragma once
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/sdk/store.hpp"

namespace tidegate::caldav {

/// What changes() read of an item goes in, or out, whenever it told of it: so what is here is as new as the log.
class Contents {
 public:
  explicit Contents(std::size_t octets) : most_(octets) {}
  void put(const std::string& key, std::string octets);
  std::optional<std::string> get(const std::string& key);
  void drop(const std::string& key);

 private:
  struct Entry {
    std::string key, octets;
  };
  static std::size_t cost(const Entry&);
  void erase(const std::string& key);
  const std::size_t most_;
  std::mutex mutex_;
  std::size_t held_ = 0;
  std::list<Entry> entries_;  ///< the newest first
  std::unordered_map<std::string, std::list<Entry>::iterator> places_;
};

/// What we wrote over what, so that an ETag of before, told after it, is known as old news (DAV-08).
class Wrote {
 public:
  struct Entry {
    std::string before, after;  ///< ETags
    std::uint64_t content = 0;  ///< digest of what was written
  };
  void note(const std::string& id, Entry, Clock::time_point now);
  std::optional<Entry> find(const std::string& id, Clock::time_point now);

 private:
  struct Dated {
    std::string id;
    Entry entry;
    Clock::time_point when;
  };
  std::mutex mutex_;
  std::list<Dated> entries_;  ///< the newest first; few
};

}  // namespace tidegate::caldav
