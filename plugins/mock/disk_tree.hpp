// SPDX-License-Identifier: Apache-2.0
// A user's directory: a Maildir with Maildir++ sub-folders (.Name, .Name.Below), and below calendars/ and contacts/ one
// directory a folder, with its colour in the file "color". Ids: "INBOX", ".Name", "calendars/name", "contacts/name".
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "plugins/mock/disk_folder.hpp"

namespace tidegate::mock {

class DiskTree final : public Tree {
 public:
  /// `epoch` gives a new word at each call.
  DiskTree(std::string root, std::function<std::string()> epoch) : root_(std::move(root)), epoch_(std::move(epoch)) {}

  Result<std::vector<Folder>> folders() override;
  Result<ItemFolder*> find(View folder) override;
  Result<Folder> make(const Folder& like) override;
  Result<Folder> rename(const Folder&) override;
  Result<void> remove(View folder) override;

  /// Directory of a folder id; empty: not an id of ours.
  std::string path_of(View folder) const;
  const std::string& root() const { return root_; }

 private:
  std::string root_;
  std::function<std::string()> epoch_;
  std::map<Bytes, std::unique_ptr<DiskFolder>, std::less<>> open_;
};

/// A folder as the tree tells of it. Pure.
Folder describe(View id);
/// Whether it may stand in a path and as a Maildir++ name: no slash, dot, control octet; 1 to 200 octets.
bool fit_name(std::string_view name);

}  // namespace tidegate::mock
