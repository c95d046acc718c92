// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/memory.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "plugins/mock/content.hpp"
#include "plugins/mock/disk_tree.hpp"

namespace tidegate::mock {
namespace {

constexpr std::chrono::sys_seconds first_received = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
constexpr std::array<View, 4> always{"INBOX", ".Archive", "calendars/default", "contacts/default"};

class Held final : public Content {
 public:
  explicit Held(std::shared_ptr<const std::string> octets) : octets_(std::move(octets)) {}
  std::uint64_t size() const override { return octets_->size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= octets_->size()) return 0;
    const auto size = std::min<std::size_t>(into.size(), octets_->size() - offset);
    std::memcpy(into.data(), octets_->data() + offset, size);
    return size;
  }

 private:
  std::shared_ptr<const std::string> octets_;
};

std::shared_ptr<const std::string> drain(Source& source) {
  auto octets = std::make_shared<std::string>();
  std::array<std::byte, 16384> buffer;
  while (const auto have = source(buffer)) octets->append(reinterpret_cast<const char*>(buffer.data()), have);
  return octets;
}

std::string message_id(std::string_view user, std::string_view folder, std::uint64_t number) {
  const auto whose = digest(std::string(user) + "/" + std::string(folder));
  return "<" + std::to_string(number) + "." + hex(std::span(whose).first(6)) + "@mock.example>";
}

std::string two(unsigned number) { return (number < 10 ? "0" : "") + std::to_string(number); }

/// RFC 5322 §3.3
std::string date(std::chrono::sys_seconds when) {
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(when - day);
  return std::to_string(static_cast<unsigned>(date.day())) + " " +
         std::string(months[static_cast<unsigned>(date.month()) - 1]) + " " +
         std::to_string(static_cast<int>(date.year())) + " " + two(static_cast<unsigned>(time.hours().count())) + ":" +
         two(static_cast<unsigned>(time.minutes().count())) + ":" + two(static_cast<unsigned>(time.seconds().count())) +
         " +0000";
}

std::vector<std::string> sorted(std::vector<std::string> words) {
  std::ranges::sort(words);
  words.erase(std::ranges::unique(words).begin(), words.end());
  return words;
}

std::unexpected<Fault> stale() {
  return fault(FaultKind::conflict, {}, "the item was changed meanwhile; read it again and merge");
}

}  // namespace

std::string made_message(std::string_view user, std::string_view folder, std::uint64_t number, std::uint32_t size,
                         std::chrono::sys_seconds received) {
  auto text = "From: Mock <mock@mock.example>\r\nTo: you@mock.example\r\nSubject: Made-up message " +
              std::to_string(number) + "\r\nDate: " + date(received) +
              "\r\nMessage-ID: " + message_id(user, folder, number) + "\r\n\r\n";
  constexpr std::string_view line = "The tide comes in and goes out again, and the gate knows which way it opens.\r\n";
  while (text.size() + line.size() <= size) text += line;
  // The rest, so that the size is exact: a last line of dots.
  if (text.size() + 2 <= size) text += std::string(size - text.size() - 2, '.') + "\r\n";
  text.resize(size, '.');
  return text;
}

MemoryFolder::MemoryFolder(std::string user, std::string id, Kind kind, std::string epoch, std::uint32_t item_size)
    : user_(std::move(user)), id_(std::move(id)), epoch_(std::move(epoch)), kind_(kind), item_size_(item_size) {}

void MemoryFolder::note(std::uint32_t index) {
  log_.push_back(index);
  items_[index].number = log_.size();
}

void MemoryFolder::generate(std::uint32_t count) {
  // Reserved exactly only at first: a little more at each call would copy all of it each time.
  if (items_.empty()) items_.reserve(count), log_.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    items_.push_back({});
    note(static_cast<std::uint32_t>(items_.size() - 1));
  }
}

std::uint32_t MemoryFolder::add(Item item, Extra extra, Words keywords) {
  const auto index = static_cast<std::uint32_t>(items_.size());
  items_.push_back(item);
  named_[extra.name] = index;
  extras_.emplace(index, std::move(extra));
  if (!keywords.empty()) keywords_.emplace(index, sorted(std::move(keywords)));
  note(index);
  return index;
}

MemoryFolder::Words MemoryFolder::words_of(std::uint32_t index) const {
  const auto at = keywords_.find(index);
  return at == keywords_.end() ? Words() : at->second;
}

Bytes MemoryFolder::name_of(std::uint32_t index) const {
  const auto at = extras_.find(index);
  return at == extras_.end() ? "m" + std::to_string(index) : at->second.name;
}

std::optional<std::uint32_t> MemoryFolder::index_of(View name) const {
  std::uint32_t index = 0;
  if (const auto at = named_.find(Bytes(name)); at != named_.end()) {
    index = at->second;
  } else {
    if (name.size() < 2 || name.front() != 'm') return {};
    const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), index);
    if (error != std::errc{} || end != name.data() + name.size() || index >= items_.size() || extras_.contains(index))
      return {};
  }
  return items_[index].gone ? std::nullopt : std::optional(index);
}

/// Places in the order of creation, a second apart, whatever date an item bears: names of equal age need no order then.
std::chrono::sys_seconds MemoryFolder::order_of(std::uint32_t index) const {
  return first_received + std::chrono::seconds(index);
}

std::string MemoryFolder::octets_of(std::uint32_t index) const {
  const auto at = extras_.find(index);
  return at == extras_.end() ? made_message(user_, id_, index, item_size_, order_of(index)) : *at->second.octets;
}

std::vector<Noted> MemoryFolder::after(std::uint64_t number, std::size_t limit) const {
  std::vector<Noted> found;
  for (auto next = number; next < log_.size() && found.size() < limit; ++next) {
    const auto index = log_[next];
    if (items_[index].number == next + 1) found.push_back({next + 1, name_of(index), items_[index].gone});
  }
  return found;
}

std::vector<Noted> MemoryFolder::older(const Place* below, std::size_t limit) const {
  std::vector<Noted> found;
  auto index = static_cast<std::int64_t>(items_.size());
  if (below) index = std::min<std::int64_t>(index, (below->received - first_received).count());
  while (--index >= 0 && found.size() < limit) {
    const auto& item = items_[static_cast<std::size_t>(index)];
    if (!item.gone) found.push_back({item.number, name_of(static_cast<std::uint32_t>(index)), false});
  }
  return found;
}

std::optional<Place> MemoryFolder::place(View name) const {
  const auto index = index_of(name);
  if (!index) return {};
  return Place{order_of(*index), Bytes(name)};
}

std::optional<Upsert> MemoryFolder::upsert(View name, std::uint32_t inline_up_to) {
  const auto index = index_of(name);
  if (!index) return {};
  Upsert item{};
  item.kind = kind_;
  item.flags = items_[*index].flags;
  item.keywords = words_of(*index);
  const auto extra = extras_.find(*index);
  item.content_rev = std::to_string(extra == extras_.end() ? 1 : extra->second.rev);
  item.state_rev = std::to_string(items_[*index].number);
  if (extra == extras_.end()) {
    item.size = item_size_;
    item.received = order_of(*index);
    item.fingerprint =
        mail_fingerprint("Message-ID: " + message_id(user_, id_, *index) + "\r\n", item.received, item.size);
    if (item.size <= inline_up_to) item.content = octets_of(*index);
    return item;
  }
  const auto& octets = *extra->second.octets;
  item.size = octets.size();
  item.received = extra->second.received;
  if (kind_ == Kind::event) item.kind = calendar_kind(octets);
  item.fingerprint = kind_ == Kind::mail ? mail_fingerprint(octets, item.received, item.size) : pim_fingerprint(octets);
  if (item.size <= inline_up_to) item.content = octets;
  return item;
}

Result<std::unique_ptr<Content>> MemoryFolder::open(View name) {
  const auto index = index_of(name);
  if (!index) return no_item(name);
  const auto extra = extras_.find(*index);
  return std::make_unique<Held>(extra == extras_.end() ? std::make_shared<const std::string>(octets_of(*index))
                                                       : extra->second.octets);
}

Result<Bytes> MemoryFolder::create(View name, const NewItem& item, Source& source) {
  if (index_of(name)) return Bytes(name);
  auto received = item.received;
  if (received.time_since_epoch().count() == 0) received = order_of(static_cast<std::uint32_t>(items_.size()));
  add({0, item.flags, false}, {Bytes(name), drain(source), received, 1}, item.keywords);
  return Bytes(name);
}

Result<void> MemoryFolder::replace(View name, View if_content_rev, Source& source) {
  if (kind_ == Kind::mail) return fault(FaultKind::unsupported, {}, "the octets of a mail never change");
  const auto index = index_of(name);
  if (!index) return no_item(name);
  auto& extra = extras_.at(*index);  // only mail is made up
  if (std::to_string(extra.rev) != if_content_rev) return stale();
  extra.octets = drain(source);
  ++extra.rev;
  note(*index);
  return {};
}

Result<void> MemoryFolder::set_flags(View name, const FlagDelta& delta) {
  if (kind_ != Kind::mail) return fault(FaultKind::unsupported, {}, "calendars and contacts have no flags");
  const auto index = index_of(name);
  if (!index) return no_item(name);
  const auto flags = (items_[*index].flags | delta.add) & ~delta.clear;
  auto words = words_of(*index);
  for (const auto& word : delta.keywords_clear) std::erase(words, word);
  words.insert(words.end(), delta.keywords_add.begin(), delta.keywords_add.end());
  words = sorted(std::move(words));
  if (flags == items_[*index].flags && words == words_of(*index)) return {};
  items_[*index].flags = flags;
  if (words.empty())
    keywords_.erase(*index);
  else
    keywords_[*index] = std::move(words);
  note(*index);
  return {};
}

Result<void> MemoryFolder::remove(View name, View if_content_rev) {
  const auto index = index_of(name);
  if (!index) return no_item(name);
  const auto extra = extras_.find(*index);
  if (!if_content_rev.empty() && std::to_string(extra == extras_.end() ? 1 : extra->second.rev) != if_content_rev)
    return stale();
  items_[*index].gone = true;
  keywords_.erase(*index);
  if (extra != extras_.end()) extra->second.octets.reset();
  note(*index);
  return {};
}

Result<Bytes> MemoryFolder::take(ItemFolder& other, View name) {
  auto* from = dynamic_cast<MemoryFolder*>(&other);
  if (!from || from->kind_ != kind_)
    return fault(FaultKind::unsupported, {}, "items move only between folders of one kind");
  // A made-up name says nothing of its folder: elsewhere it gets one that does.
  const auto mine = name.starts_with('m') ? from->id_ + "-" + Bytes(name) : Bytes(name);
  const auto index = from->index_of(name);
  if (!index) return index_of(mine) ? Result<Bytes>(mine) : no_item(name);
  if (index_of(mine)) return fault(FaultKind::exists, {}, "the other folder has an item of that name already");
  const auto received = from->upsert(name, 0)->received;
  auto octets = std::make_shared<const std::string>(from->octets_of(*index));
  const auto flags = from->items_[*index].flags;
  auto keywords = from->words_of(*index);
  if (auto done = from->remove(name, {}); !done) return std::unexpected(done.error());
  add({0, flags, false}, {mine, std::move(octets), received, 1}, std::move(keywords));
  return mine;
}

Result<void> MemoryFolder::keep() {
  kept_ = std::make_unique<const State>(State{items_, log_, extras_, named_, keywords_});
  return {};
}

Result<void> MemoryFolder::restore() {
  if (!kept_) return fault(FaultKind::not_found, {}, "nothing was kept of this folder");
  items_ = kept_->items;
  log_ = kept_->log;
  extras_ = kept_->extras;
  named_ = kept_->named;
  keywords_ = kept_->keywords;
  return {};
}

// --- the folders of a user

MemoryTree::MemoryTree(std::string user, std::uint32_t items, std::uint32_t item_size,
                       std::function<std::string()> epoch)
    : user_(std::move(user)), items_(items), item_size_(item_size), epoch_(std::move(epoch)) {}

bool MemoryTree::known(View id) const {
  return std::ranges::find(always, id) != always.end() || std::ranges::find(made_, id) != made_.end();
}

Result<std::vector<Folder>> MemoryTree::folders() {
  std::vector<Folder> all;
  for (const auto id : always) all.push_back(describe(id));
  for (const auto& id : made_) all.push_back(describe(id));
  return all;
}

Result<ItemFolder*> MemoryTree::find(View id) {
  if (!known(id)) return no_folder(id);
  auto& folder = open_[Bytes(id)];
  if (!folder) {
    folder = std::make_unique<MemoryFolder>(user_, Bytes(id), describe(id).kind, epoch_(), item_size_);
    if (id == "INBOX") folder->generate(items_);
  }
  return folder.get();
}

Result<Folder> MemoryTree::make(const Folder& like) {
  if (!fit_name(like.name)) return fault(FaultKind::invalid, {}, "a folder's name here has neither slash nor dot");
  const Bytes id = like.kind == Kind::mail      ? (like.parent == "INBOX" ? Bytes{} : like.parent) + "." + like.name
                   : like.kind == Kind::contact ? "contacts/" + like.name
                                                : "calendars/" + like.name;
  if (known(id)) return fault(FaultKind::exists, {}, "there is a folder of that name already");
  made_.push_back(id);
  return describe(id);
}

Result<Folder> MemoryTree::rename(const Folder&) {
  return fault(FaultKind::unsupported, {}, "folders in memory keep their names");
}

Result<void> MemoryTree::remove(View id) {
  const auto at = std::ranges::find(made_, id);
  if (at == made_.end()) return known(id) ? fault(FaultKind::denied, {}, "this folder stays") : no_folder(id);
  made_.erase(at);
  if (const auto folder = open_.find(id); folder != open_.end()) open_.erase(folder);
  return {};
}

}  // namespace tidegate::mock
