// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/session.hpp"

#include <algorithm>
#include <array>

#include "plugins/mock/content.hpp"
#include "plugins/mock/paging.hpp"

namespace tidegate::mock {
namespace {

class MockSession final : public Session {
 public:
  MockSession(std::shared_ptr<Store> store, std::shared_ptr<Box> box)
      : store_(std::move(store)), box_(std::move(box)) {}

  Capabilities capabilities() const override;
  Result<Page> changes(const Call&, View scope, View anchor, const Want&) override;
  Result<std::uint64_t> read(const Call&, View item, Range, Sink) override;
  Result<Written> create(const Call&, View folder, const NewItem&, Source, Attempt&) override;
  Result<Written> update(const Call&, View item, View if_content_rev, Source) override;
  Result<Written> set_flags(const Call&, View item, const FlagDelta&) override;
  Result<Written> move(const Call&, View item, View from, View to, Attempt&) override;
  Result<void> remove(const Call&, View item, View folder, View if_content_rev) override;
  Result<Folder> make_folder(const Call&, const Folder& like, Attempt&) override;
  Result<Folder> change_folder(const Call&, const Folder&) override;
  Result<void> remove_folder(const Call&, View folder) override;

  Result<Sent> send(const Call&, const Envelope&, Source, View, Attempt&) override { return never("send mail"); }
  Result<Written> respond(const Call&, View, const Reply&, Attempt&) override { return never("answer invitations"); }
  Result<Hits> search(const Call&, View, std::string_view, View) override { return never("search"); }
  Result<std::vector<Person>> resolve(const Call&, std::string_view, std::uint32_t) override {
    return never("look up people");
  }
  Result<Parking> park(const Call&) override { return never("park; it has a watch"); }
  Result<Hint> unpark(const Call&) override { return never("park; it has a watch"); }

 private:
  static std::unexpected<Fault> never(std::string_view what) {
    return fault(FaultKind::unsupported, {}, "the mock can't " + std::string(what));
  }
  Result<ItemFolder*> folder(View id);  // found and refreshed
  Result<Page> tree_page(View anchor);
  Result<Written> written(ItemFolder&, View folder_id, View name);
  void changed(View scope) { store_->ear().hint(box_->name, Hint{{Bytes(scope)}, false}); }

  std::shared_ptr<Store> store_;
  std::shared_ptr<Box> box_;
};

Capabilities MockSession::capabilities() const {
  Capabilities can;
  can.verbs = can_create | can_update | can_set_flags | can_move | can_remove | can_make_folder | can_remove_folder;
  if (!store_->settings().memory) can.verbs |= can_change_folder;
  can.ranged_read = can.token_kept = can.delta = can.removals = true;
  can.sessions_per_user = 16;
  return can;
}

Result<ItemFolder*> MockSession::folder(View id) {
  auto found = box_->tree->find(id);
  if (found)
    if (auto done = (*found)->refresh(); !done) return std::unexpected(done.error());
  return found;
}

/// The tree's anchor is a digest of all folders: it survives a restart, and any difference lists them again.
Result<Page> MockSession::tree_page(View anchor) {
  auto folders = box_->tree->folders();
  if (!folders) return std::unexpected(folders.error());
  std::string all;
  for (const auto& folder : *folders)
    all += folder.id + '\0' + folder.parent + '\0' + folder.name + '\0' + folder.color + '\n';
  Page page;
  page.anchor = "T " + hex(digest(all));
  if (page.anchor == anchor) return page;
  if (!anchor.empty() && !anchor.starts_with("T "))
    return fault(FaultKind::anchor_expired, {}, "this anchor is not known any more; list the folders again");
  for (auto& folder : *folders) page.changes.emplace_back(FolderUpsert{std::move(folder)});
  page.changes.emplace_back(Listed{});
  return page;
}

Result<Page> MockSession::changes(const Call& call, View scope, View anchor, const Want& want) {
  if (auto fine = store_->begin(call, "changes"); !fine) return std::unexpected(fine.error());
  const std::scoped_lock lock(box_->mutex);
  if (scope.empty()) return tree_page(anchor);
  auto items = folder(scope);
  if (!items) return std::unexpected(items.error());
  auto page = next_page(**items, scope, anchor, want);
  if (page)
    for (auto& change : page->changes)
      if (auto* item = std::get_if<Upsert>(&change); item && store_->spoilt(box_->name, item->id))
        item->content.reset();
  return page;
}

Result<std::uint64_t> MockSession::read(const Call& call, View item, Range range, Sink sink) {
  if (auto fine = store_->begin(call, "read"); !fine) return std::unexpected(fine.error());
  const auto [scope, name] = split_id(item);
  std::unique_ptr<Content> content;
  {
    const std::scoped_lock lock(box_->mutex);
    auto items = folder(scope);
    if (!items) return std::unexpected(items.error());
    auto opened = (*items)->open(name);
    if (!opened) return std::unexpected(opened.error());
    content = std::move(*opened);
  }
  if (store_->spoilt(box_->name, item))
    return fault(FaultKind::invalid, {}, "the mock's script made this item unreadable");
  std::array<std::byte, 65536> buffer;
  std::uint64_t given = 0;
  while (given < range.length) {
    if (call.stop.stop_requested() || store_->host().now() >= call.deadline)
      return fault(FaultKind::cancelled, {}, "the call was cancelled or its deadline passed");
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), range.length - given));
    auto got = content->read(range.from + given, std::span(buffer).first(want));
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    given += *got;
    if (!sink(std::span<const std::byte>(buffer).first(*got))) break;
  }
  return given;
}

Result<Written> MockSession::written(ItemFolder& items, View folder_id, View name) {
  const auto now = items.upsert(name, 0);
  if (!now) return no_item(name);
  return Written{item_id(folder_id, name), now->content_rev, now->state_rev, true};
}

Result<Written> MockSession::create(const Call& call, View folder_id, const NewItem& item, Source source,
                                    Attempt& attempt) {
  if (auto fine = store_->begin(call, "create"); !fine) return std::unexpected(fine.error());
  if (!item.keywords.empty() && item.kind != Kind::mail) return never("keep keywords of what is no mail");
  const std::scoped_lock lock(box_->mutex);
  auto items = folder(folder_id);
  if (!items) return std::unexpected(items.error());
  const auto mail = (*items)->kind() == Kind::mail;
  const auto card = (*items)->kind() == Kind::contact;
  if (mail != (item.kind == Kind::mail) || card != (item.kind == Kind::contact))
    return fault(FaultKind::unsupported, {}, "this folder of the mock holds items of another kind");
  // Law 5: the name is the token, so that a repeated attempt finds what the first one did.
  const auto token = std::as_bytes(std::span(attempt.token));
  const auto word = "T" + (token.empty() ? store_->random_word() : hex(token));
  auto name = (*items)->create(word, item, source);
  if (!name) return std::unexpected(name.error());
  auto result = written(**items, folder_id, *name);
  changed(folder_id);
  return result;
}

Result<Written> MockSession::update(const Call& call, View item, View if_content_rev, Source source) {
  if (auto fine = store_->begin(call, "update"); !fine) return std::unexpected(fine.error());
  const auto [scope, name] = split_id(item);
  const std::scoped_lock lock(box_->mutex);
  auto items = folder(scope);
  if (!items) return std::unexpected(items.error());
  if (auto done = (*items)->replace(name, if_content_rev, source); !done) return std::unexpected(done.error());
  changed(scope);
  return written(**items, scope, name);
}

Result<Written> MockSession::set_flags(const Call& call, View item, const FlagDelta& delta) {
  if (auto fine = store_->begin(call, "set_flags"); !fine) return std::unexpected(fine.error());
  const auto [scope, name] = split_id(item);
  const std::scoped_lock lock(box_->mutex);
  auto items = folder(scope);
  if (!items) return std::unexpected(items.error());
  if (auto done = (*items)->set_flags(name, delta); !done) return std::unexpected(done.error());
  changed(scope);
  return written(**items, scope, name);
}

Result<Written> MockSession::move(const Call& call, View item, View from, View to, Attempt&) {
  if (auto fine = store_->begin(call, "move"); !fine) return std::unexpected(fine.error());
  const auto [scope, name] = split_id(item);
  if (scope != from) return no_item(item);
  const std::scoped_lock lock(box_->mutex);
  auto source = folder(from);
  if (!source) return std::unexpected(source.error());
  auto target = folder(to);
  if (!target) return std::unexpected(target.error());
  auto moved = (*target)->take(**source, name);
  if (!moved) return std::unexpected(moved.error());
  changed(from);
  changed(to);
  return written(**target, to, *moved);
}

Result<void> MockSession::remove(const Call& call, View item, View folder_id, View if_content_rev) {
  if (auto fine = store_->begin(call, "remove"); !fine) return fine;
  const auto [scope, name] = split_id(item);
  if (!folder_id.empty() && scope != folder_id) return no_item(item);
  const std::scoped_lock lock(box_->mutex);
  auto items = folder(scope);
  if (!items) return std::unexpected(items.error());
  auto done = (*items)->remove(name, if_content_rev);
  if (done) changed(scope);
  return done;
}

Result<Folder> MockSession::make_folder(const Call& call, const Folder& like, Attempt&) {
  if (auto fine = store_->begin(call, "make_folder"); !fine) return std::unexpected(fine.error());
  const std::scoped_lock lock(box_->mutex);
  auto made = box_->tree->make(like);
  if (made) changed({});
  return made;
}

Result<Folder> MockSession::change_folder(const Call& call, const Folder& folder) {
  if (auto fine = store_->begin(call, "change_folder"); !fine) return std::unexpected(fine.error());
  const std::scoped_lock lock(box_->mutex);
  auto renamed = box_->tree->rename(folder);
  if (renamed) changed({});
  return renamed;
}

Result<void> MockSession::remove_folder(const Call& call, View folder) {
  if (auto fine = store_->begin(call, "remove_folder"); !fine) return fine;
  const std::scoped_lock lock(box_->mutex);
  auto done = box_->tree->remove(folder);
  if (done) changed({});
  return done;
}

}  // namespace

std::unique_ptr<Session> make_session(std::shared_ptr<Store> store, std::shared_ptr<Box> box) {
  return std::make_unique<MockSession>(std::move(store), std::move(box));
}

}  // namespace tidegate::mock
