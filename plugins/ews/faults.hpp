// SPDX-License-Identifier: Apache-2.0
// What a server's ResponseCode means to the Store. Pure. [MS-OXWSCDATA] §2.2.5.24
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/sdk/fault.hpp"
#include "core/xml/element.hpp"

namespace tidegate::ews {

/// What a response message or a SOAP fault says.
struct Trouble {
  std::string code = {};                                         ///< "ErrorServerBusy"; empty: none was given
  std::string text = {};                                         ///< the server's own words: for the log
  std::vector<std::pair<std::string, std::string>> values = {};  ///< of MessageXml

  std::string_view value(std::string_view name) const;
  /// The code that decides: an inner one, where the outer only says "internal".
  std::string_view deciding() const;
  /// BackOffMilliseconds, at most an hour.
  std::optional<std::chrono::milliseconds> back_off() const;
};

/// nullopt: it is a success, or a warning (which has its content).
std::optional<Trouble> trouble_of(const xml::Element& response_message);
/// A SOAP fault: the code from detail/ResponseCode, or else from faultcode.
Trouble trouble_of_fault(const xml::Element& fault);
/// Name and text of each Value of a MessageXml.
void take_values(const xml::Element& message_xml, Trouble&);

FaultKind kind_of(std::string_view code);
Fault fault_of(const Trouble&, const std::string& where);

/// The server does not speak the schema's version that was asked for: an older one may be right.
bool wants_older_schema(std::string_view code);

/// The first child of that local name, in whatever namespace: compatible servers take liberties.
const xml::Element* find(const xml::Element&, std::string_view local);
const xml::Element* find(const xml::Element&, std::initializer_list<std::string_view> path);
/// Its text without blanks around it; empty: there is no such child.
std::string_view words(const xml::Element&, std::string_view local);
bool truth(std::string_view);  ///< xs:boolean

}  // namespace tidegate::ews
