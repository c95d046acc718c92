// SPDX-License-Identifier: Apache-2.0
#include "core/xml/reader.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "core/xml/tags.hpp"

namespace tidegate::xml {
namespace {

constexpr std::size_t piece = 16 * 1024;

std::string_view view(const xmlChar* text) {
  return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
}

Fault broken(std::string cause) {
  return {FaultKind::invalid, {}, "The server's answer is not the XML it should be.", std::move(cause), {}};
}

}  // namespace

struct Reader::Inside {
  Inside(Events& events, const Limits& limits) : events_(events), limits_(limits), tags_(limits.tag) {
    xmlInitParser();
    xmlSAXHandler sax{};
    sax.initialized = XML_SAX2_MAGIC;
    sax.startElementNs = &Inside::start;
    sax.endElementNs = &Inside::end;
    sax.characters = &Inside::text;
    sax.ignorableWhitespace = &Inside::text;
    sax.cdataBlock = &Inside::text;
    sax.internalSubset = &Inside::doctype;
    sax.getEntity = [](void*, const xmlChar* name) { return xmlGetPredefinedEntity(name); };
    sax.serror = [](void*, xmlErrorPtr) {};  // else libxml2 writes to stderr
    context_ = xmlCreatePushParserCtxt(&sax, this, nullptr, 0, nullptr);
    if (context_ != nullptr) xmlCtxtUseOptions(context_, XML_PARSE_NONET);
  }
  ~Inside() {
    if (context_ == nullptr) return;
    if (context_->myDoc != nullptr) xmlFreeDoc(context_->myDoc);
    xmlFreeParserCtxt(context_);
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  Result<bool> feed(std::string_view octets) {
    while (!octets.empty() && going()) {
      const auto part = octets.substr(0, piece);
      octets.remove_prefix(part.size());
      octets_ += part.size();
      if (octets_ > limits_.octets) {
        fault_ = Fault{FaultKind::too_large, {}, "The server's answer is larger than is read here.", {}, {}};
      } else if (const char* wrong = tags_.look(part)) {
        fault_ = broken(std::string(wrong) + where());
      } else {
        parse(part, false);
      }
    }
    return state();
  }

  Result<void> finish() {
    if (going()) parse({}, true);
    if (going() && !closed_) fault_ = broken("it ends too early" + where());
    if (auto done = state(); !done) return std::unexpected(std::move(done.error()));
    return {};
  }

 private:
  static Inside& self(void* user) { return *static_cast<Inside*>(user); }
  bool going() const { return !fault_ && !enough_; }
  Result<bool> state() const {
    if (fault_) return std::unexpected(*fault_);
    return !enough_;
  }
  /// No word of the document itself.
  std::string where() const {
    const int line = context_ == nullptr || context_->input == nullptr ? 0 : context_->input->line;
    return ", near line " + std::to_string(line);
  }

  void parse(std::string_view part, bool last) {
    if (context_ == nullptr) {
      fault_ = broken("memory is short");
      return;
    }
    const int result = xmlParseChunk(context_, part.data(), static_cast<int>(part.size()), last ? 1 : 0);
    // Warnings and errors of validity and namespaces leave it well-formed; an unknown prefix does not pass.
    const bool bad = context_->wellFormed == 0 || context_->nsWellFormed == 0;
    if (bad && going()) fault_ = broken("libxml2 says " + std::to_string(result) + where());
  }

  void stop() { xmlStopParser(context_); }
  void refuse(const char* why) {
    if (going()) fault_ = broken(why + where());
    stop();
  }
  void heard(bool more) {
    if (more) return;
    enough_ = true;
    stop();
  }

  static void doctype(void* user, const xmlChar*, const xmlChar*, const xmlChar*) { self(user).refuse("a DOCTYPE"); }

  static void start(void* user, const xmlChar* local, const xmlChar*, const xmlChar* uri, int namespaces,
                    const xmlChar**, int attributes, int, const xmlChar** values) {
    auto& me = self(user);
    if (!me.going()) return;
    const auto count = static_cast<std::uint32_t>(attributes);
    me.open_.push_back(static_cast<std::uint32_t>(namespaces));
    me.namespaces_ += static_cast<std::uint32_t>(namespaces);
    if (me.open_.size() > me.limits_.depth) return me.refuse("elements too deep in each other");
    if (count > me.limits_.attributes) return me.refuse("too many attributes");
    if (me.namespaces_ > me.limits_.namespaces) return me.refuse("too many namespaces");
    me.attributes_.clear();
    me.unescaped_.clear();
    me.unescaped_.reserve(count);  // views point into it
    for (std::uint32_t at = 0; at < count; ++at, values += 5) {
      const auto* from = reinterpret_cast<const char*>(values[3]);
      const auto* to = reinterpret_cast<const char*>(values[4]);
      me.attributes_.push_back(
          {{view(values[2]), view(values[0])}, me.plain({from, static_cast<std::size_t>(to - from)})});
    }
    me.heard(me.events_.start({view(uri), view(local)}, me.attributes_));
  }

  /// libxml2 leaves the ampersand of a value as &#38; while it is told to replace no entities.
  std::string_view plain(std::string_view value) {
    constexpr std::string_view mark = "&#38;";
    auto at = value.find(mark);
    if (at == value.npos) return value;
    std::string made;
    for (; at != value.npos; at = value.find(mark)) {
      made.append(value.substr(0, at)) += '&';
      value.remove_prefix(at + mark.size());
    }
    made.append(value);
    unescaped_.push_back(std::move(made));
    return unescaped_.back();
  }

  static void text(void* user, const xmlChar* from, int length) {
    auto& me = self(user);
    if (!me.going()) return;
    me.heard(me.events_.text({reinterpret_cast<const char*>(from), static_cast<std::size_t>(length)}));
  }

  static void end(void* user, const xmlChar* local, const xmlChar*, const xmlChar* uri) {
    auto& me = self(user);
    if (!me.going()) return;
    me.namespaces_ -= me.open_.back();
    me.open_.pop_back();
    me.closed_ = me.open_.empty();
    me.heard(me.events_.end({view(uri), view(local)}));
  }

  Events& events_;
  const Limits limits_;
  Tags tags_;
  xmlParserCtxtPtr context_ = nullptr;
  std::uint64_t octets_ = 0;
  std::vector<std::uint32_t> open_;  ///< of each element: how many namespaces it declares
  std::uint32_t namespaces_ = 0;
  std::vector<Attribute> attributes_;
  std::vector<std::string> unescaped_;
  bool enough_ = false, closed_ = false;
  std::optional<Fault> fault_;
};

Reader::Reader(Events& events, const Limits& limits) : inside_(std::make_unique<Inside>(events, limits)) {}
Reader::~Reader() = default;
Result<bool> Reader::feed(std::string_view octets) { return inside_->feed(octets); }
Result<void> Reader::finish() { return inside_->finish(); }

Result<void> read(std::string_view document, Events& events, const Limits& limits) {
  Reader reader(events, limits);
  if (auto fed = reader.feed(document); !fed) return std::unexpected(std::move(fed.error()));
  return reader.finish();
}

namespace {

/// Length of a well-formed UTF-8 character that XML 1.0 §2.2 allows, at the front; 0: there is none.
std::size_t character(std::string_view text) {
  const auto at = [&](std::size_t index) { return static_cast<unsigned char>(index < text.size() ? text[index] : 0); };
  const auto goes_on = [&](std::size_t index) { return (at(index) & 0xC0) == 0x80; };
  if (at(0) < 0x80) return at(0) >= 0x20 || at(0) == '\t' || at(0) == '\n' || at(0) == '\r' ? 1 : 0;
  if (at(0) >= 0xC2 && at(0) < 0xE0) return goes_on(1) ? 2 : 0;
  if (at(0) >= 0xE0 && at(0) < 0xF0) {
    const unsigned code = (at(0) & 0x0FU) << 12 | (at(1) & 0x3FU) << 6 | (at(2) & 0x3FU);
    const bool fine = code >= 0x800 && (code < 0xD800 || code > 0xDFFF) && code < 0xFFFE;
    return goes_on(1) && goes_on(2) && fine ? 3 : 0;
  }
  if (at(0) >= 0xF0 && at(0) < 0xF5) {
    const unsigned code = (at(0) & 0x07U) << 18 | (at(1) & 0x3FU) << 12 | (at(2) & 0x3FU) << 6 | (at(3) & 0x3FU);
    return goes_on(1) && goes_on(2) && goes_on(3) && code >= 0x10000 && code < 0x110000 ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string made;
  made.reserve(text.size());
  while (!text.empty()) {
    const auto length = character(text);
    const char c = text.front();
    if (length == 0)
      made += "\xEF\xBF\xBD";
    else if (c == '&')
      made += "&amp;";
    else if (c == '<')
      made += "&lt;";
    else if (c == '>')
      made += "&gt;";
    else if (c == '"')
      made += "&quot;";
    else if (c == '\r')
      made += "&#13;";  // else a line end (XML 1.0 §2.11)
    else
      made.append(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return made;
}

}  // namespace tidegate::xml
