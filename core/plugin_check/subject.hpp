// SPDX-License-Identifier: Apache-2.0
// The back-end under examination, and what every law needs of it: sessions, a folder to write in, walks over pages.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/config/ini.hpp"
#include "core/plugin_check/hand.hpp"
#include "core/sdk/store.hpp"
#include "core/sim/real_world.hpp"

namespace tidegate::plugin {
class Plugins;
}

namespace tidegate::check {

struct Options {
  std::string plugin;   ///< path of the .so
  std::string config;   ///< ini file with a [backend:…] section
  std::string backend;  ///< its name; empty: the only one, or the only one with this plugin
  std::string user = "alice";
  Kind kind = Kind::mail;  ///< what the back-end holds: most cases write items of it
  std::string folder;      ///< where to write; empty: one is made and removed again
  std::string hand;        ///< command that acts at the back-end itself; empty: what needs it is skipped
  std::uint64_t seed = 1;
  unsigned steps = 200;               ///< of law 2
  std::chrono::seconds patience{30};  ///< of law 8: the back-end's own time for a notice
};

/// One a process; made before the cases run, on the main thread, which plays the worker. The reactor has its own
/// thread.
class Subject {
 public:
  /// A sentence what is wrong, or empty.
  static std::string prepare(Options);
  static Subject& get();
  static void done();  ///< removes the folders that were made, ends the reactor

  const Options& options() const { return options_; }
  Backend& backend() { return *backend_; }
  Mailbox mailbox() const { return {options_.user, options_.user, options_.user}; }
  Result<std::unique_ptr<Session>> open();
  /// Another back-end from the same section, as after a restart.
  Result<std::unique_ptr<Backend>> another();
  /// A folder of that kind that the cases may fill; nullopt with a reason when there can be none.
  std::optional<Bytes> scratch(Session&, Kind, std::string& why);
  Bytes token();  ///< 16 random octets
  /// The back-end tells these hints of the mailbox from now on; false: it has no watch. `hints` outlives the Subject.
  bool listen(Hints&);
  /// Something done at the back-end itself, about that folder of ours and that item; a sentence why not, or empty.
  std::string hand(const std::string& word, const Bytes& folder, const Bytes& item = {},
                   const std::string& message_id = {});
  ~Subject();

 private:
  explicit Subject(Options);
  std::string start();
  void on_reactor(const std::function<void()>&);

  Options options_;
  config::Ini ini_;
  config::Section* section_ = nullptr;
  sim::RealWorld world_;
  std::thread reactor_;
  std::unique_ptr<plugin::Plugins> plugins_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Watch> watch_;
  bool asked_to_watch_ = false;
  std::map<Kind, Bytes> scratch_;
  std::map<Bytes, std::string> names_;  ///< of the folders made here
  std::set<Bytes> made_;
  std::mt19937_64 dice_;
};

/// A call with that much time.
Call call(std::chrono::milliseconds time = std::chrono::seconds(60));

/// What a core holds: the state that replaying pages gives.
struct Replay {
  std::map<Bytes, Upsert> items;
  std::map<Bytes, Folder> folders;
  Bytes anchor;
  bool more = true;
  unsigned listed = 0;            ///< how many Listed came
  std::vector<Bytes> named;       ///< ids of all upserts, in order of coming
  std::vector<Upsert> last_page;  ///< upserts of the latest page
  unsigned last_page_changes = 0;

  void apply(const Page&);
  /// One page; a fault fails the case and ends in false.
  bool step(Session&, View scope, std::uint32_t limit, std::uint32_t inline_up_to = 0);
  /// Pages until there are no more; at most `pages`.
  bool drain(Session&, View scope, std::uint32_t limit, unsigned pages = 100'000);

 private:
  std::set<Bytes> since_begin_;
};

/// Session, scratch folder and items for a case.
class Law : public testing::Test {
 protected:
  void SetUp() override;
  Subject& subject() { return Subject::get(); }
  bool can(Verb verb) const { return (can_.verbs & verb) != 0; }
  /// Puts a mail into the folder; its id. A fault fails the case: empty id.
  Bytes put(Session&, View folder, const std::string& octets, Kind, std::uint32_t flags = 0);
  Bytes put(Session& session, View folder, const std::string& octets) { return put(session, folder, octets, usual()); }
  Kind usual() const { return Subject::get().options().kind; }
  std::string item(unsigned number) const;  ///< of the usual kind, with a UID or Message-ID of its own
  std::string mail(unsigned number) const;  ///< a small one with a Message-ID of its own
  std::string message_id(unsigned number) const;
  Result<std::string> whole(Session&, View item, Range = {});

  std::unique_ptr<Session> session_;
  Capabilities can_;
};

Source source_of(std::string octets);
std::string shown(View id);  ///< an id in printable form

#define NEEDS_SCRATCH(folder, kind)                                        \
  std::string why_not;                                                     \
  const auto folder##_found = subject().scratch(*session_, kind, why_not); \
  if (!folder##_found) GTEST_SKIP() << why_not;                            \
  const Bytes folder = *folder##_found

#define NEEDS_HAND(...) \
  if (const auto cannot = subject().hand(__VA_ARGS__); !cannot.empty()) GTEST_SKIP() << cannot

#define NEEDS(verb, sentence) \
  if (!can(verb)) GTEST_SKIP() << "the back-end offers no " sentence

}  // namespace tidegate::check
