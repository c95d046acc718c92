// SPDX-License-Identifier: Apache-2.0
// The tables of sync.hpp's messages: member, number, bound (sync.proto says the same). Included by sync.cpp only.
#pragma once
#include "core/e2e/sync.hpp"
#include "core/wire/fields.hpp"

namespace tidegate::e2e {

using wire::Is;

inline constexpr std::size_t id_size = 16;
inline constexpr std::size_t hash_size = 32;
inline constexpr std::size_t name_limit = 1024;
inline constexpr std::size_t color_limit = 16;
inline constexpr std::size_t text_limit = 1024;
inline constexpr std::size_t revision_limit =
    4096;                                          // a back-end's own octets: ETags and change keys are long in places
inline constexpr std::size_t address_limit = 320;  // RFC 3696, erratum 1690
inline constexpr std::size_t view_limit = 1024;
inline constexpr std::size_t alarm_limit = 64;

void fields(auto& f, Is<Job> auto& m) {
  f.scalar(1, m.id);
  f.octets(2, m.folder);
  f.scalar(3, m.snapshot);
  f.scalar(4, m.below_received);
  f.octets(5, m.below_gid);
  f.scalar(6, m.until);
  f.scalar(7, m.done);
  f.scalar(8, m.had_from);
  f.scalar(9, m.had_until);
}
void fields(auto& f, Is<Window> auto& m) {
  f.octets(1, m.folder);
  f.scalar(2, m.since);
  f.scalar(3, m.events_from);
  f.scalar(4, m.events_until);
}
void fields(auto& f, Is<Position> auto& m) {
  f.scalar(1, m.view);
  f.octets(2, m.epoch);
  f.scalar(3, m.live);
  f.messages(4, m.jobs, max_list);
  f.scalar(5, m.base);
  f.messages(6, m.windows, max_choices + 1);
  f.scalar(7, m.last_job);
}
void fields(auto& f, Is<Packed> auto& m) {
  f.scalar(1, m.how);
  f.scalar(2, m.size);
  f.octets(3, m.octets, max_message);
}

// --- both ways
void fields(auto& f, Is<Alive> auto& m) {
  f.pairs(1, m.heads, view_limit);
  f.octets(2, m.last_command, id_size, id_size);
  f.scalar(3, m.proven_unix);
  f.scalar(4, m.backup_version);
}

// --- gateway → device
void fields(auto& f, Is<ViewInfo> auto& m) {
  f.scalar(1, m.view);
  f.text(2, m.name, name_limit);
  f.octets(3, m.epoch);
  f.scalar(4, m.head);
  f.scalar(5, m.floor);
  f.scalar(6, m.compare);
  f.message(7, m.start);
  f.scalar(8, m.unreachable_since);
  f.scalar(9, m.listing);
}
void fields(auto& f, Is<HelloAck> auto& m) {
  f.scalar(1, m.version);
  f.text(2, m.gateway, name_limit);
  f.messages(3, m.views, view_limit);
  f.scalar(4, m.compression);
  f.scalar(5, m.backup_version);
  f.texts(6, m.alarms, alarm_limit, text_limit);
  f.scalar(7, m.readable_by_relay);
}
void fields(auto& f, Is<FolderInfo> auto& m) {
  f.octets(1, m.gid);
  f.octets(2, m.parent);
  f.text(3, m.name, name_limit);
  f.scalar(4, m.kind);
  f.scalar(5, m.role);
  f.scalar(6, m.rights);
  f.scalar(7, m.seq);
  f.scalar(8, m.items);
  f.scalar(9, m.gone);
  f.text(10, m.color, color_limit);
}
void fields(auto& f, Is<Folders> auto& m) {
  f.scalar(1, m.view);
  f.scalar(2, m.whole);
  f.messages(3, m.folders, max_list);
}
void fields(auto& f, Is<Item> auto& m) {
  f.scalar(1, m.view);
  f.scalar(2, m.job);
  f.scalar(3, m.seq);
  f.octets(4, m.gid);
  f.arrays(5, m.folders, max_item_folders);
  f.scalar(6, m.kind);
  f.scalar(7, m.received);
  f.scalar(8, m.flags);
  f.texts(9, m.keywords, max_keywords, max_keyword);
  f.octets(10, m.content_rev, revision_limit);
  f.octets(11, m.fingerprint);
  f.scalar(12, m.size);
  f.scalar(13, m.stub);
  f.octets(14, m.sha256, hash_size, hash_size);
  f.message(15, m.first);
}
void fields(auto& f, Is<ItemPart> auto& m) {
  f.scalar(1, m.view);
  f.scalar(2, m.seq);
  f.octets(3, m.gid);
  f.scalar(4, m.offset);
  f.scalar(5, m.last);
  f.scalar(6, m.failed);
  f.message(15, m.octets);
}
void fields(auto& f, Is<Meta> auto& m) {
  f.scalar(1, m.view);
  f.scalar(2, m.job);
  f.scalar(3, m.seq);
  f.octets(4, m.gid);
  f.arrays(5, m.folders, max_item_folders);
  f.scalar(6, m.flags);
  f.texts(7, m.keywords, max_keywords, max_keyword);
}
void fields(auto& f, Is<Remove> auto& m) {
  f.scalar(1, m.view);
  f.scalar(2, m.seq);
  f.octets(3, m.gid);
}
void fields(auto& f, Is<DropHere> auto& m) {
  f.scalar(1, m.view);
  f.scalar(2, m.seq);
  f.octets(3, m.gid);
}
void fields(auto& f, Is<Mark> auto& m) {
  f.message(1, m.position);
  f.pairs(2, m.remaining, max_list);
  f.scalar(3, m.listing);
}
void fields(auto& f, Is<CommandResult> auto& m) {
  f.scalar(1, m.view);
  f.octets(2, m.id, id_size, id_size);
  f.scalar(3, m.done);
  f.scalar(4, m.fault);
  f.text(5, m.text, text_limit);
  f.octets(6, m.gid);
  f.scalar(7, m.seq);
}
void fields(auto& f, Is<Range> auto& m) {
  f.scalar(1, m.view);
  f.octets(2, m.gid);
  f.octets(3, m.content_rev, revision_limit);
  f.scalar(4, m.offset);
  f.scalar(5, m.total);
  f.scalar(6, m.fault);
  f.text(7, m.text, text_limit);
  f.message(15, m.octets);
}
void fields(auto& f, Is<Hold> auto& m) {
  f.scalar(1, m.view);
  f.scalar(2, m.id);
  f.text(3, m.text, text_limit);
  f.scalar(4, m.items);
  f.scalar(5, m.released);
}
void fields(auto& f, Is<Alarm> auto& m) {
  f.scalar(1, m.code);
  f.text(2, m.text, text_limit);
}
void fields(auto&, Is<Wipe> auto&) {}
void fields(auto& f, Is<CompareDigests::Digest> auto& m) {
  f.octets(1, m.folder);
  f.scalar(2, m.month);
  f.scalar(3, m.count);
  f.octets(4, m.digest);
}
void fields(auto& f, Is<CompareDigests> auto& m) {
  f.scalar(1, m.view);
  f.octets(2, m.epoch);
  f.scalar(3, m.head);
  f.messages(4, m.digests, max_list);
  f.scalar(5, m.last);
}
void fields(auto& f, Is<ComparePage::Entry> auto& m) {
  f.octets(1, m.gid);
  f.scalar(2, m.seq);
  f.octets(3, m.fingerprint);
  f.octets(4, m.revision);
}
void fields(auto& f, Is<ComparePage> auto& m) {
  f.scalar(1, m.view);
  f.octets(2, m.folder);
  f.scalar(3, m.month);
  f.messages(4, m.entries, max_list);
  f.scalar(5, m.last);
}
void fields(auto& f, Is<CompareEnd> auto& m) { f.message(1, m.position); }

// --- device → gateway
void fields(auto& f, Is<FolderChoice> auto& m) {
  f.octets(1, m.folder);
  f.scalar(2, m.wanted);
  f.scalar(3, m.days_back);
}
void fields(auto& f, Is<Settings> auto& m) {
  f.scalar(1, m.all_folders);
  f.messages(2, m.folders, max_choices);
  f.scalar(3, m.days_back);
  f.scalar(4, m.days_ahead);
  f.scalar(5, m.largest_inline);
  f.scalar(6, m.attachments_on_demand);
  f.scalar(7, m.events_back);
}
void fields(auto& f, Is<Hello> auto& m) {
  f.scalar(1, m.version);
  f.text(2, m.device, name_limit);
  f.octets(3, m.previous, hash_size, hash_size);
  f.messages(4, m.positions, view_limit);
  f.message(5, m.settings);
  f.scalars(6, m.compressions, 16);
  f.scalar(7, m.highest_backup);
}
void fields(auto& f, Is<Ack> auto& m) { f.message(1, m.position); }
void fields(auto& f, Is<Command> auto& m) {
  f.scalar(1, m.view);
  f.octets(2, m.id, id_size, id_size);
  f.scalar(3, m.verb);
  f.octets(4, m.gid);
  f.octets(5, m.folder);
  f.octets(6, m.to);
  f.octets(7, m.content_rev, revision_limit);
  f.scalar(8, m.flags_add);
  f.scalar(9, m.flags_clear);
  f.texts(10, m.keywords_add, max_keywords, max_keyword);
  f.texts(11, m.keywords_clear, max_keywords, max_keyword);
  f.scalar(12, m.kind);
  f.scalar(13, m.received);
  f.name(14, m.name, name_limit);
  f.message(15, m.content);
  f.scalar(16, m.size);
  f.texts(17, m.recipients, max_recipients, address_limit);
  f.text(18, m.comment, comment_limit);
  f.scalar(19, m.reply);
}
void fields(auto& f, Is<CommandPart> auto& m) {
  f.octets(1, m.id, id_size, id_size);
  f.scalar(2, m.offset);
  f.scalar(3, m.last);
  f.message(15, m.octets);
}
void fields(auto& f, Is<CommandStored> auto& m) { f.octets(1, m.id, id_size, id_size); }
void fields(auto& f, Is<Fetch> auto& m) {
  f.scalar(1, m.view);
  f.octets(2, m.gid);
  f.octets(3, m.content_rev, revision_limit);
  f.scalar(4, m.from);
  f.scalar(5, m.length);
}
void fields(auto& f, Is<CompareWant::Bucket> auto& m) {
  f.octets(1, m.folder);
  f.scalar(2, m.month);
}
void fields(auto& f, Is<CompareWant> auto& m) {
  f.scalar(1, m.view);
  f.messages(2, m.buckets, max_list);
  f.arrays(3, m.items, max_list);
  f.scalar(4, m.last);
  f.arrays(5, m.metas, max_list);
}
void fields(auto&, Is<Wiped> auto&) {}
void fields(auto& f, Is<CompareAsk> auto& m) { f.scalar(1, m.view); }

// --- pairing
void fields(auto& f, Is<PairingHello> auto& m) {
  f.octets(1, m.device_key, hash_size, hash_size);
  f.text(2, m.device_name, name_limit);
}
void fields(auto& f, Is<PairingDone> auto& m) {
  f.name(1, m.user, address_limit);
  f.text(2, m.gateway_name, name_limit);
}

}  // namespace tidegate::e2e
