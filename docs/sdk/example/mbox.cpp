// SPDX-License-Identifier: Apache-2.0
// A small real back-end: one read-only mbox file a user (RFC 4155; as mutt, Pine or a mailing list archive write it).
// The mailbox has one folder, INBOX. Items are known by a hash of their octets, so ids survive a rewritten file;
// changes are found by listing again: an mbox has no journal. docs/sdk/writing-a-plugin.md walks through it.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <tidegate/sdk/abi.hpp>

namespace {
using namespace tidegate;

struct Message {
  Bytes id;
  std::size_t from = 0, size = 0;  // octets within the file
};

/// FNV-1a, 64 bits: small enough for an example. A real plugin takes a cryptographic hash.
std::uint64_t hash(View octets, std::uint64_t state = 0xcbf29ce484222325) {
  for (const char c : octets) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return state;
}

/// Where each message lies: it follows a line "From …" that begins the file or comes after an empty line (RFC 4155).
std::vector<Message> split(View file) {
  std::vector<Message> found;
  bool after_blank = true;
  for (std::size_t at = 0; at < file.size();) {
    const auto end = std::min(file.find('\n', at), file.size() - 1) + 1;
    const auto line = file.substr(at, end - at);
    if (after_blank && line.substr(0, 5) == "From ") {
      found.push_back({{}, end, 0});
    } else if (!found.empty()) {
      found.back().size = end - found.back().from;
    }
    after_blank = line == "\n" || line == "\r\n";
    at = end;
  }
  std::vector<Bytes> ids;
  for (auto& message : found) {
    // The empty line before the next "From " belongs to the mbox, not to the mail.
    if (file.substr(message.from, message.size).ends_with("\n\n")) --message.size;
    message.id = std::to_string(hash(file.substr(message.from, message.size)));
    const auto twins = std::count(ids.begin(), ids.end(), message.id);
    ids.push_back(message.id);
    if (twins > 0) message.id += "." + std::to_string(twins);
  }
  return found;
}

class MboxSession final : public Session {
 public:
  MboxSession(Host& host, std::string path) : host_(host), path_(std::move(path)) {}

  Capabilities capabilities() const override {
    Capabilities can;  // no verbs but changes() and read()
    can.ranged_read = true;
    return can;
  }

  Result<Page> changes(const Call& call, View scope, View anchor, const Want& want) override {
    if (over(call)) return cancelled();
    if (scope.empty()) return folders(anchor);
    if (scope != "INBOX")
      return fault(FaultKind::not_found, Bytes(scope), "there is no such folder; an mbox has only INBOX");
    auto file = load();
    if (!file) return std::unexpected(file.error());
    const auto version = std::to_string(hash(*file));
    if (anchor == "done " + version) return Page{{}, Bytes(anchor), false};

    // A listing goes on from "list VERSION COUNT"; if the file changed meanwhile it begins again.
    const auto messages = split(*file);
    std::size_t given = 0;
    if (const auto going = "list " + version + " "; anchor.starts_with(going)) {
      const auto number = anchor.substr(going.size());
      std::from_chars(number.data(), number.data() + number.size(), given);
    } else if (!anchor.empty() && !anchor.starts_with("done ") && !anchor.starts_with("list ")) {
      return fault(FaultKind::anchor_expired, "INBOX", "this anchor is not one of this plugin's; list again");
    }
    Page page;
    for (; given < messages.size() && page.changes.size() < want.limit; ++given) {
      const auto& message = messages[messages.size() - 1 - given];  // the file's end is its newest
      page.changes.emplace_back(describe(*file, message, want.inline_up_to));
    }
    page.more = given < messages.size();
    if (!page.more) page.changes.emplace_back(Listed{"INBOX"});
    page.anchor = page.more ? "list " + version + " " + std::to_string(given) : "done " + version;
    return page;
  }

  Result<std::uint64_t> read(const Call& call, View item, Range range, Sink sink) override {
    if (over(call)) return cancelled();
    auto file = load();
    if (!file) return std::unexpected(file.error());
    for (const auto& message : split(*file)) {
      if (message.id != item) continue;
      auto octets = View(*file).substr(message.from, message.size);
      octets.remove_prefix(std::min<std::uint64_t>(range.from, octets.size()));
      octets = octets.substr(0, std::min<std::uint64_t>(range.length, octets.size()));
      std::uint64_t given = 0;
      while (!octets.empty()) {
        if (over(call)) return cancelled();
        const auto piece = octets.substr(0, 65536);
        octets.remove_prefix(piece.size());
        given += piece.size();
        if (!sink(std::as_bytes(std::span(piece.data(), piece.size())))) break;
      }
      return given;
    }
    return fault(FaultKind::not_found, "INBOX", "there is no such mail in the mbox (any more)");
  }

  Result<Written> create(const Call&, View, const NewItem&, Source, Attempt&) override { return read_only(); }
  Result<Written> update(const Call&, View, View, Source) override { return read_only(); }
  Result<Written> set_flags(const Call&, View, const FlagDelta&) override { return read_only(); }
  Result<Written> move(const Call&, View, View, View, Attempt&) override { return read_only(); }
  Result<void> remove(const Call&, View, View, View) override { return read_only(); }
  Result<Folder> make_folder(const Call&, const Folder&, Attempt&) override { return read_only(); }
  Result<Folder> change_folder(const Call&, const Folder&) override { return read_only(); }
  Result<void> remove_folder(const Call&, View) override { return read_only(); }
  Result<Sent> send(const Call&, const Envelope&, Source, View, Attempt&) override { return read_only(); }
  Result<Written> respond(const Call&, View, const Reply&, Attempt&) override { return read_only(); }
  Result<Hits> search(const Call&, View, std::string_view, View) override { return read_only(); }
  Result<std::vector<Person>> resolve(const Call&, std::string_view, std::uint32_t) override { return read_only(); }
  Result<Parking> park(const Call&) override { return read_only(); }
  Result<Hint> unpark(const Call&) override { return read_only(); }

 private:
  bool over(const Call& call) const { return call.stop.stop_requested() || host_.now() >= call.deadline; }
  static std::unexpected<Fault> cancelled() {
    return fault(FaultKind::cancelled, {}, "the call was cancelled or its deadline passed");
  }
  static std::unexpected<Fault> read_only() { return fault(FaultKind::unsupported, {}, "an mbox is only read here"); }

  Result<std::string> load() const {
    std::ifstream in(path_, std::ios::binary);
    if (!in) return fault(FaultKind::not_found, path_, "the user's mbox is not there or can't be read");
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  static Result<Page> folders(View anchor) {
    if (anchor == "tree") return Page{{}, "tree", false};
    if (!anchor.empty())
      return fault(FaultKind::anchor_expired, {}, "this anchor is not one of this plugin's; list again");
    Folder inbox{"INBOX", {}, "INBOX", "INBOX", Kind::mail, Role::inbox, may_read};
    return Page{{FolderUpsert{std::move(inbox)}, Listed{}}, "tree", false};
  }

  static Upsert describe(View file, const Message& message, std::uint32_t inline_up_to) {
    const auto octets = file.substr(message.from, message.size);
    Upsert item{};
    item.id = message.id;
    item.folders = {"INBOX"};
    item.content_rev = "1";  // the octets of a mail never change
    item.kind = Kind::mail;
    item.size = message.size;
    const auto known = hash(octets), again = hash(octets, known);
    std::memcpy(item.fingerprint.data(), &known, sizeof known);
    std::memcpy(item.fingerprint.data() + sizeof known, &again, sizeof again);
    if (octets.size() <= inline_up_to) item.content = Bytes(octets);
    return item;
  }

  Host& host_;
  std::string path_;
};

class MboxBackend final : public Backend {
 public:
  MboxBackend(Host& host, std::string directory) : host_(host), directory_(std::move(directory)) {}

  Result<std::unique_ptr<Session>> open(const Call& call, const Mailbox& mailbox) override {
    if (call.stop.stop_requested() || host_.now() >= call.deadline)
      return fault(FaultKind::cancelled, {}, "the call was cancelled or its deadline passed");
    const auto& name = mailbox.mailbox;  // comes from outside: it must not lead out of the directory
    if (name.empty() || name.front() == '.' || name.find('/') != name.npos)
      return fault(FaultKind::not_found, {}, "a user of that name can't have an mbox here");
    const auto path = directory_ + "/" + name;
    if (!std::ifstream(path)) return fault(FaultKind::not_found, path, "this user has no mbox");
    return std::make_unique<MboxSession>(host_, path);
  }
  std::unique_ptr<Watch> watch(Hints&) override { return nullptr; }  // the core polls
  Result<void> test(const Call&) override { return {}; }

 private:
  Host& host_;
  std::string directory_;
};

class MboxPlugin final : public Plugin {
 public:
  std::span<const Setting> settings() const noexcept override {
    static constexpr Setting table[] = {
        {"directory", nullptr, "Where the users' mbox files lie, each named as its user."}};
    return table;
  }
  Result<std::unique_ptr<Backend>> make(Host& host,
                                        std::span<const std::pair<std::string, std::string>> values) override {
    return std::make_unique<MboxBackend>(host, values[0].second);
  }
};

Plugin* make() { return new MboxPlugin; }
}  // namespace

TIDEGATE_PLUGIN("mbox", "0.1.0", make)
