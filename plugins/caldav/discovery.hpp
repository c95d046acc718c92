// SPDX-License-Identifier: Apache-2.0
// Where a user's homes are (RFC 6764 §6): what to ask next, given what was answered. Pure.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/web/url.hpp"
#include "plugins/caldav/multistatus.hpp"

namespace tidegate::caldav {

struct Homes {
  web::Url server;              ///< of the first home: paths of this origin need no host
  std::vector<web::Url> homes;  ///< each once; path with a slash at its end
};

class Discovery {
 public:
  /// `principal`: its path, where it is known; else empty.
  Discovery(const web::Url& base, const std::string& principal);
  /// These are asked in turn. `place`: for faults.
  Discovery(const std::vector<web::Url>& starts, std::string place);

  /// Ask this by PROPFIND, Depth 0; nullopt: all is known, or nobody knows.
  std::optional<web::Url> next() const;
  /// What `where` (after redirects) said; nullptr: that is no place to ask.
  void answered(const web::Url& where, const Resource* said);
  /// Fault not_found: no home was named.
  Result<Homes> outcome() const;

 private:
  void add_homes(const web::Url& where, const std::vector<std::string>& hrefs, bool& has);
  std::deque<web::Url> ask_;
  std::vector<web::Url> asked_;
  std::vector<web::Url> homes_;
  std::string place_;
  bool calendars_ = false, cards_ = false;
};

}  // namespace tidegate::caldav
