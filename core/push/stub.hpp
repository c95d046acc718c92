// SPDX-License-Identifier: Apache-2.0
// A mail without what makes it large (docs/wire.md §8.6; design: end to end): its own header block, its text part, a
// calendar object that stands beside it (RFC 6047: what it invites to can be answered without the rest), and
// one message/external-body part (RFC 2046 §5.2.3) that says what was left out and how to get it. Where the mail is no
// multipart there can be no such part: its text is cut, and the note stands below it. What cannot be made sense of
// becomes header and note. Pure: octets in, octets out; the same mail always gives the same stub. Bounded memory.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/e2e/sync.hpp"
#include "core/mime/part_header.hpp"

namespace tidegate::push {

class Stub {
 public:
  /// `always`: whatever is in it; else only if it has attachments.
  Stub(const e2e::Gid& gid, bool always) : gid_(gid), always_(always) {}

  void add(tidegate::View octets);  ///< the mail's next ones, from the first on
  std::uint64_t seen() const noexcept { return seen_; }
  bool enough() const noexcept { return enough_; }  ///< nothing behind would change the stub

  /// `size`: of the whole mail. None: it is to be sent whole (no attachments, or a stub would save nothing).
  std::optional<Bytes> finish(std::uint64_t size);

  static constexpr std::size_t header_most = std::size_t{96} << 10;   ///< of the header block that is kept
  static constexpr std::size_t text_most = std::size_t{64} << 10;     ///< of the text that is kept
  static constexpr std::uint64_t look_most = std::uint64_t{4} << 20;  ///< how far attachments are looked for by name

 private:
  enum class State { header, leaf, part_header, part_body, outside };
  struct Kept {  ///< a text that may be the one
    Bytes header, body;
    bool found = false, cut = false;
  };
  struct LeftOut {
    std::string type, name;
    std::uint64_t octets = 0;  ///< as in the mail
    bool base64 = false, whole = false;
  };

  void take(tidegate::View line, bool begins);
  bool delimiter(tidegate::View line);
  void header_line(tidegate::View line, bool begins, Bytes& header, std::size_t most);
  void begin_part();
  void end_part();
  void text_line(Kept&, tidegate::View line);
  Bytes note(std::uint64_t size, tidegate::View begin, tidegate::View mark) const;
  Bytes as_part(std::uint64_t size) const;
  Bytes as_leaf(std::uint64_t size) const;

  e2e::Gid gid_;
  bool always_;
  State state_ = State::header;
  std::uint64_t seen_ = 0;
  Bytes line_;               ///< not whole yet
  bool line_begins_ = true;  ///< what is in line_ stands at the beginning of one
  bool enough_ = false, header_cut_ = false, attachments_ = false;
  Bytes header_, part_header_;
  mime::PartHeader top_, part_;
  tidegate::View eol_ = "\r\n";
  std::vector<std::string> boundaries_;  ///< from the outermost in
  Kept plain_, html_, calendar_;
  Kept* keeping_ = nullptr;
  std::vector<LeftOut> left_out_;
  std::uint64_t more_left_out_ = 0;  ///< beyond those that are named
};

}  // namespace tidegate::push
