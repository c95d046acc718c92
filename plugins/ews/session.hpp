// SPDX-License-Identifier: Apache-2.0
// One mailbox as seen by one actor: a light handle; what it asks goes over the back-end's connections.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"
#include "plugins/ews/backend.hpp"
#include "plugins/ews/events.hpp"
#include "plugins/ews/items.hpp"
#include "plugins/ews/objects.hpp"
#include "plugins/ews/said.hpp"

namespace tidegate::ews {

class EwsSession final : public Session {
 public:
  EwsSession(EwsBackend& backend, Who who) : backend_(backend), who_(std::move(who)) {}
  /// Learns which folders have a role, and thereby whether the mailbox is there and may be read.
  Result<void> look(const Call&);

  Capabilities capabilities() const override;
  Result<Page> changes(const Call&, View scope, View anchor, const Want&) override;
  Result<std::uint64_t> read(const Call&, View item, Range, Sink) override;
  void expect(const Call&, std::span<const Reading>) override;
  Result<Written> create(const Call&, View folder, const NewItem&, Source, Attempt&) override;
  Result<Written> update(const Call&, View item, View if_content_rev, Source) override;
  Result<Written> set_flags(const Call&, View item, const FlagDelta&) override;
  Result<Written> move(const Call&, View item, View from, View to, Attempt&) override;
  Result<void> remove(const Call&, View item, View folder, View if_content_rev) override;
  Result<Folder> make_folder(const Call&, const Folder& like, Attempt&) override;
  Result<Folder> change_folder(const Call&, const Folder&) override;
  Result<void> remove_folder(const Call&, View folder) override;
  Result<Sent> send(const Call&, const Envelope&, Source, View file_in, Attempt&) override;
  Result<Written> respond(const Call&, View item, const Reply&, Attempt&) override;
  Result<Hits> search(const Call&, View folder, std::string_view query, View page) override;
  Result<std::vector<Person>> resolve(const Call&, std::string_view, std::uint32_t limit) override;
  Result<Parking> park(const Call&) override;
  Result<Hint> unpark(const Call&) override;

 private:
  Result<Page> tree(const Call&, const Anchor&);
  Result<SyncPage> sync(const Call&, const std::string& body);
  /// What GetItem gives for each; those that it does not give are left out (EWS-14). `told`: why not.
  using Ask = std::string (*)(std::span<const Bytes>, Kind);
  Result<std::vector<xml::Element>> items(const Call&, std::span<const Bytes> ids, Ask, Kind = Kind::mail);
  Result<std::vector<Upsert>> mails(const Call&, const SyncPage&, View folder, const Want&);
  Result<std::vector<Upsert>> objects(const Call&, const SyncPage&, View folder, Kind, const Want&);
  /// One event, task or contact, its octets and its element.
  struct Object {
    xml::Element element;
    Bytes octets;
  };
  Result<Object> object(const Call&, const Named&);
  /// Asks for the files of items, or the photos of contacts, into their elements. Not of those that have more than
  /// `most` octets of it.
  Result<void> bring_attachments(const Call&, Kind, std::span<xml::Element>, std::uint64_t most = files_most);
  Result<void> make_attachment(const Call&, View item, const std::string& element);
  Result<void> remove_attachment(const Call&, View id);
  /// True: something was changed. `there`: the item as GetItem gave it, with what was brought.
  Result<bool> change_photo(const Call&, View contact, const xml::Element& there, const Fields& wanted);
  Result<bool> change_files(const Call&, View item, const xml::Element& there, const std::vector<File>& wanted,
                            bool only_more);
  /// Gives the item the files, or the photo, that the object has. `only_more`: none goes; in a repeated attempt it may
  /// be another's. `done`: what to answer where nothing changes.
  Result<Written> with_files_of(const Call&, const Named&, const xml::Element& there, const Said&, Written done,
                                bool only_more);
  /// The ChangeKey is what it is now.
  Result<Written> revision(const Call&, const Named&);
  /// Octets of those that can be said, by id.
  std::map<Bytes, Bytes> objects_ahead(const Call&, std::span<const Bytes> ids, Kind);
  Result<Kind> kind_of(const Call&, View scope);
  Result<Written> create_object(const Call&, View folder, const NewItem&, Source, Attempt&);
  Result<Written> update_object(const Call&, const Named&, View if_content_rev, const Bytes& octets);
  Result<Written> update_fields(const Call&, const Named&, const Object& now, const Said&, const Bytes& octets);
  Result<void> unchanged(const Call&, const Named&, View if_content_rev);
  /// The changed occurrences of the series among these.
  Result<std::vector<xml::Element>> exceptions(const Call&, std::span<const xml::Element>);
  /// Brings the occurrences of a series from `before` to `after`; its master is as `after` has it.
  Result<void> change_occurrences(const Call&, View series, const xml::Element& master, const Event& before,
                                  const Event& after);
  /// SendMeetingInvitations and the like. `there`: the event as the server has it; empty: it has none yet.
  std::string_view invitations_of(const xml::Element& there, const Fields& before, const Fields& after) const;
  /// The same of an event that is to be made; the directory is asked where another organizes it by name.
  Result<std::string_view> invitations_of_new(const Call&, const Fields&);
  Result<void> remove_event(const Call&, const Named&, View if_content_rev);
  Result<Written> update_event(const Call&, const Named&, View if_content_rev, const Object& now, const Bytes& octets);
  /// Contents that may come along, by id.
  Result<void> bring_along(const Call&, std::vector<Upsert>&, std::uint32_t inline_up_to);
  Result<xml::Element> properties(const Call&, View item, const Property&);
  /// The item in that folder whose property has that value; nullopt: none.
  Result<std::optional<Written>> found_by(const Call&, std::string_view folder, const Property&, std::string_view value,
                                          Kind = Kind::mail);
  Result<Folder> folder(const Call&, View id);
  Result<Written> change_categories(const Call&, View item, const FlagDelta&, const std::string& updates);
  Result<Written> send_draft(const Call&, const Written& draft, View file_in, Attempt&);
  /// Of a parent as the Store has it: empty is the root.
  std::string parent(View id) const { return id.empty() ? distinguished("msgfolderroot", who_.shared) : folder_id(id); }

  EwsBackend& backend_;
  const Who who_;
  Roles roles_;
  std::map<Bytes, Bytes> ahead_;  ///< what expect() brought: octets by the Store's id; each is read once
};

/// The item that an answer names. A mail has an empty content_rev: its octets never move.
Written written_of(const xml::Element& item, Kind = Kind::mail);
/// All that the source gives, up to 150 MiB.
Result<std::string> all_of(Source&, const std::string& where);
/// What stands in Items of a response message.
const xml::Element* item_in(const xml::Element& response_message);

}  // namespace tidegate::ews
