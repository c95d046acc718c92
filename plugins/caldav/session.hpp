// SPDX-License-Identifier: Apache-2.0
// A user's calendars and address books: the Store's verbs in terms of DAV. A light handle; connections are the
// back-end's.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/store.hpp"
#include "plugins/caldav/anchor.hpp"
#include "plugins/caldav/backend.hpp"
#include "plugins/caldav/collections.hpp"
#include "plugins/caldav/discovery.hpp"
#include "plugins/caldav/objects.hpp"

namespace tidegate::caldav {

class CaldavSession final : public Session {
 public:
  CaldavSession(CaldavBackend&, Mailbox, std::shared_ptr<const Homes>);  ///< the back-end outlives it

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
  struct Member {  ///< of a collection, as a listing names it
    std::string name, etag;
    std::uint64_t length = 0;
    std::int64_t modified = 0;  ///< Unix time; 0: not known
    bool late = false;          ///< heard of while a listing went on: it has no place in its order
  };
  struct Listing {  ///< what a report or a PROPFIND said
    std::vector<Member> members;
    std::vector<std::string> gone;
    std::string token, date;
    bool truncated = false;
  };
  struct Read {  ///< one resource with its content
    std::string octets, etag, schedule_tag;
    std::int64_t modified = 0;
  };
  struct Pending {              ///< what is to be told of a collection, so that its pages need no new listing
    std::uint64_t expects = 0;  ///< digest of the anchor it goes on from
    Listing all;
    std::size_t at = 0;
    bool full = false;
    bool by_report = false;  ///< a listing may be a report's
    std::string ctag;
    Clock::time_point asked{};
    Clock::duration took{};  ///< of listing it
    std::uint64_t writes = 0;
  };
  /// One call of changes() on a collection.
  struct Turn {
    const Call& call;
    const Want& want;
    Collection collection;
    Anchor anchor;
    Page page;
    Pending* pending = nullptr;
    std::uint32_t told = 0;
    std::uint64_t octets = 0;  ///< of what comes along

    void removed(const std::string& name) { page.changes.emplace_back(Removed{collection.id + name, collection.id}); }
  };

  // session.cpp
  Result<void> in_time(const Call&) const;
  Result<web::Url> url_of(View id) const;
  std::string id_of(const web::Url&) const;
  Result<web::Request> request(std::string method, View id) const;
  Result<web::Response> ask(const Call&, web::Request, web::Sink = {});
  /// A PROPFIND or REPORT; each resource is handed over with its id. Fault of other statuses than 207, `answer` kept.
  struct Asked {
    std::string method, body, depth;
  };
  struct Heard {
    std::string token, date, body;  ///< body: of a refusal
    bool truncated = false;
    unsigned status = 0;
  };
  using Take = std::function<void(std::string id, Resource&&)>;
  Result<Heard> multistatus(const Call&, View id, Asked, std::string_view doing, const Take&, Heard* refused = nullptr);
  Result<Read> get(const Call&, View item, bool cards);
  Result<Read> whole(const Call&, View item);
  Result<Collection> look(const Call&, View collection, bool with_token = true);

  // session_changes.cpp
  Result<Page> tree(const Call&, View anchor);
  Result<Page> of_collection(const Call&, View scope, View anchor, const Want&);
  Result<Collection> state_of(const Call&, View scope, bool with_token);
  /// Whether nothing changed since that anchor; takes a token over into it.
  static bool stands(Anchor&, const Collection&);
  Result<void> collect(Turn&);

  // session_listing.cpp
  static void add_member(const Collection&, std::string id, const Resource&, Listing&);
  Result<Listing> list_members(const Call&, const Collection&);
  Result<std::optional<Listing>> query_members(const Call&, const Collection&);
  Result<Listing> sync(const Call&, const Collection&, const std::string& token, bool& token_lost);
  Result<std::string> first_token(Turn&);
  Result<void> list_all(Turn&);
  Result<void> collect_all(Turn&);
  Result<void> refresh(Turn&);
  Result<void> list_again(Turn&);
  Result<void> give(Turn&);
  void tell(Turn&, const Member&, Read&&);
  void finish(Turn&);

  // session_contents.cpp
  using Contents = std::map<std::string, Result<Read>>;  ///< by id; not there: not asked
  Result<Contents> fetch(const Call&, const Collection&, std::span<const Member>);
  Result<bool> multiget(const Call&, const Collection&, std::span<const std::string> ids, Contents&);

  // session_writing.cpp
  struct Put {
    std::string id, octets;
    Object object;
    std::string if_match;  ///< empty: If-None-Match: *
    std::string if_schedule_tag = {};
  };
  Result<web::Response> put(const Call&, const Put&);
  Result<Written> written(const Call&, const Put&, const web::Response&);
  Result<std::optional<Written>> stored(const Call&, const Put&, bool any_content);
  Result<std::optional<Written>> found_by_uid(const Call&, View folder, const Put&);
  Result<Written> carry(const Call&, View item, const std::string& to);
  Result<Resource> etags(const Call&, View item);
  Result<std::string> matching(const Call&, View item, const Revision&);
  std::unexpected<Fault> changed_meanwhile() const;
  web::Url child(View folder, std::string_view name) const;

  // session_respond.cpp
  Result<bool> schedules(const Call&);
  Result<std::vector<std::string>> addresses(const Call&);

  CaldavBackend& backend_;
  const Mailbox box_;
  const std::shared_ptr<const Homes> homes_;
  std::map<std::string, Collection, std::less<>> known_;   ///< rights and kinds, as last seen
  std::map<std::string, Collection, std::less<>> polled_;  ///< each is used once, soon
  Clock::time_point polled_at_{};
  std::uint64_t polled_writes_ = 0;
  bool multigets_ = true, queries_ = true;                ///< the server has these reports, as far as is known
  std::optional<bool> schedules_;                         ///< RFC 6638; not asked yet
  std::map<std::string, Pending, std::less<>> pendings_;  ///< by scope
};

/// A page that brings contents along ends near this.
inline constexpr std::uint64_t page_octets = 2 * 1024 * 1024;

}  // namespace tidegate::caldav
