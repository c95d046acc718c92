// SPDX-License-Identifier: Apache-2.0
// Files beside an item: attachments at the server, ATTACH in an object, a contact's photo. [MS-OXWSATT],
// RFC 5545 §3.8.1.1; FILENAME and SIZE as RFC 8607 §4 has them. Pure.
//
// Files are told by their octets, and by their name where one is given. The object that is stored beside the fields
// has their digests only.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/pim/calendar.hpp"
#include "core/sdk/store.hpp"
#include "core/xml/element.hpp"

namespace tidegate::ews {

/// What comes to a device, and goes from it: of one item together. What is more is named, and stays at the server.
inline constexpr std::uint64_t files_most = 8U << 20;
inline constexpr std::uint64_t photo_most = 1U << 20;

struct Attachment {
  Bytes id;
  std::string name, type;  ///< of type: "text/plain"; empty: none that could be said
  std::uint64_t size = 0;  ///< as the server has it, which need not be true
  bool file = false, photo = false;
  std::optional<std::string> octets = {};  ///< once they came (add_content)
};
/// Without those that belong to an HTML text or to an instance of a series (IsInline).
std::vector<Attachment> attachments_of(const xml::Element& item);
/// Those whose octets an object of that kind holds: of a contact its photos, of others its files up to files_most.
std::vector<Attachment> held_attachments(Kind, const xml::Element& item);
/// How much that is, by what the server says.
std::uint64_t held_size(Kind, const xml::Element& item);
/// Puts what GetAttachment gave into the item's element.
void add_content(xml::Element& item, View id, std::string_view base64);

struct File {
  std::string name, type, octets;  ///< name and type may be empty
};
/// Files that the object holds in itself. Faults: invalid (names the line); too_large; unsupported: one that only an
/// instance of a series has.
Result<std::vector<File>> files_in(const pim::CalendarObject&);
/// FileAttachments as children of Attachments.
std::string file_elements(const std::vector<File>&);

/// The object with the files of its item: in place of their digests, or as new lines.
Bytes with_files(Bytes octets, const xml::Element& item);
/// With digests in their place.
Bytes with_digests(View octets);
/// Without a line of them; of cards, without the photo.
Bytes without_files(Kind, View octets);

struct FileChanges {
  std::vector<File> made;
  std::vector<Bytes> gone;  ///< ids
};
/// From what the server has to what an object has. What a device could not see does not go.
FileChanges changes_between(const std::vector<Attachment>& there, std::vector<File> wanted);

}  // namespace tidegate::ews
