// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/roles.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "plugins/imap/utf7.hpp"

namespace tidegate::imap {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

struct Word {
  std::string_view name;
  Role role;
};

constexpr std::array attributes = {Word{"sent", Role::sent}, Word{"drafts", Role::drafts}, Word{"trash", Role::trash},
                                   Word{"junk", Role::junk}, Word{"archive", Role::archive}};

// What servers and clients call them where nobody says \Sent: several languages, lower case.
constexpr std::array names = {
    Word{"sent", Role::sent},
    Word{"sent items", Role::sent},
    Word{"sent messages", Role::sent},
    Word{"sent mail", Role::sent},
    Word{"gesendet", Role::sent},
    Word{"gesendete elemente", Role::sent},
    Word{"gesendete objekte", Role::sent},
    Word{"éléments envoyés", Role::sent},
    Word{"messages envoyés", Role::sent},
    Word{"enviados", Role::sent},
    Word{"posta inviata", Role::sent},
    Word{"verzonden items", Role::sent},
    Word{"Отправленные", Role::sent},
    Word{"已发送", Role::sent},
    Word{"drafts", Role::drafts},
    Word{"draft", Role::drafts},
    Word{"entwürfe", Role::drafts},
    Word{"brouillons", Role::drafts},
    Word{"borradores", Role::drafts},
    Word{"bozze", Role::drafts},
    Word{"concepten", Role::drafts},
    Word{"Черновики", Role::drafts},
    Word{"草稿", Role::drafts},
    Word{"trash", Role::trash},
    Word{"deleted items", Role::trash},
    Word{"deleted messages", Role::trash},
    Word{"deleted", Role::trash},
    Word{"papierkorb", Role::trash},
    Word{"gelöschte elemente", Role::trash},
    Word{"corbeille", Role::trash},
    Word{"papelera", Role::trash},
    Word{"cestino", Role::trash},
    Word{"prullenbak", Role::trash},
    Word{"Корзина", Role::trash},
    Word{"junk", Role::junk},
    Word{"junk e-mail", Role::junk},
    Word{"junk email", Role::junk},
    Word{"spam", Role::junk},
    Word{"bulk mail", Role::junk},
    Word{"archive", Role::archive},
    Word{"archives", Role::archive},
    Word{"archiv", Role::archive},
};

bool has(const Listing& listing, std::string_view attribute) {
  return std::ranges::find(listing.attributes, attribute) != listing.attributes.end();
}

// Gives each role to at most one folder: two Sent folders would make a device file twice.
void assign_roles(const std::vector<Listing>& listings, std::vector<Folder>& folders, const std::string& inbox) {
  std::set<Role> given;
  const auto give = [&](Folder& folder, Role role) {
    if (folder.role == Role::none && given.insert(role).second) folder.role = role;
  };
  for (Folder& folder : folders) {
    if (folder.id == inbox) give(folder, Role::inbox);
  }
  for (std::size_t i = 0; i < folders.size(); ++i) {
    if ((folders[i].rights & may_read) == 0) continue;
    for (const Word& word : attributes) {
      if (has(listings[i], word.name)) give(folders[i], word.role);
    }
  }
  for (const Word& word : names) {
    for (Folder& folder : folders) {
      const bool near_the_top = folder.parent.empty() || folder.parent == inbox;
      if ((folder.rights & may_read) != 0 && near_the_top && lower(folder.name) == lower(word.name))
        give(folder, word.role);
    }
  }
}

}  // namespace

std::string canonical_mailbox(std::string_view raw) {
  if (lower(raw) == "inbox") return "INBOX";
  return std::string(raw);
}

bool Root::holds(std::string_view raw) const {
  return raw.starts_with(name) && (raw.size() == name.size() || raw[name.size()] == delimiter);
}

bool is_shown(std::string_view raw, const Root& root, const Namespaces& spaces, Shown shown) {
  if (!root.name.empty()) return root.holds(raw);
  // The longest prefix decides whose it is.
  std::size_t longest = 0;
  bool yes = true;
  const auto weigh = [&](const std::vector<Namespace>& list, bool wanted) {
    for (const Namespace& space : list) {
      std::string_view bare = space.prefix;
      if (space.delimiter != 0 && bare.ends_with(space.delimiter)) bare.remove_suffix(1);
      if (bare.size() < longest || bare.empty() || !Root{std::string(bare), space.delimiter}.holds(raw)) continue;
      longest = bare.size();
      yes = wanted;
    }
  };
  weigh(spaces.personal, true);
  weigh(spaces.shared, shown != Shown::personal);
  weigh(spaces.others, shown == Shown::all);
  return yes;
}

std::vector<Folder> folder_tree(const std::vector<Listing>& from_server, const Root& root, std::string_view prefix) {
  // A server may name a mailbox twice (once per namespace); the map also sorts, so that order never makes a change.
  std::map<std::string, Listing> unique;
  for (const Listing& listing : from_server) {
    if (!listing.name.empty()) unique.emplace(canonical_mailbox(listing.name), listing);
  }
  std::string inbox = "INBOX";
  if (!root.name.empty()) {
    const std::string below = root.name + root.delimiter + "INBOX";
    inbox = unique.contains(below) ? below : root.name;
  }
  const std::string top = root.name.empty() ? std::string(prefix) : root.name + root.delimiter;
  std::vector<Listing> listings;
  std::vector<Folder> folders;
  const auto place = [&](const std::string& id, const Listing& listing) {
    Folder folder{};
    folder.id = id;
    folder.kind = Kind::mail;
    folder.role = Role::none;
    folder.scope = id;
    folder.rights = listing.selectable ? all_rights & ~may_update : 0U;  // stored mail can't be changed
    folder.rights |= may_administer;
    if (has(listing, "noinferiors") && !listing.selectable) folder.rights = 0;
    const std::size_t begin = id.size() > top.size() && id.starts_with(top) ? top.size() : 0;
    auto own = std::string_view(id).substr(begin);
    // The nearest ancestor that is listed; what lies between becomes part of the name. Where "INBOX." stands before
    // every name, that makes no folder one of the inbox.
    const std::size_t least = root.name.empty() ? std::max<std::size_t>(begin, 1) : 1;
    for (auto cut = listing.delimiter == 0 ? std::string::npos : id.rfind(listing.delimiter);
         cut != std::string::npos && cut >= least; cut = id.rfind(listing.delimiter, cut - 1)) {
      const std::string parent = canonical_mailbox(id.substr(0, cut));
      if (!unique.contains(parent)) continue;
      folder.parent = parent;
      own = std::string_view(id).substr(cut + 1);
      break;
    }
    folder.name = readable_name(own.empty() ? std::string_view(id) : own);
    folders.push_back(std::move(folder));
    listings.push_back(listing);
  };
  if (const auto first = unique.find(inbox); first != unique.end()) place(first->first, first->second);
  for (const auto& [id, listing] : unique) {
    if (id != inbox) place(id, listing);
  }
  assign_roles(listings, folders, inbox);
  return folders;
}

Bytes tree_digest(const std::vector<Folder>& folders) {
  std::string what;
  for (const Folder& f : folders) {
    for (const std::string* part : {&f.id, &f.parent, &f.name}) what += fmt::format("{}:{},", part->size(), *part);
    what += fmt::format("{}/{};", static_cast<int>(f.role), f.rights);
  }
  std::array<unsigned char, 32> digest{};
  unsigned int length = 0;
  EVP_Digest(what.data(), what.size(), digest.data(), &length, EVP_sha256(), nullptr);
  return Bytes(reinterpret_cast<const char*>(digest.data()), 20);
}

}  // namespace tidegate::imap
