// SPDX-License-Identifier: Apache-2.0
// A mail server with a few folders that keeps what was written to it, and an Accounts that calls it. It lives outside
// the simulated gateway, as a mail server does: a gateway that dies in a verb leaves what the verb did.
#pragma once
#include <deque>
#include <map>
#include <utility>

#include <gtest/gtest.h>

#include "core/account/account.hpp"
#include "core/sim/world.hpp"

namespace tidegate::journal {

class ScriptedMailbox {
 public:
  struct Mail {
    std::string folder;
    Bytes content;
    std::uint32_t flags = 0;
    Bytes revision = "1";
  };
  std::map<std::string, Mail> mails;
  std::map<std::string, Folder> folders;  ///< by id, which is the path, as IMAP has it
  std::vector<std::pair<Envelope, Bytes>> sent;
  std::deque<Fault> faults;        ///< the next verbs fail so, before they did anything
  std::deque<Fault> faults_after;  ///< the next verbs fail so, after they did it
  int files_after = 0;             ///< a server that files what it sends itself: the copy is found at so many looks
  std::vector<std::string> calls;
  bool tells_ids = true, tells_revisions = true;
  bool rewrites = false;               ///< what it keeps of an update are other octets
  std::string responds;                ///< it schedules: answers invitations to the items whose name begins so
  std::vector<std::string> responses;  ///< item, answer, comment
  unsigned next = 100;

  void add_folder(const std::string& id, Role role = Role::none) {
    const auto cut = id.rfind('/');
    folders[id] = {.id = id,
                   .parent = cut == std::string::npos ? "" : id.substr(0, cut),
                   .scope = id,
                   .name = id.substr(cut + 1),
                   .kind = Kind::mail,
                   .role = role,
                   .rights = 0};
  }
  /// With those below it; messages get new names, as they do in IMAP.
  void rename_folder(const std::string& from, const std::string& to) {
    std::vector<std::string> moving;
    for (const auto& [id, folder] : folders)
      if (id == from || id.starts_with(from + "/")) moving.push_back(id);
    for (const auto& id : moving) {
      add_folder(to + id.substr(from.size()), folders.at(id).role);
      folders.erase(id);
      auto before = std::exchange(mails, {});
      for (auto& [name, mail] : before) {
        const bool moves = mail.folder == id;
        if (moves) mail.folder = to + id.substr(from.size());
        mails[moves ? std::to_string(next++) : name] = mail;
      }
    }
  }

  std::optional<Fault> take(std::deque<Fault>& from) {
    if (from.empty()) return std::nullopt;
    auto fault = from.front();
    from.pop_front();
    return fault;
  }
};

class ScriptedSession final : public Session {
 public:
  explicit ScriptedSession(ScriptedMailbox& box) : box_(box) {}
  Capabilities capabilities() const override {
    Capabilities can;
    if (!box_.responds.empty()) can.verbs = can_respond;
    return can;
  }
  Result<Page> changes(const Call&, View scope, View, const Want&) override {
    Page page{{}, "a", false};
    if (scope.empty()) {
      for (const auto& [id, folder] : box_.folders) page.changes.emplace_back(FolderUpsert{folder});
    } else if (!box_.folders.contains(std::string(scope))) {
      return fault(FaultKind::not_found, "box", "No such folder.");
    }
    for (const auto& [id, mail] : box_.mails) {
      Upsert there{};
      there.id = id;
      there.folders = {mail.folder};
      if (mail.folder == scope) page.changes.emplace_back(std::move(there));
    }
    page.changes.emplace_back(Listed{Bytes(scope)});
    return page;
  }
  Result<std::uint64_t> read(const Call&, View item, Range, Sink sink) override {
    const auto found = box_.mails.find(std::string(item));
    if (found == box_.mails.end()) return fault(FaultKind::not_found, "box", "Gone.");
    const auto& content = found->second.content;
    sink(std::as_bytes(std::span(content)));
    return content.size();
  }
  Result<Written> create(const Call&, View folder, const NewItem& item, Source source, Attempt& attempt) override {
    if (auto fault = begin("create")) return std::unexpected(*fault);
    const auto content = all(source);
    if (!attempt.note.empty()) {  // looks first
      for (const auto& [id, mail] : box_.mails)
        if (mail.content == content && mail.folder == folder) return Written{id, "1", {}, true};
    } else if (auto noted = attempt.before("uidnext"); !noted) {
      return std::unexpected(noted.error());
    }
    const auto id = std::to_string(box_.next++);
    box_.mails[id] = {std::string(folder), content, item.flags};
    if (auto fault = box_.take(box_.faults_after)) return std::unexpected(*fault);
    return Written{box_.tells_ids ? id : "", "1", {}, true};
  }
  Result<Written> update(const Call&, View item, View revision, Source source) override {
    if (auto fault = begin("update")) return std::unexpected(*fault);
    const auto found = box_.mails.find(std::string(item));
    if (found == box_.mails.end()) return fault(FaultKind::not_found, "box", "Gone.");
    if (found->second.revision != revision) return fault(FaultKind::conflict, "box", "Changed meanwhile.");
    found->second.content = all(source);
    if (box_.rewrites) found->second.content += " and more";
    found->second.revision += "+";
    if (auto fault = box_.take(box_.faults_after)) return std::unexpected(*fault);
    return Written{Bytes(item), box_.tells_revisions ? found->second.revision : "", {}, !box_.rewrites};
  }
  Result<Written> set_flags(const Call&, View item, const FlagDelta& delta) override {
    if (auto fault = begin("set_flags")) return std::unexpected(*fault);
    const auto found = box_.mails.find(std::string(item));
    if (found == box_.mails.end()) return fault(FaultKind::not_found, "box", "Gone.");
    found->second.flags = (found->second.flags | delta.add) & ~delta.clear;
    if (auto fault = box_.take(box_.faults_after)) return std::unexpected(*fault);
    return Written{Bytes(item), "1", {}, true};
  }
  Result<Written> move(const Call&, View item, View, View to, Attempt& attempt) override {
    if (auto fault = begin("move")) return std::unexpected(*fault);
    const auto found = box_.mails.find(std::string(item));
    if (found == box_.mails.end()) {
      if (!attempt.note.empty()) return Written{};
      return fault(FaultKind::not_found, "box", "Gone.");
    }
    if (attempt.note.empty())
      if (auto noted = attempt.before("n"); !noted) return std::unexpected(noted.error());
    auto mail = found->second;
    box_.mails.erase(found);
    mail.folder = to;
    const auto id = std::to_string(box_.next++);
    box_.mails[id] = mail;
    if (auto fault = box_.take(box_.faults_after)) return std::unexpected(*fault);
    return Written{box_.tells_ids ? id : "", "1", {}, true};
  }
  Result<void> remove(const Call&, View item, View, View) override {
    if (auto fault = begin("remove")) return std::unexpected(*fault);
    if (box_.mails.erase(std::string(item)) == 0) return fault(FaultKind::not_found, "box", "Gone.");
    if (auto fault = box_.take(box_.faults_after)) return std::unexpected(*fault);
    return {};
  }
  Result<Folder> make_folder(const Call&, const Folder& like, Attempt&) override {
    if (auto fault = begin("make_folder")) return std::unexpected(*fault);
    const auto id = path(like);
    if (box_.folders.contains(id)) return fault(FaultKind::exists, "box", "There is one of that name.");
    box_.add_folder(id);
    if (auto fault = box_.take(box_.faults_after)) return std::unexpected(*fault);
    return box_.folders.at(id);
  }
  Result<Folder> change_folder(const Call&, const Folder& folder) override {
    if (auto fault = begin("change_folder")) return std::unexpected(*fault);
    const auto id = path(folder);
    if (!box_.folders.contains(folder.id)) return fault(FaultKind::not_found, "box", "No such folder.");
    if (box_.folders.contains(id)) return fault(FaultKind::exists, "box", "There is one of that name.");
    box_.rename_folder(folder.id, id);
    if (auto fault = box_.take(box_.faults_after)) return std::unexpected(*fault);
    return box_.folders.at(id);
  }
  Result<void> remove_folder(const Call&, View folder) override {
    if (auto fault = begin("remove_folder")) return std::unexpected(*fault);
    if (box_.folders.erase(std::string(folder)) == 0) return fault(FaultKind::not_found, "box", "No such folder.");
    std::erase_if(box_.mails, [&](const auto& each) { return each.second.folder == folder; });
    if (auto fault = box_.take(box_.faults_after)) return std::unexpected(*fault);
    return {};
  }
  Result<Sent> send(const Call&, const Envelope& envelope, Source source, View, Attempt& attempt) override {
    if (auto fault = begin("send")) return std::unexpected(*fault);
    if (!attempt.note.empty()) {
      if (box_.files_after > 0 && --box_.files_after == 0) return Sent{Written{"filed by the server", "1", {}, true}};
      return fault(FaultKind::ambiguous, "box", "It may have been sent.");
    }
    if (auto noted = attempt.before("dot"); !noted) return std::unexpected(noted.error());
    box_.sent.emplace_back(envelope, all(source));
    if (auto fault = box_.take(box_.faults_after)) return std::unexpected(*fault);
    return Sent{};
  }
  Result<Written> respond(const Call&, View item, const Reply& reply, Attempt& attempt) override {
    if (!item.starts_with(box_.responds)) return fault(FaultKind::unsupported, "box", "This is no invitation.");
    if (auto fault = begin("respond")) return std::unexpected(*fault);
    const auto text = std::string(item) + ' ' + std::to_string(reply.answer) + ' ' + reply.comment;
    if (attempt.note.empty()) {
      if (auto noted = attempt.before("tag"); !noted) return std::unexpected(noted.error());
    } else if (!box_.responses.empty() && box_.responses.back() == text) {  // looks first
      return Written{Bytes(item), "2", {}, true};
    }
    box_.responses.push_back(text);
    if (auto fault = box_.take(box_.faults_after)) return std::unexpected(*fault);
    return Written{Bytes(item), "2", {}, true};
  }
  Result<Hits> search(const Call&, View, std::string_view, View) override { return Hits{}; }
  Result<std::vector<Person>> resolve(const Call&, std::string_view, std::uint32_t) override {
    return std::vector<Person>{};
  }
  Result<Parking> park(const Call&) override { return Parking{}; }
  Result<Hint> unpark(const Call&) override { return Hint{}; }

 private:
  std::optional<Fault> begin(const char* verb) {
    box_.calls.emplace_back(verb);
    return box_.take(box_.faults);
  }
  static std::string path(const Folder& folder) {
    return folder.parent.empty() ? folder.name : folder.parent + "/" + folder.name;
  }
  static Bytes all(Source& source) {
    Bytes content;
    std::byte some[1000];
    while (const auto got = source(some)) content.append(reinterpret_cast<const char*>(some), got);
    return content;
  }
  ScriptedMailbox& box_;
};

/// Calls the mailbox on a pool, as the real one does.
class Actors final : public account::Accounts {
 public:
  Actors(sim::World& world, ScriptedMailbox& box) : world_(world), box_(box), pool_(world.pool("act", 2, 100)) {}
  std::vector<Bytes> hinted;

  void start(const std::string&, const std::string&, std::vector<account::BackendUse>,
             account::Done<store::ViewId>) override {}
  void stop(const std::string&) override {}
  void read(const std::string&, store::ViewId, const store::ItemRow&, std::uint64_t, std::size_t, bool,
            account::Done<Piece>) override {}
  void act(const std::string&, const std::string& backend, StoreVerb verb, account::Done<void> done) override {
    EXPECT_EQ(backend, "mail");
    (void)pool_->submit([this, verb = std::move(verb), done = std::move(done)]() mutable {
      ScriptedSession session(box_);
      auto fault = verb(Call{}, session);
      world_.reactor().post([done = std::move(done), fault = std::move(fault)]() mutable {
        done(fault ? Result<void>(std::unexpected(std::move(*fault))) : Result<void>());
      });
    });
  }
  void hint(const std::string&, const std::string&, const std::vector<Bytes>& scopes) override {
    hinted.insert(hinted.end(), scopes.begin(), scopes.end());
  }
  std::string mail_backend(const std::string&) const override { return "mail"; }
  std::optional<Kind> not_served{};
  bool serves(const std::string& user, const std::string& backend, Kind kind) const override {
    EXPECT_EQ(user + " " + backend, "ann mail");
    return kind != not_served;
  }
  void deliver(const std::string&, Bytes, Bytes, account::Done<void>) override {}
  void test(const account::BackendUse&, const std::string&, account::Done<void>) override {}
  std::size_t retry(const std::string&, const std::string&) override { return 0; }
  void attend(const std::string&) override {}
  bool looked_through(const std::string&) const override { return true; }
  std::vector<account::Health> health(const std::string&) const override { return {}; }
  std::vector<std::string> users() const override { return {}; }

 private:
  sim::World& world_;
  ScriptedMailbox& box_;
  std::unique_ptr<sim::Pool> pool_;
};

}  // namespace tidegate::journal
