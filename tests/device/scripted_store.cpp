// SPDX-License-Identifier: Apache-2.0
#include "tests/device/scripted_store.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace tidegate::device {

std::vector<e2e::ToDevice> ScriptedStore::unstored() const {
  std::vector<e2e::ToDevice> out;
  for (const auto& [id, result] : results) out.emplace_back(result);
  return out;
}

std::vector<e2e::ToDevice> ScriptedStore::hear(const e2e::ToGateway& message) {
  if (const auto* stored = std::get_if<e2e::CommandStored>(&message)) {
    results.erase(stored->id);
    return {};
  }
  if (const auto* command = std::get_if<e2e::Command>(&message)) {
    EXPECT_FALSE(open_) << "a command within another's content";
    EXPECT_EQ(command->id.size(), 16U);
    Body body{*command, *e2e::unpack(command->content)};
    EXPECT_LE(body.content.size(), e2e::max_content_part);
    body.command.content = {};
    if (body.content.size() == command->size) return whole(std::move(body));
    open_ = std::move(body);
    return {};
  }
  if (const auto* part = std::get_if<e2e::CommandPart>(&message)) {
    EXPECT_TRUE(open_ && open_->command.id == part->id && open_->content.size() == part->offset) << "part out of place";
    if (!open_) return {};
    open_->content += *e2e::unpack(part->octets);
    if (!part->last) return {};
    auto body = std::move(*open_);
    open_.reset();
    EXPECT_EQ(body.content.size(), body.command.size);
    return whole(std::move(body));
  }
  return {};
}

std::vector<e2e::ToDevice> ScriptedStore::whole(Body body) {
  const auto id = body.command.id;
  const auto known = known_.find(id);
  if (known != known_.end()) {
    EXPECT_EQ(known->second.command, body.command) << "the same id with another body";
    EXPECT_EQ(known->second.content, body.content) << "the same id with another content";
  } else {
    known_.emplace(id, body);
    results[id] = carry_out(body);
    carried_out.push_back(body.command);
  }
  if (mute) return {};
  e2e::CommandResult received;
  received.view = body.command.view;
  received.id = id;
  std::vector<e2e::ToDevice> out{received};
  if (const auto result = results.find(id); result != results.end()) out.emplace_back(result->second);
  return out;
}

ScriptedLog::Entry* ScriptedStore::entry(const Gid& gid) {
  for (auto& [number, one] : log_.entries)
    if (one.gid == gid && one.seq_gone == 0) return &one;
  return nullptr;
}

e2e::CommandResult ScriptedStore::carry_out(const Body& body) {
  const auto& said = body.command;
  e2e::CommandResult result;
  result.view = said.view;
  result.id = said.id;
  result.done = true;
  const auto fail = [&](FaultKind kind) {
    result.fault = static_cast<std::uint32_t>(kind) + 1;
    result.text = std::string(to_string(kind));
    return result;
  };
  if (refuse)
    if (const auto kind = refuse(said)) return fail(*kind);
  const auto& folders = log_.folders;
  if (said.folder != Gid{} && std::ranges::find(folders, said.folder, &e2e::FolderInfo::gid) == folders.end())
    return fail(FaultKind::not_found);
  if (said.verb == e2e::Verb::create) {
    const auto number = next_++;
    log_.add(number, rewrites ? rewrites(body.content) : body.content, said.flags_add, 1, said.kind);
    auto& made = log_.entries.at(number);
    made.keywords.insert(said.keywords_add.begin(), said.keywords_add.end());
    made.folder = said.folder;
    made.gid = another_gid ? gid_of(number) : said.gid;
    result.gid = made.gid;
    result.seq = made.seq();
    return result;
  }
  if (said.verb == e2e::Verb::send) {
    sent_mail.push_back(body.content);
    return result;
  }
  if (said.verb == e2e::Verb::make_folder || said.verb == e2e::Verb::change_folder ||
      said.verb == e2e::Verb::remove_folder) {
    const auto kind = log_.command_folder(said, result.gid);
    return kind ? fail(*kind) : result;
  }
  auto* item = entry(said.gid);
  if (item == nullptr) return fail(FaultKind::not_found);
  switch (said.verb) {
    case e2e::Verb::set_flags:
      log_.flags(item->number, (item->flags | said.flags_add) & ~said.flags_clear);
      for (const auto& word : said.keywords_clear) item->keywords.erase(word);
      item->keywords.insert(said.keywords_add.begin(), said.keywords_add.end());
      break;
    case e2e::Verb::update: {
      EXPECT_FALSE(said.content_rev.empty()) << "an edit of what nobody knows";
      if (item->revision() != said.content_rev) return fail(FaultKind::conflict);
      auto content = rewrites ? rewrites(body.content) : body.content;
      log_.body(item->number, std::move(content));
      if (untold) {  // the next page tells of it, not the log
        result.gid = said.gid;
        return result;
      }
      break;
    }
    case e2e::Verb::move:
      if (item->folder != said.folder) return fail(FaultKind::not_found);
      item->folder = said.to;
      item->seq_meta = ++log_.head;
      break;
    case e2e::Verb::remove:
      log_.gone(item->number);
      break;
    case e2e::Verb::respond:  // what comes of it is another item's
      break;
    default:
      ADD_FAILURE() << "verb " << static_cast<int>(said.verb);
  }
  result.gid = said.gid;
  result.seq = log_.head;
  return result;
}

}  // namespace tidegate::device
