// SPDX-License-Identifier: Apache-2.0
#include <list>
#include <map>
#include <tuple>

#include "core/account/account.hpp"

namespace tidegate::account {

namespace {
/// What an entry costs beside its octets, roughly.
constexpr std::size_t overhead = 256;
}  // namespace

struct ContentCache::State {
  using Key = std::tuple<ViewId, Gid, Bytes>;
  struct Entry {
    Key key;
    std::shared_ptr<const Bytes> octets;
  };

  std::size_t limit;
  std::size_t held = 0;
  std::list<Entry> newest_first;
  std::map<Key, std::list<Entry>::iterator> places;

  void drop(std::list<Entry>::iterator at) {
    held -= at->octets->size() + overhead;
    places.erase(at->key);
    newest_first.erase(at);
  }
};

ContentCache::ContentCache(std::size_t limit_octets) : state_(std::make_unique<State>()) {
  state_->limit = limit_octets;
}
ContentCache::~ContentCache() = default;

void ContentCache::put(ViewId view, const Gid& gid, View content_rev, std::shared_ptr<const Bytes> octets) {
  // One large content must not push out everybody else's.
  if (!octets || octets->size() + overhead > state_->limit / 4) return;
  State::Key key(view, gid, content_rev);
  if (const auto found = state_->places.find(key); found != state_->places.end()) state_->drop(found->second);
  state_->held += octets->size() + overhead;
  state_->newest_first.push_front({key, std::move(octets)});
  state_->places.emplace(std::move(key), state_->newest_first.begin());
  while (state_->held > state_->limit) state_->drop(std::prev(state_->newest_first.end()));
}

std::shared_ptr<const Bytes> ContentCache::get(ViewId view, const Gid& gid, View content_rev) {
  const auto found = state_->places.find(State::Key(view, gid, content_rev));
  if (found == state_->places.end()) return nullptr;
  auto& list = state_->newest_first;
  list.splice(list.begin(), list, found->second);
  return found->second->octets;
}

std::size_t ContentCache::held() const { return state_->held; }

}  // namespace tidegate::account
