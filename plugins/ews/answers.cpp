// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/answers.hpp"

#include <algorithm>

namespace tidegate::ews {
namespace {

// Who is that deep and that broad is no answer of EWS.
constexpr xml::Limits limits{.octets = 512U << 20, .depth = 48, .attributes = 32, .namespaces = 64};

}  // namespace

struct Answer::Inside final : xml::Events {
  explicit Inside(Answer& of)
      : answer(of),
        elements(
            [&of](const xml::Name& name) {
              return name.local == "Fault" || std::ranges::find(of.wanted_, name.local) != of.wanted_.end();
            },
            [&of](xml::Element&& element) {
              if (element.local == "Fault" && std::ranges::find(of.wanted_, "Fault") == of.wanted_.end()) {
                of.fault_ = trouble_of_fault(element);
                return true;
              }
              of.anything_ = true;
              if (auto taken = of.take_(std::move(element)); !taken) of.broken_ = std::move(taken.error());
              return !of.broken_;
            },
            of.octets_),
        reader(*this, limits) {}
  bool start(const xml::Name& name, std::span<const xml::Attribute> attributes) override {
    return heard(answer.beside_ == nullptr || answer.beside_->start(name, attributes)) &&
           elements.start(name, attributes);
  }
  bool text(std::string_view piece) override {
    return heard(answer.beside_ == nullptr || answer.beside_->text(piece)) && elements.text(piece);
  }
  bool end(const xml::Name& name) override {
    return heard(answer.beside_ == nullptr || answer.beside_->end(name)) && elements.end(name);
  }
  bool heard(bool more) {
    answer.enough_ |= !more;
    return more;
  }
  Answer& answer;
  xml::Elements elements;
  xml::Reader reader;
};

Answer::Answer(std::vector<std::string_view> wanted, Take take, std::uint64_t octets, xml::Events* beside)
    : wanted_(std::move(wanted)),
      take_(std::move(take)),
      octets_(octets),
      beside_(beside),
      inside_(std::make_unique<Inside>(*this)) {}
Answer::~Answer() = default;

void Answer::again() {
  inside_ = std::make_unique<Inside>(*this);
  fault_.reset();
  broken_.reset();
  anything_ = enough_ = false;
}

bool Answer::feed(std::string_view piece) {
  if (broken_) return false;
  const auto more = inside_->reader.feed(piece);
  if (!more && !broken_) broken_ = more.error();
  if (inside_->elements.oversize() && !broken_)
    broken_ =
        Fault{FaultKind::too_large, {}, "One part of the Exchange server's answer is longer than is taken.", {}, {}};
  return !broken_ && *more;
}

Result<void> Answer::finish() {
  if (!broken_ && !enough_)
    if (auto whole = inside_->reader.finish(); !whole) broken_ = std::move(whole.error());
  if (broken_) return std::unexpected(*broken_);
  return {};
}

std::vector<std::string_view> SyncParts::names() {
  return {"ResponseCode",
          "MessageText",
          "MessageXml",
          "SyncState",
          "IncludesLastItemInRange",
          "IncludesLastFolderInRange",
          "Create",
          "Update",
          "Delete",
          "ReadFlagChange"};
}

Result<void> SyncParts::take(xml::Element&& part) {
  using What = SyncPage::What;
  if (part.local == "ResponseCode") {
    said_.code = part.trimmed();
  } else if (part.local == "MessageText") {
    said_.text = part.trimmed();
  } else if (part.local == "MessageXml") {
    take_values(part, said_);
  } else if (part.local == "SyncState") {
    page_.state = part.trimmed();
    stated_ = true;
  } else if (part.local.starts_with("IncludesLast")) {
    page_.last = truth(part.trimmed());
  } else {
    SyncPage::Row row{.what = part.local == "Create"   ? What::created
                              : part.local == "Update" ? What::updated
                              : part.local == "Delete" ? What::deleted
                                                       : What::read_flag};
    const bool direct = row.what == What::deleted || row.what == What::read_flag;
    if (part.children.empty()) return {};
    auto& holder = direct ? part : part.children.front();
    const auto* id = find(holder, "ItemId");
    if (id == nullptr) id = find(holder, "FolderId");
    if (id == nullptr || id->attribute("Id").empty()) return {};  // nothing that could be named
    row.id = id->attribute("Id");
    if (row.what == What::read_flag) row.read = truth(words(part, "IsRead"));
    if (!direct) {
      row.kind = holder.local;
      row.element = std::move(part.children.front());
    }
    page_.rows.push_back(std::move(row));
  }
  return {};
}

Result<SyncPage> SyncParts::page(const std::string& where) {
  if (!said_.code.empty() && said_.code != "NoError") return std::unexpected(fault_of(said_, where));
  if (!stated_ || page_.state.empty())
    return tidegate::fault(FaultKind::invalid, where, "The Exchange server's answer has no SyncState.");
  return std::move(page_);
}

Notices notices_in(const xml::Element& message) {
  Notices made{.trouble = trouble_of(message)};
  for (const auto& part : message.children) {
    if (part.local == "ConnectionStatus") made.closed = part.trimmed() == "Closed";
    if (part.local == "ErrorSubscriptionIds")
      for (const auto& id : part.children) made.lost.emplace_back(id.trimmed());
    if (part.local != "Notifications" && part.local != "Notification") continue;
    const auto one = [&](const xml::Element& notification) {
      Notices::Of of{.subscription = Bytes(words(notification, "SubscriptionId")), .folders = {}};
      for (const auto& event : notification.children) {
        if (!event.local.ends_with("Event") || event.local == "StatusEvent") continue;
        if (find(event, "FolderId") != nullptr) of.tree = true;
        if (find(event, "ItemId") == nullptr) continue;
        for (const auto* name : {"ParentFolderId", "OldParentFolderId"}) {
          const auto* folder = find(event, name);
          if (folder == nullptr || folder->attribute("Id").empty()) continue;
          if (std::ranges::find(of.folders, folder->attribute("Id")) == of.folders.end())
            of.folders.emplace_back(folder->attribute("Id"));
        }
      }
      if (of.tree || !of.folders.empty()) made.of.push_back(std::move(of));
    };
    if (part.local == "Notification") one(part);
    for (const auto& each : part.children)
      if (each.local == "Notification") one(each);
  }
  return made;
}

// An envelope ends with </…:Envelope>: in well-formed XML these characters stand nowhere else (< is escaped in text and
// values; comments and CDATA, which could hold them, no server sends, and a reader refuses what is cut short by them).
bool Envelopes::feed(std::string_view piece, const std::function<bool(std::string_view)>& take) {
  held_ += piece;
  constexpr std::string_view name = "Envelope>";
  for (;;) {
    const auto at = held_.find(name, looked_);
    if (at == std::string::npos) {
      looked_ = held_.size() < name.size() ? 0 : held_.size() - name.size() + 1;
      return held_.size() <= most_;
    }
    const auto end = at + name.size();
    const auto open = held_.rfind('<', at);
    if (open == std::string::npos || held_[open + 1] != '/') {
      looked_ = end;
      continue;
    }
    // No white space may stand before an XML declaration.
    const auto begin = std::min(held_.find('<'), end);
    if (!take(std::string_view(held_).substr(begin, end - begin))) return false;
    held_.erase(0, end);
    looked_ = 0;
  }
}

}  // namespace tidegate::ews
