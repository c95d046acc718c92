// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/discovery.hpp"

#include <algorithm>
#include <utility>

namespace tidegate::caldav {
namespace {

constexpr std::size_t asks_most = 8;

web::Url at(const web::Url& base, std::string target) {
  auto made = base;
  made.target = std::move(target);
  return made;
}

}  // namespace

Discovery::Discovery(const web::Url& base, const std::string& principal) : place_(base.place()) {
  if (!principal.empty()) {
    ask_.push_back(at(base, principal));
    return;
  }
  if (base.target != "/") ask_.push_back(base);
  ask_.push_back(at(base, "/.well-known/caldav"));
  ask_.push_back(at(base, "/.well-known/carddav"));
  if (base.target == "/") ask_.push_back(base);
}

Discovery::Discovery(const std::vector<web::Url>& starts, std::string place)
    : ask_(starts.begin(), starts.end()), place_(std::move(place)) {}

std::optional<web::Url> Discovery::next() const {
  if ((calendars_ && cards_) || ask_.empty() || asked_.size() >= asks_most) return std::nullopt;
  return ask_.front();
}

void Discovery::add_homes(const web::Url& where, const std::vector<std::string>& hrefs, bool& has) {
  for (const auto& href : hrefs) {
    auto home = web::resolve(where, href);
    if (!home) continue;
    if (!home->target.ends_with('/')) home->target += '/';
    has = true;
    if (std::ranges::find(homes_, *home) == homes_.end()) homes_.push_back(std::move(*home));
  }
}

void Discovery::answered(const web::Url& where, const Resource* said) {
  asked_.push_back(ask_.front());
  ask_.pop_front();
  if (said == nullptr) return;
  if (where != asked_.back()) asked_.push_back(where);
  add_homes(where, said->calendar_homes, calendars_);
  add_homes(where, said->addressbook_homes, cards_);
  // The address of a single collection: nobody else is asked.
  if (said->calendar || said->addressbook) {
    add_homes(where, {where.target}, said->calendar ? calendars_ : cards_);
    ask_.clear();
  }
  if (said->principal.empty() || !said->calendar_homes.empty() || !said->addressbook_homes.empty()) return;
  auto principal = web::resolve(where, said->principal);
  if (principal && std::ranges::find(asked_, *principal) == asked_.end()) ask_.push_front(std::move(*principal));
}

Result<Homes> Discovery::outcome() const {
  if (homes_.empty()) {
    return fault(FaultKind::not_found, place_,
                 "The server names no calendars and no address books for this user: check url, and that the user "
                 "exists there.");
  }
  return Homes{homes_.front(), homes_};
}

}  // namespace tidegate::caldav
