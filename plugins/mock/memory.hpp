// SPDX-License-Identifier: Apache-2.0
// Folders in memory. A message that nobody touched is 16 octets and a number: its text is made when it is read, so that
// many thousand users fit.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugins/mock/folder.hpp"

namespace tidegate::mock {

/// A message of exactly `size` octets (at least 256), always the same for the same arguments.
std::string made_message(std::string_view user, std::string_view folder, std::uint64_t number, std::uint32_t size,
                         std::chrono::sys_seconds received);

class MemoryFolder final : public ItemFolder {
 public:
  MemoryFolder(std::string user, std::string id, Kind kind, std::string epoch, std::uint32_t item_size);

  void generate(std::uint32_t count);  ///< adds that many made-up messages

  Result<void> refresh() override { return {}; }
  std::string epoch() const override { return epoch_; }
  std::uint64_t last() const override { return log_.size(); }
  std::uint64_t floor() const override { return 0; }
  std::vector<Noted> after(std::uint64_t number, std::size_t limit) const override;
  std::vector<Noted> older(const Place* below, std::size_t limit) const override;
  std::optional<Place> place(View name) const override;
  std::optional<Upsert> upsert(View name, std::uint32_t inline_up_to) override;

  Result<std::unique_ptr<Content>> open(View name) override;
  Result<Bytes> create(View name, const NewItem&, Source&) override;
  Result<void> replace(View name, View if_content_rev, Source&) override;
  Result<void> set_flags(View name, const FlagDelta&) override;
  Result<void> remove(View name, View if_content_rev) override;
  Result<Bytes> take(ItemFolder& from, View name) override;
  Kind kind() const override { return kind_; }
  Result<void> keep() override;
  Result<void> restore() override;

 private:
  struct Item {
    std::uint64_t number = 0;
    std::uint32_t flags = 0;
    bool gone = false;
  };
  struct Extra {  // an item that came from outside
    Bytes name;
    std::shared_ptr<const std::string> octets;
    std::chrono::sys_seconds received;
    std::uint32_t rev = 1;
  };

  using Words = std::vector<std::string>;  // sorted

  struct State {
    std::vector<Item> items;
    std::vector<std::uint32_t> log;
    std::unordered_map<std::uint32_t, Extra> extras;
    std::unordered_map<Bytes, std::uint32_t> named;
    std::unordered_map<std::uint32_t, Words> keywords;
  };

  std::optional<std::uint32_t> index_of(View name) const;  ///< of one that is there
  Bytes name_of(std::uint32_t index) const;
  std::chrono::sys_seconds order_of(std::uint32_t index) const;
  std::string octets_of(std::uint32_t index) const;
  std::uint32_t add(Item, Extra, Words keywords);
  Words words_of(std::uint32_t index) const;
  void note(std::uint32_t index);

  std::string user_, id_, epoch_;
  Kind kind_;
  std::uint32_t item_size_;
  std::vector<Item> items_;
  std::vector<std::uint32_t> log_;  // change number − 1 → index; stale where the item has a later number
  std::unordered_map<std::uint32_t, Extra> extras_;
  std::unordered_map<Bytes, std::uint32_t> named_;
  std::unordered_map<std::uint32_t, Words> keywords_;  // of the few that have any
  std::unique_ptr<const State> kept_;
};

class MemoryTree final : public Tree {
 public:
  MemoryTree(std::string user, std::uint32_t items, std::uint32_t item_size, std::function<std::string()> epoch);

  Result<std::vector<Folder>> folders() override;
  Result<ItemFolder*> find(View folder) override;
  Result<Folder> make(const Folder& like) override;
  Result<Folder> rename(const Folder&) override;
  Result<void> remove(View folder) override;

 private:
  bool known(View id) const;
  std::string user_;
  std::uint32_t items_, item_size_;
  std::function<std::string()> epoch_;
  std::map<Bytes, std::unique_ptr<MemoryFolder>, std::less<>> open_;
  std::vector<Bytes> made_;  // besides the four every user has
};

}  // namespace tidegate::mock
