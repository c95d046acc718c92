// SPDX-License-Identifier: Apache-2.0
// What a DAV server says of its resources (RFC 4918 §13, RFC 6578, RFC 4791, RFC 6352), as values. Pure.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/store.hpp"
#include "core/xml/element.hpp"

namespace tidegate::caldav {

inline constexpr std::string_view dav = "DAV:", cal = "urn:ietf:params:xml:ns:caldav",
                                  card = "urn:ietf:params:xml:ns:carddav", server = "http://calendarserver.org/ns/",
                                  apple = "http://apple.com/ns/ical/", infit = "http://inf-it.com/ns/ab/";

/// One response of a multistatus; of the properties only those that were found (propstat with 2xx).
struct Resource {
  std::string href;
  unsigned status = 0;  ///< of the response as a whole; 0: it says none
  bool collection = false, calendar = false, addressbook = false;
  bool other = false;  ///< a collection of another make (inbox, outbox, subscription): nothing to sync
  bool syncs = false;  ///< supported-report-set has sync-collection
  std::optional<std::string> etag, schedule_tag, ctag, sync_token, name, color, data;
  std::optional<std::uint64_t> length;
  std::optional<std::chrono::sys_seconds> modified;
  std::optional<std::vector<std::string>> components;  ///< "VEVENT" …
  std::optional<std::uint32_t> rights;                 ///< Right bits
  std::string principal;                               ///< current-user-principal
  std::string owner;                                   ///< its principal (RFC 3744 §5.1)
  std::vector<std::string> calendar_homes, addressbook_homes;
  std::vector<std::string> addresses;  ///< calendar-user-address-set
};

/// Reads an answer as it comes in. A resource is handed over when it is whole.
class Multistatus {
 public:
  using Take = std::function<void(Resource&&)>;
  explicit Multistatus(Take);

  Result<void> feed(std::string_view octets);
  /// Fault invalid: it is no multistatus, or not whole; too_large: one resource was larger than is read here.
  Result<void> finish();

  const std::string& sync_token() const { return sync_token_; }
  bool truncated() const { return truncated_; }  ///< RFC 6578 §3.6: 507 on the collection itself

 private:
  bool take(xml::Element&&);
  Take take_;
  std::string sync_token_;
  bool truncated_ = false, is_one_ = false;
  std::optional<Fault> fault_;
  std::unique_ptr<xml::Elements> elements_;
  std::unique_ptr<xml::Reader> reader_;
};

/// All of an answer that is there as a whole.
struct Said {
  std::vector<Resource> resources;
  std::string sync_token;
  bool truncated = false;
};
Result<Said> read_multistatus(std::string_view);

/// Whether the body of an error names that precondition (RFC 4918 §16).
bool names_condition(std::string_view body, const xml::Name&);

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7).
std::optional<std::chrono::sys_seconds> http_date(std::string_view);

}  // namespace tidegate::caldav
