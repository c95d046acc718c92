// SPDX-License-Identifier: Apache-2.0
// How items and folders are called on disk (design: state, "Maildir and vdir on a device"). Pure; any thread.
//
//   mail    GID,S=SIZE            in new/  (no flag yet)
//           GID,S=SIZE:2,LETTERS  in cur/
//   vdir    UID.ics, UID.vcf      GID.ics where the UID would not do as a file name
//   folder  .Top.Sub              Maildir++; UTF-8; '.', '/', '%' and control characters of a name as %XX
//
// GID is the item's gid as core/e2e/gid_text.hpp writes it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/e2e/gid_text.hpp"

namespace tidegate::device {

using e2e::Gid;

inline std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
inline std::string last_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

using e2e::gid_from_text;
using e2e::gid_text;

/// Marks are what a file name shows, in 32 bits: the flags that a Maildir has letters for, and above them the letters a
/// to z, which mean keywords (device/keywords.hpp).
inline constexpr std::uint32_t shown_flags = 0x3F;
inline constexpr unsigned letter_shift = 6;
/// Letters in ASCII order: D draft, F flagged, P forwarded, R answered, S seen, T deleted, a to z.
std::string flag_letters(std::uint32_t marks);
/// Letters that mean nothing to us are left out.
std::uint32_t flags_of_letters(std::string_view letters);
/// How far into a file a stub's mark is looked for: a stub is shorter than half of that.
inline constexpr std::uint64_t stub_mark_within = std::uint64_t{512} << 10;

struct MailName {
  Gid gid{};
  std::uint64_t size = 0;
  std::string base;                    ///< "GID,S=SIZE"
  std::optional<std::string> letters;  ///< after ":2,"; none: not there
};
std::string mail_base(const Gid&, std::uint64_t size);
/// Below the folder: "new/BASE" for a mail without marks, else "cur/BASE:2,LETTERS".
std::string mail_name(std::string_view base, std::uint32_t marks);
/// Of a file's last component; nullopt: not one of ours.
std::optional<MailName> parse_mail_name(std::string_view name);

/// Of a file below its folder: "GID,S=SIZE" of "cur/GID,S=SIZE:2,S"; works for names of other programs, too.
std::string_view base_of(std::string_view name);
/// The marks that such a name shows.
std::uint32_t flags_of_name(std::string_view name);
/// The name for this base and these marks; the place and letters that are none stay.
std::string renamed_for(std::string_view name, std::string_view base, std::uint32_t marks);

/// Three-way: what was changed here (from `base` to `local`) on top of what the store has now.
constexpr std::uint32_t merge_flags(std::uint32_t base, std::uint32_t local, std::uint32_t store) {
  return (store | (local & ~base)) & ~(base & ~local);
}

/// One folder's name as a component of a Maildir++ or vdir path.
std::string folder_component(std::string_view name);
/// The name behind such a component, or behind one that a mail program made up; nullopt: no folder can be called so
/// (not UTF-8, or with a NUL).
std::optional<std::string> name_of_component(std::string_view component);

/// The file of a calendar object, task, note or contact: its UID where that is harmless, else its gid.
std::string vdir_name(const Gid&, Kind, std::string_view content);
std::string_view vdir_suffix(Kind);
/// The directory of a kind below the vdir root: "calendars", "contacts", "notes", "files"; empty for mail.
std::string_view vdir_collection(Kind);

}  // namespace tidegate::device
