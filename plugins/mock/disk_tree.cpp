// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/disk_tree.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <sys/stat.h>

#include "core/sdk/values.hpp"
#include "plugins/mock/content.hpp"
#include "plugins/mock/posix.hpp"

namespace tidegate::mock {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::pair<std::string_view, Role>, 9> roles{{{"INBOX", Role::inbox},
                                                                  {".Sent", Role::sent},
                                                                  {".Drafts", Role::drafts},
                                                                  {".Trash", Role::trash},
                                                                  {".Junk", Role::junk},
                                                                  {".Archive", Role::archive},
                                                                  {"calendars/default", Role::calendar},
                                                                  {"calendars/tasks", Role::tasks},
                                                                  {"contacts/default", Role::contacts}}};

/// A child of the inbox is a neighbour of it: Maildir++ knows nothing below its root.
Bytes mail_id(View parent, View name) { return Bytes(parent == "INBOX" ? View() : parent).append(".").append(name); }

bool is_directory(const std::string& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

std::vector<std::string> directories(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (at->is_directory(ignored)) names.push_back(at->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

/// As vdir trees have it: the file "color" beside the objects.
std::string color_in(const std::string& directory) {
  auto file = open_content(directory + "/color");
  auto text = file ? head(**file, 64) : std::string();
  if (!text) return {};
  text->erase(text->find_last_not_of(" \r\n") + 1);
  return values::is_color(*text) ? *text : std::string();
}

}  // namespace

bool fit_name(std::string_view name) {
  return !name.empty() && name.size() <= 200 && std::ranges::none_of(name, [](char c) {
    return c == '/' || c == '.' || (static_cast<unsigned char>(c) < 32);
  });
}

Folder describe(View id) {
  Folder folder{};
  folder.id = folder.scope = Bytes(id);
  folder.rights = all_rights;
  folder.name = Bytes(id);
  if (id.starts_with("calendars/") || id.starts_with("contacts/")) {
    folder.kind = id.starts_with("calendars/") ? Kind::event : Kind::contact;
    folder.name = id.substr(id.find('/') + 1);
  } else if (const auto dot = id.rfind('.'); dot != id.npos) {
    folder.name = id.substr(dot + 1);
    folder.parent = id.substr(0, dot);
  }
  for (const auto& [name, role] : roles)
    if (name == id) folder.role = role;
  return folder;
}

std::string DiskTree::path_of(View id) const {
  if (id == "INBOX") return root_;
  if (id.find('\0') != id.npos) return {};
  for (const std::string_view part : {"calendars/", "contacts/"})
    if (id.starts_with(part)) {
      const auto name = id.substr(part.size());
      if (name.empty() || name.front() == '.' || name.find('/') != name.npos) return {};
      return root_ + "/" + Bytes(id);
    }
  if (id.size() < 2 || id.front() != '.' || id[1] == '.' || id.find('/') != id.npos) return {};
  return root_ + "/" + Bytes(id);
}

Result<std::vector<Folder>> DiskTree::folders() {
  struct stat about{};
  if (::stat(root_.c_str(), &about) != 0) return failed(root_, "look at the user's directory", errno);
  std::vector<Folder> all{describe("INBOX")};
  for (const auto& name : directories(root_))
    if (name.size() > 1 && name[0] == '.' && name[1] != '.' &&
        (is_directory(root_ + "/" + name + "/cur") || is_directory(root_ + "/" + name + "/new")))
      all.push_back(describe(name));
  for (const std::string part : {"calendars", "contacts"})
    for (const auto& name : directories(root_ + "/" + part))
      if (name.front() != '.') {
        all.push_back(describe(part + "/" + name));
        all.back().color = color_in(root_ + "/" + all.back().id);
      }
  // A parent that is no folder itself (Maildir++ allows .A.B without .A) is left out.
  for (auto& folder : all)
    if (!folder.parent.empty() && std::ranges::find(all, folder.parent, &Folder::id) == all.end())
      folder.parent.clear();
  return all;
}

Result<ItemFolder*> DiskTree::find(View id) {
  const auto path = path_of(id);
  if (path.empty() || !is_directory(path)) {
    if (const auto at = open_.find(id); at != open_.end()) open_.erase(at);
    return no_folder(id);
  }
  auto& folder = open_[Bytes(id)];
  if (!folder) folder = std::make_unique<DiskFolder>(path, describe(id).kind, epoch_());
  return folder.get();
}

Result<Folder> DiskTree::make(const Folder& like) {
  if (!fit_name(like.name)) return fault(FaultKind::invalid, {}, "a folder's name here has neither slash nor dot");
  Bytes id;
  if (like.kind == Kind::mail)
    id = mail_id(like.parent, like.name);
  else
    id = (like.kind == Kind::contact ? "contacts/" : "calendars/") + like.name;
  const auto path = path_of(id);
  if (path.empty()) return fault(FaultKind::invalid, {}, "a folder can't be made there");
  if (is_directory(path)) return fault(FaultKind::exists, {}, "there is a folder of that name already");
  std::error_code error;
  fs::create_directories(path, error);
  if (like.kind == Kind::mail)
    for (const auto* box : {"/cur", "/new", "/tmp"})
      if (!error) fs::create_directory(path + box, error);
  if (error) return failed(path, "make a folder", error.value());
  return describe(id);
}

Result<Folder> DiskTree::rename(const Folder& folder) {
  const auto old = path_of(folder.id);
  if (old.empty() || !is_directory(old)) return no_folder(folder.id);
  if (folder.id == "INBOX") return fault(FaultKind::denied, {}, "the inbox can't be renamed");
  if (!fit_name(folder.name)) return fault(FaultKind::invalid, {}, "a folder's name here has neither slash nor dot");
  const bool mail = folder.id.front() == '.';
  const auto id =
      mail ? mail_id(folder.parent, folder.name) : folder.id.substr(0, folder.id.rfind('/') + 1) + folder.name;
  if (id == folder.id) return describe(id);
  if (mail && id.starts_with(folder.id + ".")) return fault(FaultKind::invalid, {}, "a folder can't be below itself");
  if (is_directory(path_of(id))) return fault(FaultKind::exists, {}, "there is a folder of that name already");
  if (mail)  // its sub-folders are its neighbours on disk
    for (const auto& name : directories(root_))
      if (name.starts_with(folder.id + "."))
        if (::rename((root_ + "/" + name).c_str(), (root_ + "/" + id + name.substr(folder.id.size())).c_str()) != 0)
          return failed(root_ + "/" + name, "rename a folder", errno);
  if (::rename(old.c_str(), path_of(id).c_str()) != 0) return failed(old, "rename a folder", errno);
  open_.clear();
  return describe(id);
}

Result<void> DiskTree::remove(View id) {
  const auto path = path_of(id);
  if (path.empty() || !is_directory(path)) return no_folder(id);
  if (id == "INBOX") return fault(FaultKind::denied, {}, "the inbox can't be removed");
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return failed(path, "remove a folder", error.value());
  if (const auto at = open_.find(id); at != open_.end()) open_.erase(at);
  return {};
}

}  // namespace tidegate::mock
