// SPDX-License-Identifier: Apache-2.0
// The messages inside the seal, gateway ⇄ device (docs/wire.md §8; design: end to end, state). Every one that concerns
// items names its view. Pure codec: octets in, values out. Never linked by the relay.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/sdk/store.hpp"

namespace tidegate::e2e {

using Gid = std::array<std::byte, 16>;    ///< an item's or folder's name for devices, stable for its life
using Epoch = std::array<std::byte, 16>;  ///< new whenever the log may have lost its tail

/// One back-fill: all of `folder` that was in the log at `snapshot`, newest first; what is left is below (received,
/// gid).
struct Job {
  std::uint64_t id = 0;  ///< within the view, never reused
  Gid folder{};
  std::uint64_t snapshot = 0;               ///< seq
  std::int64_t below_received = INT64_MAX;  ///< unix seconds
  Gid below_gid{};                          ///< among equal `received`, ordered descending
  std::int64_t until = INT64_MIN;           ///< items received before this are not wanted
  bool done = false;
  /// Of events and tasks: those with an instance in [had_from, had_until) are there already; both 0: none is known to.
  std::int64_t had_from = 0, had_until = 0;
  bool operator==(const Job&) const = default;
};
/// How far back a position reaches in a folder.
struct Window {
  Gid folder{};                    ///< all zero: every folder that is not named
  std::int64_t since = INT64_MIN;  ///< mail received before this is not there; `nowhere`: nothing of the folder is
  /// In the one that names no folder: events, and tasks that are done, are there only if an instance is within
  /// [events_from, events_until); both 0: all are.
  std::int64_t events_from = 0, events_until = 0;
  bool operator==(const Window&) const = default;
};
inline constexpr std::int64_t nowhere = INT64_MAX;

/// A device's position in a view. The device commits it together with what it applied; what it presents counts.
struct Position {
  std::uint64_t view = 0;
  Epoch epoch{};
  std::uint64_t live = 0;
  std::vector<Job> jobs;
  std::uint64_t base = 0;  ///< contents of all that was added or rewritten up to here were sent; `live` runs ahead of
                           ///< it while the device catches up, since items come in the order of their last change
  std::vector<Window> windows;  ///< what it speaks of (windows.hpp); none: everything
  std::uint64_t last_job = 0;   ///< the highest id that a job was given so far
  bool operator==(const Position&) const = default;
};

enum class Compression : std::uint32_t { none = 0, deflate = 1, zstd = 2 };

/// Octets that may be compressed: `size` is the size after inflation and is checked before and while inflating.
struct Packed {
  Compression how = Compression::none;
  std::uint64_t size = 0;
  Bytes octets;
  bool operator==(const Packed&) const = default;
};

// --- both ways
// ------------------------------------------------------------------------------------------------------------
/// Every 4 minutes and 30 s after unacknowledged data.
struct Alive {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> heads;  ///< (view, head or live seq)
  Bytes last_command;                                          ///< id of the last command received, 16 octets or empty
  std::int64_t proven_unix = 0;                                ///< gateway: back-end proven alive at
  std::uint64_t backup_version = 0;
  bool operator==(const Alive&) const = default;
};

// --- gateway → device
// -----------------------------------------------------------------------------------------------------
struct ViewInfo {
  std::uint64_t view = 0;
  std::string name;  ///< mailbox address; for people
  Epoch epoch{};
  std::uint64_t head = 0;
  std::uint64_t floor = 0;
  bool compare = false;  ///< the presented position cannot be used: compare follows
  Position start;        ///< where the gateway now goes on from (a new device's first position; else as presented)
  std::int64_t unreachable_since = 0;  ///< unix; 0: the back-end is reachable
  bool listing = false;                ///< as in Mark
  bool operator==(const ViewInfo&) const = default;
};
struct HelloAck {
  std::uint32_t version = 1;
  std::string gateway;  ///< name and version, for people
  std::vector<ViewInfo> views;
  Compression compression = Compression::none;
  std::uint64_t backup_version = 0;
  std::vector<std::string> alarms;  ///< sentences that concern the user ("a copy of this device was seen …")
  bool readable_by_relay = false;   ///< a vmes-1 or none device exists for this user
  bool operator==(const HelloAck&) const = default;
};
struct FolderInfo {
  Gid gid{};
  Gid parent{};  ///< all zero: top
  std::string name;
  Kind kind = Kind::mail;
  Role role = Role::none;
  std::uint32_t rights = 0;
  std::uint64_t seq = 0;
  std::uint64_t items = 0;  ///< about how many, for a progress bar
  bool gone = false;
  std::string color;  ///< "#RRGGBB"; empty: none
  bool operator==(const FolderInfo&) const = default;
};
struct Folders {
  std::uint64_t view = 0;
  bool whole = true;  ///< the complete tree; else only what changed
  std::vector<FolderInfo> folders;
  bool operator==(const Folders&) const = default;
};
/// An item with content. Content longer than fits here follows in ItemPart messages, in order, of the same (view, gid,
/// seq). Applied only if seq is higher than what the device holds for that gid.
struct Item {
  std::uint64_t view = 0;
  std::uint64_t job = 0;  ///< 0: live
  std::uint64_t seq = 0;
  Gid gid{};
  std::vector<Gid> folders;
  Kind kind = Kind::mail;
  std::int64_t received = 0;
  std::uint32_t flags = 0;
  std::vector<std::string> keywords;
  Bytes content_rev;
  std::array<std::byte, 20> fingerprint{};
  std::uint64_t size = 0;  ///< octets of the whole content, as in the store
  Packed first;            ///< the content from offset 0; `first.size` octets of it
  bool stub = false;       ///< `first` is all of it: header, text, and a stub for what was left out
  /// SHA-256 of the content, which is left out then: this device made the item in this session, from these octets.
  Bytes sha256;
  bool operator==(const Item&) const = default;
};
struct ItemPart {
  std::uint64_t view = 0, seq = 0;
  Gid gid{};
  std::uint64_t offset = 0;  ///< in the uncompressed content; always where the previous part ended
  Packed octets;
  bool last = false;
  bool failed = false;  ///< the content could not be read on: drop what came; it will come again
  bool operator==(const ItemPart&) const = default;
};
struct Meta {  ///< flags, keywords or folders changed, content did not. Ignored for an unknown gid.
  std::uint64_t view = 0, job = 0, seq = 0;
  Gid gid{};
  std::vector<Gid> folders;
  std::uint32_t flags = 0;
  std::vector<std::string> keywords;
  bool operator==(const Meta&) const = default;
};
struct Remove {  ///< gone from the store
  std::uint64_t view = 0, seq = 0;
  Gid gid{};
  bool operator==(const Remove&) const = default;
};
struct DropHere {  ///< still in the store, but outside what this device wants
  std::uint64_t view = 0, seq = 0;
  Gid gid{};
  bool operator==(const DropHere&) const = default;
};
/// Everything up to this position has been sent on this session. The device applies what came, makes it durable
/// together with this position, and acknowledges it. `remaining` of each job feeds the progress bar.
struct Mark {
  Position position;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> remaining;  ///< (job, items left)
  bool listing = false;  ///< the gateway has not yet looked through the mailbox since its start: there may be more
  bool operator==(const Mark&) const = default;
};
struct CommandResult {
  std::uint64_t view = 0;
  Bytes id;
  bool done = false;        ///< false: received and durable, result follows
  std::uint32_t fault = 0;  ///< FaultKind + 1; 0: success
  std::string text;
  Gid gid{};
  std::uint64_t seq = 0;
  bool operator==(const CommandResult&) const = default;
};
struct Range {  ///< answer to Fetch
  std::uint64_t view = 0;
  Gid gid{};
  Bytes content_rev;
  std::uint64_t offset = 0, total = 0;
  Packed octets;
  std::uint32_t fault = 0;
  std::string text;
  bool operator==(const Range&) const = default;
};
struct Hold {
  std::uint64_t view = 0, id = 0;
  std::string text;
  std::uint64_t items = 0;
  bool released = false;
  bool operator==(const Hold&) const = default;
};
struct Alarm {
  std::uint32_t code = 0;
  std::string text;
  bool operator==(const Alarm&) const = default;
};
struct Wipe {
  bool operator==(const Wipe&) const = default;
};
// Resync by compare: the gateway sends a digest a (folder, month); the device names those that differ from its own; for
// each the gateway sends its pages; the device asks for what it lacks and, when a folder's compare is complete, drops
// what was not named.
struct CompareDigests {
  struct Digest {
    Gid folder{};
    std::uint32_t month = 0;  ///< months since 1970-01, by received, UTC
    std::uint32_t count = 0;
    std::array<std::byte, 16> digest{};  ///< compare_digest() of the (gid, seq) in it
    bool operator==(const Digest&) const = default;
  };
  std::uint64_t view = 0;
  Epoch epoch{};
  std::uint64_t head = 0;
  std::vector<Digest> digests;
  bool last = true;
  bool operator==(const CompareDigests&) const = default;
};
struct ComparePage {
  struct Entry {
    Gid gid{};
    std::uint64_t seq = 0;
    std::array<std::byte, 20> fingerprint{};
    std::array<std::byte, 8> revision{};  ///< compare_revision(); zero: not told
    bool operator==(const Entry&) const = default;
  };
  std::uint64_t view = 0;
  Gid folder{};
  std::uint32_t month = 0;
  std::vector<Entry> entries;
  bool last = true;  ///< of this (folder, month)
  bool operator==(const ComparePage&) const = default;
};
struct CompareEnd {  ///< all asked pages and items were sent; `position` counts from now on
  Position position;
  bool operator==(const CompareEnd&) const = default;
};

using ToDevice = std::variant<std::monostate, Alive, HelloAck, Folders, Item, ItemPart, Meta, Remove, DropHere, Mark,
                              CommandResult, Range, Hold, Alarm, Wipe, CompareDigests, ComparePage, CompareEnd>;

// --- device → gateway
// -----------------------------------------------------------------------------------------------------
struct FolderChoice {
  Gid folder{};
  bool wanted = true;
  std::uint32_t days_back = 0;  ///< 0: as Settings says; all_days: all
  bool operator==(const FolderChoice&) const = default;
};
inline constexpr std::uint32_t all_days = UINT32_MAX;
/// What a device wants. Each message replaces the one before.
struct Settings {
  bool all_folders = true;            ///< also those that are not named
  std::vector<FolderChoice> folders;  ///< of all views
  std::uint32_t days_back = 0;        ///< of mail, whole days before today (UTC); 0: all
  std::uint32_t days_ahead = 0;       ///< of calendars, whole days behind today (UTC); 0: all
  std::uint64_t largest_inline = 0;   ///< larger mails come as stubs; 0: no limit
  bool attachments_on_demand = false;
  std::uint32_t events_back = 0;  ///< of calendars, whole days before today (UTC); 0: all
  bool operator==(const Settings&) const = default;
};
struct Hello {  ///< first sealed message of a device on a session
  std::uint32_t version = 1;
  std::string device;               ///< name and version, for people
  Bytes previous;                   ///< handshake hash of this device's previous session, 32 octets; empty on the first
  std::vector<Position> positions;  ///< none: a new device
  Settings settings;
  std::vector<Compression> compressions;
  std::uint64_t highest_backup = 0;
  bool operator==(const Hello&) const = default;
};
struct Ack {  ///< applied and durable
  Position position;
  bool operator==(const Ack&) const = default;
};
enum class Verb : std::uint32_t {
  set_flags = 1,
  move = 2,
  remove = 3,
  create = 4,
  update = 5,
  send = 6,
  respond = 7,
  make_folder = 8,
  change_folder = 9,
  remove_folder = 10
};
struct Command {
  std::uint64_t view = 0;
  Bytes id;  ///< 16 random octets
  Verb verb = Verb::set_flags;
  Gid gid{}, folder{}, to{};
  Bytes content_rev;  ///< the revision the user saw
  std::uint32_t flags_add = 0, flags_clear = 0;
  std::vector<std::string> keywords_add, keywords_clear;
  Kind kind = Kind::mail;
  std::int64_t received = 0;
  std::string name;  ///< make_folder, change_folder
  Packed content;    ///< longer content follows in CommandPart
  std::uint64_t size = 0;
  std::vector<std::string> recipients;
  std::string comment;
  std::uint32_t reply = 0;
  bool operator==(const Command&) const = default;
};
struct CommandPart {
  Bytes id;
  std::uint64_t offset = 0;
  Packed octets;
  bool last = false;
  bool operator==(const CommandPart&) const = default;
};
struct CommandStored {  ///< the device stored the result: the gateway may forget it
  Bytes id;
  bool operator==(const CommandStored&) const = default;
};
struct Fetch {
  std::uint64_t view = 0;
  Gid gid{};
  Bytes content_rev;
  std::uint64_t from = 0, length = UINT64_MAX;
  bool operator==(const Fetch&) const = default;
};
struct CompareWant {  ///< (folder, month) whose pages are wanted, then gids of items that are lacking or are older here
  struct Bucket {
    Gid folder{};
    std::uint32_t month = 0;
    bool operator==(const Bucket&) const = default;
  };
  std::uint64_t view = 0;
  std::vector<Bucket> buckets;
  std::vector<Gid> items;
  std::vector<Gid> metas;  ///< whose content is here: only the rest of them is wanted
  bool last = true;        ///< nothing more will be asked for in this compare
  bool operator==(const CompareWant&) const = default;
};
struct Wiped {
  bool operator==(const Wiped&) const = default;
};
/// Asks to compare though the position would do (a device restored from its backup noticed it).
struct CompareAsk {
  std::uint64_t view = 0;
  bool operator==(const CompareAsk&) const = default;
};

using ToGateway = std::variant<std::monostate, Alive, Hello, Ack, Settings, Command, CommandPart, CommandStored, Fetch,
                               CompareWant, Wiped, CompareAsk>;

// What the pairing's handshake payloads carry (XXpsk3: sealed from message 2 on).
struct PairingHello {  ///< device → gateway, in message 3
  Bytes device_key;    ///< Ed25519, 32: the key the relay is to bind
  std::string device_name;
  bool operator==(const PairingHello&) const = default;
};
struct PairingDone {  ///< gateway → device, first transport message: paired
  std::string user;
  std::string gateway_name;
  bool operator==(const PairingDone&) const = default;
};

/// The largest message before sealing (a message is cut into Noise messages of ≤ 16 KiB).
inline constexpr std::size_t max_message = std::size_t{1} << 20;
/// How much content an Item or ItemPart carries at most.
inline constexpr std::size_t max_content_part = std::size_t{192} << 10;
/// Bounds of lists, which the decoder enforces. What is longer goes in several messages (Folders, CompareDigests,
/// ComparePage, CompareWant); keywords beyond theirs are not sent.
inline constexpr std::size_t max_list = 16384;
inline constexpr std::size_t max_item_folders = 256;
inline constexpr std::size_t max_choices = 1024;  ///< folders that a device names
inline constexpr std::size_t max_keywords = 256;
inline constexpr std::size_t max_keyword = 255;
inline constexpr std::size_t max_recipients = 1024;
inline constexpr std::size_t comment_limit = std::size_t{16} << 10;

Bytes encode(const ToDevice&);
Bytes encode(const ToGateway&);
Result<ToDevice> decode_to_device(Octets);    ///< monostate: unknown type, skip. Fault: invalid
Result<ToGateway> decode_to_gateway(Octets);  ///< monostate: unknown type, skip. Fault: invalid
Bytes encode(const PairingHello&);
Bytes encode(const PairingDone&);
Result<PairingHello> decode_pairing_hello(Octets);
Result<PairingDone> decode_pairing_done(Octets);
Bytes encode(const Position&);  ///< as stored by a device
Result<Position> decode_position(Octets);

/// Compresses if it is worth it (`how` none otherwise). Never shares a dictionary across calls.
Packed pack(View octets, Compression allowed);
/// Faults: invalid (does not inflate to `size`), too_large (size over limit; checked before allocating).
Result<Bytes> unpack(const Packed&, std::size_t limit = max_message);
Result<Bytes> unpack(Packed&&, std::size_t limit = max_message);  ///< the same; what is not compressed is moved out

/// Order-independent digest of a bucket: XOR of the first 16 octets of SHA-256(gid ‖ seq big-endian).
void compare_digest_add(std::array<std::byte, 16>& digest, const Gid&, std::uint64_t seq);
/// A content_rev as a ComparePage names it: the first 8 octets of its SHA-256.
std::array<std::byte, 8> compare_revision(View content_rev);

}  // namespace tidegate::e2e
