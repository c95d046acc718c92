// SPDX-License-Identifier: Apache-2.0
// vCards: 2.1 is read, 3.0 (RFC 2426) and 4.0 (RFC 6350) are read and written. Every property, parameter and group is
// kept, known or not, and the order of them; what is not changed is written back to the octet. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/pim/component.hpp"

namespace tidegate::pim {

enum class CardVersion : std::uint8_t { v2_1, v3_0, v4_0 };

class Card {
 public:
  /// One card. Faults: invalid, naming the line (no VERSION, not one card); too_large.
  static Result<Card> parse(View octets, const Limits& = {});
  /// All cards of a stream.
  static Result<std::vector<Card>> parse_all(View octets, const Limits& = {});

  CardVersion version() const { return version_; }
  const Component& component() const { return card_; }
  Component& component() { return card_; }
  Bytes octets() const { return card_.octets(); }

  std::string uid() const;                   ///< without `urn:uuid:`; empty: none
  std::string name() const;                  ///< FN, else what N and ORG make
  bool group() const;                        ///< KIND:group, or Apple's X-ADDRESSBOOKSERVER-KIND
  std::vector<std::string> members() const;  ///< as uid() says them; MEMBER, or Apple's X-ADDRESSBOOKSERVER-MEMBER
  std::vector<std::string> categories() const;

  struct Entry {
    std::string value;               ///< as meant, UTF-8
    std::vector<std::string> types;  ///< upper case, without PREF; however they were written
    bool preferred = false;
    std::string label;  ///< Apple's X-ABLabel of the same group; empty: none
    const Line* line;
  };
  std::vector<Entry> entries(std::string_view property) const;  ///< TEL, EMAIL, ADR, URL …, in order

  struct Photo {
    std::string type;  ///< `image/jpeg`; empty: not said
    Bytes octets;      ///< or …
    std::string uri;   ///< … where it lies
  };
  std::optional<Photo> photo() const;
  void set_photo(const Photo&);  ///< as the version wants it

  /// Value of a line as meant: quoted-printable and charsets of 2.1, escapes.
  std::string text(const Line&) const;
  /// The same of a structured value (N, ADR, ORG): the fields between semicolons.
  std::vector<std::string> fields(const Line&) const;

  /// As a card of that version: 2.1's codes become UTF-8 and escapes, TYPEs, photos, kinds and members are told in the
  /// version's own way. What has no other form there stays. Not to 2.1.
  Card as(CardVersion) const;

 private:
  std::string coded(const Line&) const;

  Component card_;
  CardVersion version_ = CardVersion::v3_0;
};

/// What it means, as octets: two cards with the same mean the same, in whatever order, folds, case and version-neutral
/// spelling of types. PRODID and REV make no difference.
Bytes canonical(const Card&);
inline bool same_meaning(const Card& a, const Card& b) { return canonical(a) == canonical(b); }

}  // namespace tidegate::pim
