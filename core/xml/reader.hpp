// SPDX-License-Identifier: Apache-2.0
// XML from a server that may be hostile, as events while it comes in: pieces in, elements and text out, names as
// (namespace, local name), nothing kept. Pure; one thread at a time.
// Refused, as `invalid`: DOCTYPE (so entities but the five of XML), deep nesting, large tags, many attributes or
// namespaces, a document over its size, encodings that do not have ASCII at its place (docs/decisions/0043).
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/sdk/fault.hpp"

namespace tidegate::xml {

struct Limits {
  std::uint64_t octets = 64 * 1024 * 1024;  ///< of the document, as it comes; text is handed on, never gathered
  std::uint32_t depth = 64;                 ///< elements one in another
  std::uint32_t attributes = 64;            ///< of one element
  std::uint32_t namespaces = 256;           ///< declared by the elements around one place
  std::uint32_t tag = 64 * 1024;            ///< octets between < and >
};

/// A name with its namespace resolved; the prefix is nobody's business. uri empty: in no namespace.
struct Name {
  std::string_view uri, local;
  bool operator==(const Name&) const = default;
};

struct Attribute {
  Name name;
  std::string_view value;  ///< references resolved
};

/// What a document says, in its order. All views end with the call. False: enough, the rest is not read.
class Events {
 public:
  virtual bool start(const Name&, std::span<const Attribute>) = 0;
  virtual bool text(std::string_view) = 0;  ///< a piece; what stands together may come in several. CDATA is text
  virtual bool end(const Name&) = 0;

 protected:
  ~Events() = default;
};

class Reader {
 public:
  explicit Reader(Events&, const Limits& = {});
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// The next octets, cut anywhere. False: an event had enough. Fault invalid, too_large (Limits::octets): the same
  /// from then on.
  Result<bool> feed(std::string_view);
  /// The document is at its end. Fault invalid: it is not whole.
  Result<void> finish();

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

/// A document that is there as a whole.
Result<void> read(std::string_view document, Events&, const Limits& = {});

/// For text and attribute values of a document of ours, in UTF-8. What XML cannot carry becomes U+FFFD.
std::string escaped(std::string_view);

}  // namespace tidegate::xml
