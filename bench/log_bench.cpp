// SPDX-License-Identifier: Apache-2.0
// How many changes a second the log takes: pages of many users, 80 % new items and 20 % flag changes on random items.
//   log_bench DIRECTORY [users=100] [items=10000] [changes=200000] [page=50] [in_flight=64] [cache_mib=256] [big=0]
// `big`: items of one of the users instead (one large mailbox among the others). Prints one JSON object.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include "core/sim/real_world.hpp"
#include "core/store/log.hpp"

namespace {

using namespace tidegate;

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct Plan {
  std::string directory;
  std::size_t users = 100, items = 10000, changes = 200000, page = 50, in_flight = 64, cache_mib = 256, big = 0;
};

class Bench {
 public:
  explicit Bench(Plan plan) : plan_(std::move(plan)) {}

  int run() {
    store::Settings settings;
    settings.path = plan_.directory + "/log_bench.db";
    settings.page_cache_mib = plan_.cache_mib;
    auto opened = store::Log::open(world_, settings);
    if (!opened) {
      fmt::print(stderr, "{} {}\n", opened.error().text, opened.error().cause);
      return 1;
    }
    log_ = std::move(*opened);
    users_.resize(plan_.users);
    for (std::size_t i = 0; i < plan_.users; ++i) {
      log_->ensure_view(fmt::format("user{}", i), "m", "a", "s", [this, i](Result<store::ViewRow> row) {
        if (row) users_[i].view = row->id;
        if (row) ++ready_;
      });
    }
    if (!world_.run_until([&] { return ready_ == plan_.users; }, std::chrono::seconds(60))) return 1;
    const auto filled = timed([this] { fill(); });
    const auto mixed = timed([this] { drive(plan_.changes, plan_.page, true); });
    report(filled, mixed);
    log_.reset();
    return faults_ == 0 && left_ == 0 && waiting_ == 0 ? 0 : 1;
  }

 private:
  struct Cost {
    double seconds = 0, cpu = 0, changes = 0;
  };
  struct User {
    store::ViewId view = 0;
    std::size_t made = 0, wanted = 0;
    std::uint64_t anchor = 0;
    bool busy = false;
  };

  template <class Work>
  Cost timed(Work work) {
    const auto cpu_before = cpu_seconds();
    const auto began = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    return {took.count(), cpu_seconds() - cpu_before, static_cast<double>(std::max<std::size_t>(1, numbered_))};
  }

  void report(const Cost& filled, const Cost& mixed) const {
    fmt::print(
        R"({{"changes_per_s":{:.0f},"cpu_us_per_change":{:.2f},"fill_per_s":{:.0f},"users":{},"items":{},"page":{},)"
        R"("seconds":{:.2f},"faults":{}}})"
        "\n",
        mixed.changes / mixed.seconds, mixed.cpu * 1e6 / mixed.changes, filled.changes / filled.seconds, plan_.users,
        std::max(plan_.items, plan_.big), plan_.page, mixed.seconds, faults_);
  }

  Upsert item(std::size_t n, std::uint32_t flags) {
    Upsert u{};
    u.id = fmt::format("1700000000.{:08}", n);
    u.folders = {"INBOX"};
    u.content_rev = "1";
    u.state_rev = std::to_string(++modseq_);
    u.size = 5000;
    u.received = std::chrono::sys_seconds(std::chrono::seconds(1700000000 + n));
    u.flags = flags;
    for (std::size_t i = 0; i < 8; ++i) u.fingerprint[i] = static_cast<std::byte>(n * 0x9e3779b97f4a7c15 >> (8 * i));
    u.fingerprint[8] = std::byte{1};
    return u;
  }

  void fill() {
    std::size_t all = 0;
    for (std::size_t i = 0; i < users_.size(); ++i) {
      users_[i].wanted = i == 0 && plan_.big > 0 ? plan_.big : plan_.items;
      all += users_[i].wanted;
    }
    drive(all, 500, false);
  }

  void drive(std::size_t changes, std::size_t page, bool mixed) {
    left_ = changes;
    numbered_ = 0;
    next_ = 0;
    for (std::size_t i = 0; i < std::min(plan_.in_flight, users_.size()); ++i) send(page, mixed);
    world_.run_until([&] { return left_ == 0 && waiting_ == 0; }, std::chrono::hours(1));
  }

  User* pick(bool mixed) {
    for (std::size_t i = 0; i < users_.size(); ++i) {
      auto& user = users_[next_++ % users_.size()];
      if (!user.busy && (mixed || user.made < user.wanted)) return &user;
    }
    return nullptr;
  }

  void send(std::size_t page, bool mixed) {
    auto* user = left_ == 0 ? nullptr : pick(mixed);
    if (user == nullptr) return;
    auto count = std::min(page, left_);
    if (!mixed) count = std::min(count, user->wanted - user->made);
    left_ -= count;
    store::ApplyPage apply{
        user->view, "bench", "INBOX", user->anchor == 0 ? Bytes() : std::to_string(user->anchor), {}};
    apply.page.anchor = std::to_string(++user->anchor);
    for (std::size_t i = 0; i < count; ++i) {
      const bool fresh = !mixed || dice_() % 5 != 0;
      const auto n = fresh ? user->made++ : dice_() % user->made;
      // Flags that differ from any before: each is a real change.
      apply.page.changes.emplace_back(item(n, fresh ? 0 : static_cast<std::uint32_t>(++flag_)));
    }
    user->busy = true;
    ++waiting_;
    log_->apply(std::move(apply), [this, user, page, mixed](Result<store::Applied> applied) {
      user->busy = false;
      --waiting_;
      if (applied) {
        numbered_ += applied->changes.size();
      } else {
        ++faults_;
      }
      send(page, mixed);
    });
  }

  Plan plan_;
  sim::RealWorld world_;
  std::unique_ptr<store::Log> log_;
  std::vector<User> users_;
  std::size_t ready_ = 0, left_ = 0, waiting_ = 0, numbered_ = 0, faults_ = 0, next_ = 0;
  std::uint64_t modseq_ = 0, flag_ = 0;
  std::mt19937_64 dice_{7};
};

}  // namespace

int main(int count, char** values) {
  if (count < 2) {
    fmt::print(stderr, "usage: log_bench DIRECTORY [users] [items] [changes] [page] [in_flight] [cache_mib] [big]\n");
    return 2;
  }
  Plan plan;
  plan.directory = values[1];
  std::size_t* const numbers[] = {&plan.users,     &plan.items,     &plan.changes, &plan.page,
                                  &plan.in_flight, &plan.cache_mib, &plan.big};
  for (int i = 2; i < count && i < 9; ++i) *numbers[i - 2] = std::strtoull(values[i], nullptr, 10);
  std::error_code ignored;
  for (const auto* end : {"", "-wal", "-shm"}) std::filesystem::remove(plan.directory + "/log_bench.db" + end, ignored);
  return Bench(std::move(plan)).run();
}
