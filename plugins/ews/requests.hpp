// SPDX-License-Identifier: Apache-2.0
// Requests as octets: the SOAP envelope and the body of each operation, children in the schema's order. Pure.
// [MS-OXWSCORE], [MS-OXWSFOLD], [MS-OXWSSYNC], [MS-OXWSNTIF], [MS-OXWSMSG]; types.xsd, messages.xsd
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/store.hpp"

namespace tidegate::ews {

/// Of the schema (RequestServerVersion), the oldest first. No request has an element that is newer than its version.
enum class Version : std::uint8_t { exchange2010_sp2, exchange2013, exchange2013_sp1 };
std::string_view word(Version);

/// `impersonated`: SMTP address of who is acted for; empty: who logs in.
std::string envelope(Version, std::string_view impersonated, std::string_view body);

/// A property that no element of the schema stands for: of MAPI, by its tag or by its number in a set, or one of ours.
struct Property {
  std::string_view tag;  ///< "0x1090"; empty: one of ours, by name
  std::string_view name;
  std::string_view type;
  std::string_view set = {};                       ///< of one by its number, `name`; empty: ours
  std::string path() const;                        ///< t:ExtendedFieldURI
  std::string with(std::string_view value) const;  ///< t:ExtendedProperty
};
/// The set (a GUID) of the named properties that this gateway makes.
inline constexpr std::string_view own_set = "7c1f6a4e-2b0d-4d39-9a57-3e8d5b1c9f02";
inline constexpr Property message_flags{"0x0E07", "", "Integer"};     // PidTagMessageFlags: 1 read, 8 unsent
inline constexpr Property delivery_time{"0x0E06", "", "SystemTime"};  // PidTagMessageDeliveryTime
inline constexpr Property icon{"0x1080", "", "Integer"};              // PidTagIconIndex: 261 replied, 262 forwarded
inline constexpr Property last_verb{"0x1081", "", "Integer"};  // PidTagLastVerbExecuted: 102 103 replied, 104 forwarded
inline constexpr Property flag_status{"0x1090", "", "Integer"};  // PidTagFlagStatus: 2 flagged
inline constexpr Property note_color{"", "35584", "Integer",
                                     "0006200E-0000-0000-C000-000000000046"};  // PidLidNoteColor: 0x8B00 of PSETID_Note
inline constexpr Property search_key{"0x300B", "", "Binary"};  // PidTagSearchKey: stays when an item moves
inline constexpr Property token_mark{"", "token", "String"};   // the command that made it
inline constexpr Property uid_mark{"", "uid", "String"};       // of a card or task: Exchange has none of its own
inline constexpr Property stored_object{"", "object",
                                        "Binary"};  // as it was written, for what Exchange has no field for
inline constexpr Property answered_mark{"", "answered", "Boolean"};
inline constexpr Property forwarded_mark{"", "forwarded", "Boolean"};
inline constexpr Property deleted_mark{"", "deleted", "Boolean"};

std::string folder_id(View id);
std::string item_id(View id, View change_key = {});
std::string occurrence_id(View series, int index);  ///< from 1
/// "inbox"…; `of`: in whose mailbox, empty: one's own.
std::string distinguished(std::string_view name, std::string_view of);

std::string get_folders(std::span<const std::string> ids);  ///< ids as elements, by folder_id or distinguished
std::string sync_hierarchy(std::string_view root, View state);
std::string create_folder(std::string_view parent, std::string_view name, Kind kind);
std::string rename_folder(View id, std::string_view name);
std::string move_folder(View id, std::string_view to);
std::string delete_folder(View id);
std::string find_folder_by_name(std::string_view parent, std::string_view name);

/// 1 ≤ most ≤ 512 (MaxChangesReturned).
std::string sync_items(View folder, View state, std::uint32_t most);
std::string get_items(std::span<const Bytes> ids);  ///< what an Upsert needs
std::string get_mime(std::span<const Bytes> ids);
std::string get_objects(std::span<const Bytes> ids, std::string_view properties);  ///< bodies as text
std::string get_attachments(std::span<const Bytes> ids);
/// `content`: base64. Without a name: "attachment".
std::string file_attachment(std::string_view name, std::string_view type, std::string_view content, bool photo = false);
std::string create_attachment(View item, const std::string& files);
std::string delete_attachment(View id);
std::string get_revision(View id);                   ///< the ChangeKey alone
std::string get_property(View id, const Property&);  ///< and the item's categories
std::string find_by_property(std::string_view folder, const Property&, std::string_view value);
std::string find_text(View folder, std::string_view query, std::uint64_t offset, std::uint32_t most);

/// A mail to be made: attributes and elements besides its MIME.
struct NewMail {
  std::string mime = {};  ///< base64
  std::vector<std::string> categories = {};
  std::vector<std::string> properties = {};  ///< t:ExtendedProperty, ready
  std::vector<std::string> blind = {};       ///< addresses, BccRecipients
  bool read = false;
};
std::string create_mail(std::string_view folder, const NewMail&);
/// An item that is no mail; `children` in the schema's order. `invitations`: SendMeetingInvitations of an event.
std::string create_object(std::string_view folder, std::string_view element, const std::string& children,
                          std::string_view invitations = {});
/// "AcceptItem" …: an answer to an invitation, sent to the organizer.
std::string answer_meeting(std::string_view answer, View id, View change_key, std::string_view comment);
std::string get_answer(View id);  ///< MyResponseType
std::string send_item(View id, View change_key, std::string_view save_in);
/// Each update ready (set_field, clear_field). `change_key` empty: whatever it is, it is overwritten.
std::string update_mail(Version, View id, View change_key, const std::string& updates);
/// `id`: an item's or an occurrence's, as an element.
std::string update_object(std::string_view id, const std::string& updates, std::string_view invitations = "SendToNone");
std::string set_read(bool);
std::string set_categories(const std::vector<std::string>&);  ///< empty: none any more
std::string set_property(const Property&, std::string_view value);
std::string clear_property(const Property&);
std::string move_item(View id, std::string_view to);
std::string delete_item(Version, std::string_view id, std::string_view cancellations = "SendToNone");
std::string resolve_names(std::string_view words);

std::string subscribe_streaming();  ///< to all folders of the mailbox
std::string unsubscribe(View subscription);
std::string get_streaming_events(std::span<const Bytes> subscriptions, int minutes);

}  // namespace tidegate::ews
