// SPDX-License-Identifier: Apache-2.0
// From what a home set holds to folders of the Store. Pure.
#pragma once
#include <string>
#include <vector>

#include "core/sdk/store.hpp"
#include "plugins/caldav/multistatus.hpp"

namespace tidegate::caldav {

/// A collection that is synced, and how it stood when it was last looked at.
struct Collection {
  std::string id;  ///< canonical path; with the origin in front where that is not the server's
  Kind kind = Kind::event;
  std::uint32_t rights = all_rights;
  bool syncs = false;      ///< sync-collection is offered
  bool with_token = true;  ///< its token was asked for
  std::string name, color, token, ctag;

  bool cards() const { return kind == Kind::contact; }
};

/// nullopt: nothing to sync (a home, an inbox, a subscription, a plain folder). `id`: as it shall be called.
std::optional<Collection> collection_of(const Resource&, std::string id);

/// As folders, roles given to the first of a kind that may be written; sorted by id.
std::vector<Folder> folders_of(std::vector<Collection>);

/// "#RRGGBB" of what servers write: with an alpha channel behind it, or a digit a channel. Empty: of nothing else.
std::string color_of(std::string_view);

/// Moves with anything of them.
Bytes tree_anchor(const std::vector<Folder>&);
/// Whether it is one of ours.
bool is_tree_anchor(View);

/// VEVENT, VTODO, VJOURNAL; empty for cards.
std::string_view component_of(Kind);

}  // namespace tidegate::caldav
