// SPDX-License-Identifier: Apache-2.0
// Answers as they come in: SOAP faults, response messages, and what stands in them, by local name and in any order,
// since compatible servers take liberties. Pure; fuzzed.
#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/store.hpp"
#include "core/xml/element.hpp"
#include "plugins/ews/faults.hpp"

namespace tidegate::ews {

/// Who takes the parts of one answer. take() gets each element that was asked for, whole; a part within a part is not
/// told apart.
class Answer {
 public:
  using Take = std::function<Result<void>(xml::Element&&)>;
  /// `wanted`: local names. `octets`: most of one part (names, values and text together).
  /// `beside` hears everything as it comes (a content that is not to be gathered); when it has enough, reading ends.
  Answer(std::vector<std::string_view> wanted, Take take, std::uint64_t octets = 16U << 20,
         xml::Events* beside = nullptr);
  ~Answer();
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  /// False: enough was read, or it is broken (see finish).
  bool feed(std::string_view);
  /// The answer is at its end. Fault invalid, too_large, or what take() said.
  Result<void> finish();
  const std::optional<Trouble>& fault() const { return fault_; }  ///< a SOAP fault came
  bool anything() const { return anything_; }                     ///< an element that was asked for
  void again();                                                   ///< reads another answer, from its beginning

 private:
  struct Inside;
  const std::vector<std::string_view> wanted_;
  const Take take_;
  const std::uint64_t octets_;
  xml::Events* const beside_;
  std::unique_ptr<Inside> inside_;
  std::optional<Trouble> fault_;
  std::optional<Fault> broken_;
  bool anything_ = false, enough_ = false;
};

/// What a page of SyncFolderItems or SyncFolderHierarchy says.
struct SyncPage {
  enum class What : std::uint8_t { created, updated, deleted, read_flag };
  struct Row {
    What what;
    Bytes id = {};              ///< ItemId or FolderId
    std::string kind = {};      ///< local name of the element: Message, CalendarItem, Folder …
    bool read = false;          ///< of read_flag
    xml::Element element = {};  ///< of a folder: all of it
  };
  std::vector<Row> rows = {};
  Bytes state = {};
  bool last = false;  ///< IncludesLastItemInRange, IncludesLastFolderInRange
  std::optional<Trouble> trouble = {};
};

/// Takes the parts of such a page: give it to an Answer that wants `names`.
class SyncParts {
 public:
  static std::vector<std::string_view> names();
  Result<void> take(xml::Element&&);
  Result<SyncPage> page(const std::string& where);  ///< when all came; Fault: what was troublesome, or nothing came

 private:
  SyncPage page_;
  Trouble said_;
  bool stated_ = false;
};

/// A stream's or poll's events: which folders of which subscription may have changed.
struct Notices {
  struct Of {
    Bytes subscription;
    std::vector<Bytes> folders;  ///< of items
    bool tree = false;           ///< a folder came, went, or was renamed
  };
  std::vector<Of> of = {};
  std::vector<Bytes> lost = {};  ///< ErrorSubscriptionIds
  bool closed = false;           ///< ConnectionStatus
  std::optional<Trouble> trouble = {};
};
Notices notices_in(const xml::Element& response_message);

/// Cuts an endless body into whole envelopes, wherever its pieces end. Bounded.
class Envelopes {
 public:
  /// False: it is broken, or one envelope is longer than `most`.
  bool feed(std::string_view piece, const std::function<bool(std::string_view envelope)>& take);
  explicit Envelopes(std::size_t most) : most_(most) {}

 private:
  const std::size_t most_;
  std::string held_;
  std::size_t looked_ = 0;
};

}  // namespace tidegate::ews
