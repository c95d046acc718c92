// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/habits.hpp"

namespace tidegate::imap {
namespace {

using std::chrono::milliseconds;
using Lock = std::scoped_lock<std::mutex>;

constexpr unsigned broken_most = 3;

std::size_t index(Promise what) { return static_cast<std::size_t>(what); }

}  // namespace

milliseconds Habits::idle_lifetime() const {
  const Lock lock(mutex_);
  return idle_.now();
}
void Habits::idle_survived(milliseconds idle) {
  const Lock lock(mutex_);
  idle_.survived(idle);
}
void Habits::idle_dropped(milliseconds idle, Clock::time_point at) {
  const Lock lock(mutex_);
  idle_.dropped(idle, at);
}

bool Habits::believed(Promise what) const {
  const Lock lock(mutex_);
  const Record& record = promises_[index(what)];
  return record.kept || record.broken < broken_most;
}
void Habits::kept(Promise what) {
  const Lock lock(mutex_);
  promises_[index(what)].kept = true;
}
void Habits::broke(Promise what) {
  const Lock lock(mutex_);
  ++promises_[index(what)].broken;
}

milliseconds Habits::login_pause(std::string_view what, Clock::time_point now) const {
  const Lock lock(mutex_);
  return young_.left(what, now);
}
void Habits::died_young(std::string_view what, Clock::time_point now) {
  const Lock lock(mutex_);
  young_.failed(what, now);
}
void Habits::grew_old(std::string_view what) {
  const Lock lock(mutex_);
  young_.worked(what);
}

bool Habits::contents_break(std::string_view what, Clock::time_point now) const {
  const Lock lock(mutex_);
  return breaking_.left(what, now).count() > 0;
}
void Habits::contents_broke(std::string_view what, Clock::time_point now) {
  const Lock lock(mutex_);
  breaking_.failed(what, now);
}

bool Habits::suspected(std::string_view folder, std::uint64_t from) const {
  const Lock lock(mutex_);
  return suspects_.any(folder, from);
}
std::vector<UidSet> Habits::parts(std::string_view folder, const UidSet& wanted, Clock::time_point now) const {
  const Lock lock(mutex_);
  return suspects_.parts(folder, wanted, now);
}
void Habits::headers_came(std::string_view folder, const UidSet& asked) {
  const Lock lock(mutex_);
  suspects_.came(folder, asked);
}
std::optional<milliseconds> Habits::headers_broke(std::string_view folder, const UidSet& asked, Clock::time_point now) {
  const Lock lock(mutex_);
  return suspects_.broke(folder, asked, now);
}

bool Habits::bare_breaks(std::string_view what, Clock::time_point now) const {
  const Lock lock(mutex_);
  return bare_.left(what, now).count() > 0;
}
void Habits::bare_broke(std::string_view what, Clock::time_point now) {
  const Lock lock(mutex_);
  bare_.failed(what, now);
}

std::uint64_t Habits::ghosts(std::string_view folder, Clock::time_point now) const {
  const Lock lock(mutex_);
  return ghosts_.count(folder, now);
}
void Habits::asked(std::string_view folder, const UidSet& asked, const UidSet& missing, Clock::time_point now) {
  const Lock lock(mutex_);
  ghosts_.asked(folder, asked, missing, now);
}
void Habits::named(std::string_view folder, const UidSet& all) {
  const Lock lock(mutex_);
  ghosts_.named(folder, all);
}

milliseconds Habits::folder_pause(std::string_view what, Clock::time_point now) const {
  const Lock lock(mutex_);
  return phantoms_.left(what, now);
}
void Habits::folder_refused(std::string_view what, Clock::time_point now) {
  const Lock lock(mutex_);
  phantoms_.failed(what, now);
}
void Habits::folder_opened(std::string_view what) {
  const Lock lock(mutex_);
  phantoms_.worked(what);
}

}  // namespace tidegate::imap
