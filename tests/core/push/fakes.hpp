// SPDX-License-Identifier: Apache-2.0
// Neighbours of core/push in memory: a log, a directory, accounts and an outlet that tests can look into and steer.
#pragma once
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "core/push/wiring.hpp"
#include "core/store/journal.hpp"

namespace tidegate::push::fakes {

using store::Done;
using store::Gid;

inline Gid gid(unsigned number) {
  Gid made{};
  made[14] = static_cast<std::byte>(number >> 8U);
  made[15] = static_cast<std::byte>(number);
  made[0] = std::byte{0xab};
  return made;
}

/// Rows as the log would hold them. Answers come as events of their own.
class Log final : public store::Log {
 public:
  explicit Log(sim::World& world) : world_(world) {}

  store::Head now{.epoch = {std::byte{1}}, .head = 0, .floor = 0};
  std::map<Gid, store::ItemRow> rows;
  std::vector<store::FolderRow> tree;
  std::vector<std::pair<Bytes, std::uint64_t>> remembered;
  bool no_view = false;
  std::map<std::string, int> fails;   ///< verb → so many of its next calls cannot be answered
  std::map<std::string, int> counts;  ///< verb → calls
  std::vector<store::Since> asked_buckets;

  /// An item with that content (see Accounts::contents), as if it came in now.
  store::ItemRow& add(unsigned number, Gid folder, std::int64_t received, std::uint64_t size) {
    auto& row = rows[gid(number)];
    row = {.gid = gid(number), .folders = {folder}, .backend = "b", .id = "i" + std::to_string(number)};
    row.content_rev = "1";
    row.received = received;
    row.size = size;
    row.seq_added = ++now.head;
    return row;
  }
  void flag(unsigned number, std::uint32_t flags) {
    auto& row = rows.at(gid(number));
    row.flags = flags;
    row.seq_meta = ++now.head;
  }
  void body(unsigned number, std::uint64_t size) {
    auto& row = rows.at(gid(number));
    row.content_rev += "+";
    row.size = size;
    row.seq_body = ++now.head;
  }
  void remove(unsigned number) { rows.at(gid(number)).seq_gone = ++now.head; }
  void move(unsigned number, Gid folder) {
    auto& row = rows.at(gid(number));
    row.moved_from = std::exchange(row.folders, {folder});
    row.seq_meta = row.seq_moved = ++now.head;
  }

  std::uint64_t start_counter() const override { return 1; }
  void raise_start_counter(Done<std::uint64_t> done) override { answer(std::move(done), std::uint64_t{2}); }
  void ensure_view(const std::string&, const std::string&, const std::string&, const std::string&,
                   Done<store::ViewRow> done) override {
    answer(std::move(done), store::ViewRow{.id = 1});
  }
  void views(const std::string& user, Done<std::vector<store::ViewRow>> done) override {
    std::vector<store::ViewRow> all;
    if (!no_view) all.push_back({.id = 1, .user = user, .mailbox = user, .actor = user});
    answer(std::move(done), std::move(all));
  }
  void forget_user(const std::string&, Done<void> done) override { answer_void(std::move(done)); }
  void head(store::ViewId, Done<store::Head> done) override { answer(std::move(done), now); }
  void anchor(store::ViewId, const std::string&, tidegate::View, Done<Bytes> done) override {
    answer(std::move(done), Bytes());
  }
  void apply(store::ApplyPage, Done<store::Applied> done) override { answer(std::move(done), store::Applied{}); }
  void expire_anchor(store::ViewId, const std::string&, tidegate::View, FaultKind, Done<void> done) override {
    answer_void(std::move(done));
  }
  void chosen(store::ViewId, const Gid& gid, Done<store::Chosen> done) override {
    answer(std::move(done), store::Chosen{.gid = gid, .backend = {}, .id = {}});
  }
  void on_settled(std::function<void(store::ViewId, std::uint64_t)>) override {}
  void effect(store::Effect effect, Done<store::Effected> done) override {
    answer(std::move(done), store::Effected{.gid = effect.gid, .seq = 0, .head = now.head});
  }
  void folders(store::ViewId, Done<std::vector<store::FolderRow>> done) override {
    answer(std::move(done), tree, "folders");
  }
  void changes(store::ViewId, std::uint64_t above, std::size_t limit, Done<std::vector<store::ItemRow>> done) override {
    std::vector<store::ItemRow> found;
    for (const auto& [id, row] : rows)
      if (row.seq() > above) found.push_back(row);
    std::ranges::sort(found, {}, &store::ItemRow::seq);
    if (found.size() > limit) found.resize(limit);
    answer(std::move(done), std::move(found), "changes");
  }
  std::vector<store::ItemRow> of_job(const store::BackfillQuery& query) const {
    std::vector<store::ItemRow> found;
    for (const auto& [id, row] : rows) {
      if (row.seq_gone != 0 || row.seq_added > query.snapshot || row.received < query.until) continue;
      if (std::ranges::find(row.folders, query.folder) == row.folders.end()) continue;
      if (std::pair(row.received, row.gid) < std::pair(query.below_received, query.below_gid)) found.push_back(row);
    }
    std::ranges::sort(found, [](const auto& a, const auto& b) {
      return std::pair(a.received, a.gid) > std::pair(b.received, b.gid);
    });
    return found;
  }
  void backfill(store::ViewId, store::BackfillQuery query, std::size_t limit,
                Done<std::vector<store::ItemRow>> done) override {
    auto found = of_job(query);
    if (found.size() > limit) found.resize(limit);
    answer(std::move(done), std::move(found), "backfill");
  }
  void backfill_remaining(store::ViewId, store::BackfillQuery query, Done<std::uint64_t> done) override {
    answer(std::move(done), std::uint64_t{of_job(query).size()});
  }
  void items(store::ViewId, std::vector<Gid> wanted, Done<std::vector<store::ItemRow>> done) override {
    std::vector<store::ItemRow> found;
    for (const auto& each : wanted)
      if (auto row = rows.find(each); row != rows.end()) found.push_back(row->second);
    answer(std::move(done), std::move(found), "items");
  }
  void buckets(store::ViewId, std::vector<store::Since> folders, Done<std::vector<store::Bucket>> done) override {
    std::vector<store::Bucket> found;
    for (const auto& [folder, from] : folders) found.push_back({.folder = folder, .month = 0, .count = 1});
    asked_buckets = std::move(folders);
    answer(std::move(done), std::move(found), "buckets");
  }
  void bucket(store::ViewId, Gid folder, std::uint32_t, Done<std::vector<store::ItemRow>> done) override {
    answer(std::move(done), of_job({.folder = folder, .snapshot = now.head}), "bucket");
  }
  void remember_position(const std::string&, tidegate::View device, store::ViewId, std::uint64_t live, Bytes,
                         Done<void> done) override {
    remembered.emplace_back(Bytes(device), live);
    answer_void(std::move(done));
  }
  void transact(std::move_only_function<Result<void>(void*)>, Done<void> done) override {
    ++counts["transact"];
    if (auto& left = fails["transact"]; left > 0) {
      --left;
      return world_.reactor().post([done = std::move(done)]() mutable { done(std::unexpected(ill())); });
    }
    answer_void(std::move(done));
  }

 private:
  static Fault ill() { return {FaultKind::unavailable, "log", "The disk is ill.", {}, {}}; }
  template <class T>
  void answer(Done<T> done, T value, const char* verb = "other") {
    ++counts[verb];
    if (auto& left = fails[verb]; left > 0) {
      --left;
      return world_.reactor().post([done = std::move(done)]() mutable { done(std::unexpected(ill())); });
    }
    world_.reactor().post([done = std::move(done), value = std::move(value)]() mutable { done(std::move(value)); });
  }
  void answer_void(Done<void> done) {
    world_.reactor().post([done = std::move(done)]() mutable { done({}); });
  }
  sim::World& world_;
};

class Directory final : public store::Directory {
 public:
  explicit Directory(sim::World& world) : world_(world) {}
  store::Identity self;
  std::map<std::string, store::UserRow, std::less<>> known;
  std::map<std::pair<std::string, Bytes>, store::DeviceRow> owned;
  std::map<std::pair<std::string, std::string>, store::CodeRow> open_codes;

  const store::Identity& identity() const override { return self; }
  void registered(std::string, std::string, Done<void> done) override { later(std::move(done)); }
  std::vector<store::UserRow> users() const override {
    std::vector<store::UserRow> all;
    for (const auto& [name, row] : known) all.push_back(row);
    return all;
  }
  const store::UserRow* user(std::string_view name) const override {
    auto found = known.find(name);
    return found == known.end() ? nullptr : &found->second;
  }
  void add_user(store::UserRow row, Done<void> done) override {
    known[row.user] = row;
    later(std::move(done));
  }
  void remove_user(const std::string& name, Done<void> done) override {
    known.erase(name);
    later(std::move(done));
  }
  std::vector<store::DeviceRow> devices(std::string_view) const override {
    std::vector<store::DeviceRow> all;
    for (const auto& [key, row] : owned) all.push_back(row);
    return all;
  }
  const store::DeviceRow* device(std::string_view name, tidegate::View id) const override {
    auto found = owned.find({std::string(name), Bytes(id)});
    return found == owned.end() ? nullptr : &found->second;
  }
  void put_device(store::DeviceRow row, Done<void> done) override {
    owned[{row.user, row.id}] = row;
    later(std::move(done));
  }
  void revoke_device(const std::string& name, tidegate::View id, Done<void> done) override {
    owned[{name, Bytes(id)}].state = store::DeviceState::revoked;
    later(std::move(done));
  }
  std::vector<store::CodeRow> codes() const override {
    std::vector<store::CodeRow> all;
    for (const auto& [key, row] : open_codes) all.push_back(row);
    return all;
  }
  const store::CodeRow* code(std::string_view name, std::string_view handle) const override {
    auto found = open_codes.find({std::string(name), std::string(handle)});
    return found == open_codes.end() ? nullptr : &found->second;
  }
  void put_code(store::CodeRow row, Done<void> done) override {
    open_codes[{row.user, row.handle}] = row;
    later(std::move(done));
  }
  void drop_code(const std::string& name, const std::string& handle, Done<void> done) override {
    open_codes.erase({name, handle});
    later(std::move(done));
  }

 private:
  void later(Done<void> done) {
    world_.reactor().post([done = std::move(done)]() mutable { done({}); });
  }
  sim::World& world_;
};

class Journal final : public store::Journal {
 public:
  explicit Journal(sim::World& world) : world_(world) {}
  std::map<store::CommandKey, store::CommandRow> rows;
  std::map<store::CommandKey, Bytes> contents;
  bool stuck = false;  ///< contents do not become durable

  const store::CommandRow* find(const store::CommandKey& key) const override {
    auto found = rows.find(key);
    return found == rows.end() ? nullptr : &found->second;
  }
  std::vector<store::CommandKey> pending() const override { return {}; }
  std::vector<store::CommandRow> done(const std::string&, tidegate::View) const override {
    std::vector<store::CommandRow> found;
    for (const auto& [key, row] : rows)
      if (row.state == store::CommandState::done) found.push_back(row);
    return found;
  }
  std::size_t count(const std::string&, tidegate::View) const override { return rows.size(); }
  void begin(store::CommandRow row) override { rows[row.key] = std::move(row); }
  void append(const store::CommandKey& key, std::uint64_t, Bytes octets, Done<void> done) override {
    contents[key] += octets;
    if (stuck) {
      waiting_.push_back(std::move(done));
    } else {
      later(std::move(done));
    }
  }
  void unstick() {
    stuck = false;
    for (auto& done : std::exchange(waiting_, {})) later(std::move(done));
  }
  void received(const store::CommandKey& key, Done<void> done) override {
    rows[key].state = store::CommandState::received;
    later(std::move(done));
  }
  void started(const store::CommandKey& key, Bytes note, Done<void> done) override {
    rows[key].state = store::CommandState::started;
    rows[key].note = std::move(note);
    later(std::move(done));
  }
  void finished(const store::CommandKey& key, Bytes result, Done<void> done) override {
    rows[key].state = store::CommandState::done;
    rows[key].result = std::move(result);
    later(std::move(done));
  }
  void forget(const store::CommandKey& key, Done<void> done) override {
    rows.erase(key);
    later(std::move(done));
  }
  void forget_all(const std::string&, tidegate::View, Done<void> done) override { later(std::move(done)); }
  void hold(store::HeldRemoval, Done<store::HoldRow> done) override {
    done(tidegate::fault(FaultKind::unsupported, "fake", "Nothing is held here."));
  }
  void decide(std::uint64_t, bool, Done<std::vector<store::CommandKey>> done) override {
    done(tidegate::fault(FaultKind::not_found, "fake", "Nothing is held here."));
  }
  std::function<Result<void>(tidegate::View)> starter(const store::CommandKey&, Along) override {
    return [](tidegate::View) -> Result<void> { return {}; };
  }
  void content(const store::CommandKey& key, Done<Bytes> done) override {
    world_.reactor().post([done = std::move(done), octets = contents[key]]() mutable { done(octets); });
  }

 private:
  void later(Done<void> done) {
    world_.reactor().post([done = std::move(done)]() mutable { done({}); });
  }
  sim::World& world_;
  std::vector<Done<void>> waiting_;
};

class Accounts final : public account::Accounts {
 public:
  explicit Accounts(sim::World& world) : world_(world) {}
  std::map<Gid, Bytes> contents;
  std::map<Gid, std::deque<Fault>> faults;  ///< the next reads of it fail so
  std::vector<Gid> reads;
  int acts = 0;
  bool looked = true;
  std::vector<Bytes> ids;                  ///< the back-end's, of the same reads
  std::map<Gid, std::uint64_t> estimates;  ///< sizes that the back-end tells until an end is seen
  std::vector<account::Health> state = {{.backend = "b", .proven_unix = 7}};

  void start(const std::string&, const std::string&, std::vector<account::BackendUse>, Done<store::ViewId>) override {}
  void stop(const std::string&) override {}
  void read(const std::string&, store::ViewId, const store::ItemRow& row, std::uint64_t from, std::size_t length, bool,
            Done<Piece> got) override {
    reads.push_back(row.gid);
    ids.push_back(row.id);
    if (auto& waiting = faults[row.gid]; !waiting.empty()) {
      auto fault = waiting.front();
      waiting.pop_front();
      return world_.reactor().post([got = std::move(got), fault]() mutable { got(std::unexpected(fault)); });
    }
    Piece piece{.octets = std::make_shared<Bytes>(contents.at(row.gid).substr(from, length)), .offset = 0};
    piece.length = piece.octets->size();
    piece.total = contents.at(row.gid).size();
    if (const auto said = estimates.find(row.gid); said != estimates.end() && piece.length == length && row.size == 0)
      piece.total = said->second;
    world_.reactor().post([got = std::move(got), piece]() mutable { got(piece); });
  }
  void act(const std::string&, const std::string&, StoreVerb, Done<void> done) override {
    ++acts;
    world_.reactor().post([done = std::move(done)]() mutable { done({}); });
  }
  void hint(const std::string&, const std::string&, const std::vector<Bytes>&) override {}
  std::string mail_backend(const std::string&) const override { return "b"; }
  bool serves(const std::string&, const std::string&, Kind) const override { return true; }
  void deliver(const std::string&, Bytes, Bytes, Done<void>) override {}
  void test(const account::BackendUse&, const std::string&, Done<void>) override {}
  std::size_t retry(const std::string&, const std::string&) override { return 0; }
  std::vector<std::string> attended{};
  void attend(const std::string& user) override { attended.push_back(user); }
  bool looked_through(const std::string&) const override { return looked; }
  std::vector<account::Health> health(const std::string&) const override { return state; }
  std::vector<std::string> users() const override { return {}; }

 private:
  sim::World& world_;
};

class Outlet final : public push::Outlet {
 public:
  explicit Outlet(sim::World& world) : world_(world) {}
  std::deque<wire::Frame> out;
  std::uint64_t credit = UINT64_MAX;
  std::uint64_t consumed_octets = 0;
  std::vector<wire::Control> requests;
  wire::Code answers = wire::Code::ok;

  void send(wire::Frame frame) override {
    if (frame.type != static_cast<std::uint32_t>(wire::FrameType::close))
      credit -= std::min(credit, std::uint64_t{frame.body.size()});
    out.push_back(std::move(frame));
  }
  std::uint64_t credit_available(std::uint64_t, std::uint64_t) const override { return credit; }
  void consumed(std::uint64_t, std::uint64_t, std::uint64_t octets) override { consumed_octets += octets; }
  void request(wire::Control control, std::move_only_function<void(wire::Answer)> done) override {
    requests.push_back(std::move(control));
    world_.reactor().post([done = std::move(done), code = answers]() mutable { done({.code = code, .text = "so"}); });
  }

 private:
  sim::World& world_;
};

}  // namespace tidegate::push::fakes
