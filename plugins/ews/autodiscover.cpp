// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/autodiscover.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/xml/element.hpp"
#include "plugins/ews/faults.hpp"

namespace tidegate::ews {
namespace {

constexpr xml::Limits limits{.octets = 1U << 20, .depth = 32, .attributes = 32, .namespaces = 64};

/// The first element of that name, wherever.
const xml::Element* anywhere(const xml::Element& in, std::string_view local) {
  if (in.local == local) return &in;
  for (const auto& each : in.children)
    if (const auto* found = anywhere(each, local)) return found;
  return nullptr;
}

Result<xml::Element> tree_of(View answer) {
  auto tree = xml::tree(answer, limits);
  if (!tree) return fault(FaultKind::invalid, {}, "An answer of Autodiscover is not readable.", tree.error().text);
  return tree;
}

bool set_ews(Directions& made, std::string_view text) {
  auto url = web::parse_url(text);
  if (!url || url->scheme != "https") return false;
  made.ews = std::move(*url);
  return true;
}

std::string soap_question(const std::string& address, const web::Url& to) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
      "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\""
      " xmlns:a=\"http://schemas.microsoft.com/exchange/2010/Autodiscover\""
      " xmlns:w=\"http://www.w3.org/2005/08/addressing\">"
      "<s:Header><a:RequestedServerVersion>Exchange2013_SP1</a:RequestedServerVersion>"
      "<w:Action>http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings</w:Action>"
      "<w:To>{}</w:To></s:Header><s:Body><a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>{}"
      "</a:Mailbox></a:User></a:Users><a:RequestedSettings><a:Setting>ExternalEwsUrl</a:Setting>"
      "<a:Setting>InternalEwsUrl</a:Setting><a:Setting>GroupingInformation</a:Setting></a:RequestedSettings></"
      "a:Request>"
      "</a:GetUserSettingsRequestMessage></s:Body></s:Envelope>",
      xml::escaped(to.text()), xml::escaped(address));
}

std::string plain_question(const std::string& address) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
      "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\"><Request>"
      "<EMailAddress>{}</EMailAddress><AcceptableResponseSchema>"
      "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>"
      "</Request></Autodiscover>",
      xml::escaped(address));
}

}  // namespace

Result<Directions> read_soap_directions(View answer) {
  auto tree = tree_of(answer);
  if (!tree) return std::unexpected(std::move(tree.error()));
  const auto* user = anywhere(*tree, "UserResponse");
  if (user == nullptr) {
    const auto* whole = anywhere(*tree, "ErrorCode");
    return fault(whole == nullptr ? FaultKind::invalid : FaultKind::unavailable, {},
                 "Autodiscover answered nothing about the mailbox.");
  }
  Directions made;
  const auto code = words(*user, "ErrorCode");
  if (code == "RedirectAddress") made.address = words(*user, "RedirectTarget");
  if (code == "RedirectUrl") made.elsewhere = words(*user, "RedirectTarget");
  made.nobody = code == "InvalidUser" || code == "InvalidDomain";
  if (!made.address.empty() || !made.elsewhere.empty() || made.nobody) return made;
  if (code != "NoError" && !code.empty())
    return fault(FaultKind::unavailable, {}, "Autodiscover could not say where the mailbox is.");
  std::string inside;
  if (const auto* settings = find(*user, "UserSettings")) {
    for (const auto& setting : settings->children) {
      const auto name = words(setting, "Name"), value = words(setting, "Value");
      if (name == "ExternalEwsUrl") set_ews(made, value);
      if (name == "InternalEwsUrl") inside = value;
      if (name == "GroupingInformation") made.group = value;
    }
  }
  if (made.ews.host.empty() && !set_ews(made, inside))
    return fault(FaultKind::unavailable, {}, "Autodiscover names no https address of EWS for the mailbox.");
  return made;
}

Result<Directions> read_plain_directions(View answer) {
  auto tree = tree_of(answer);
  if (!tree) return std::unexpected(std::move(tree.error()));
  Directions made;
  const auto* account = anywhere(*tree, "Account");
  if (account == nullptr) {
    const auto* error = anywhere(*tree, "Error");
    if (error == nullptr) return fault(FaultKind::invalid, {}, "An answer of Autodiscover is not readable.");
    // [MS-OXDSCLI] §2.2.4.1.1.1: 500, the address is not known; 600 and 601, the question is not.
    made.nobody = words(*error, "ErrorCode") == "500";
    if (made.nobody) return made;
    return fault(FaultKind::unavailable, {}, "Autodiscover could not say where the mailbox is.");
  }
  made.address = words(*account, "RedirectAddr");
  made.elsewhere = words(*account, "RedirectUrl");
  if (!made.address.empty() || !made.elsewhere.empty()) return made;
  // EXPR is the way from outside, EXCH from inside, WEB neither.
  for (const std::string_view type : {"EXCH", "EXPR"}) {
    for (const auto& protocol : account->children) {
      if (protocol.local != "Protocol") continue;
      const auto given = words(protocol, "Type").empty() ? protocol.attribute("Type") : words(protocol, "Type");
      if (given != type) continue;
      set_ews(made, words(protocol, "EwsUrl"));
      if (const auto group = words(protocol, "GroupingInformation"); !group.empty()) made.group = group;
    }
  }
  if (made.ews.host.empty())
    return fault(FaultKind::unavailable, {}, "Autodiscover names no https address of EWS for the mailbox.");
  return made;
}

Discovery::Discovery(std::string address, std::function<bool(const std::string& host)> allowed, const web::Url* fixed)
    : allowed_(std::move(allowed)) {
  if (fixed != nullptr) fixed_ = *fixed;
  begin(address);
}

// In the order of Microsoft's "Autodiscover for Exchange": SOAP before plain XML, the redirect at last.
void Discovery::begin(const std::string& address) {
  address_ = address;
  coming_.clear();
  if (fixed_) {
    coming_.push_back({fixed_->path().ends_with(".svc") ? Form::soap : Form::plain, *fixed_});
    return;
  }
  const auto at = address.find('@');
  const auto domain = at == std::string::npos ? std::string() : address.substr(at + 1);
  if (domain.empty() || domain.find_first_of("/:@?# ") != std::string::npos) {
    why_ = "the name is no address of a mailbox";
    return;
  }
  const auto add = [&](Form form, const std::string& scheme, const std::string& host, const char* end) {
    auto url = web::parse_url(scheme + "://" + host + "/autodiscover/autodiscover." + end);
    if (url) coming_.push_back({form, std::move(*url)});
  };
  add(Form::service, "https", domain, "xml");
  add(Form::redirect, "http", "autodiscover." + domain, "xml");
  for (const auto& [form, end] : {std::pair{Form::plain, "xml"}, std::pair{Form::soap, "svc"}})
    for (const auto& host : {"autodiscover." + domain, domain}) add(form, "https", host, end);
}

std::optional<Discovery::Step> Discovery::next() {
  while (!coming_.empty() && asked_ < most) {
    Step step = std::move(coming_.back());
    coming_.pop_back();
    const bool asks_nobody = step.form == Form::redirect || step.form == Form::service;
    if (!asks_nobody && (step.url.scheme != "https" || !allowed_(step.url.host))) {
      why_ = "the host " + step.url.host + " is not one where credentials may go (setting hosts)";
      continue;
    }
    ++asked_;
    if (step.form == Form::soap) step.body = soap_question(address_, step.url);
    if (step.form == Form::plain) step.body = plain_question(address_);
    return step;
  }
  return std::nullopt;
}

void Discovery::go_to(Form form, std::string_view to) {
  auto url = web::parse_url(to);
  if (url)
    coming_.push_back({url->path().ends_with(".svc") ? Form::soap : form == Form::soap ? Form::plain : form, *url});
  else
    why_ = "it was sent on to no address";
}

bool Discovery::answered(const Step& step, unsigned status, View body, View location) {
  if (status / 100 == 3) {
    if (!location.empty()) go_to(step.form == Form::soap ? Form::soap : Form::plain, location);
    return false;
  }
  if (step.form == Form::redirect || step.form == Form::service) return false;
  if (status / 100 != 2) {
    why_ = status == 0 ? step.url.host + " cannot be reached" : fmt::format("{} answered {}", step.url.host, status);
    return false;
  }
  const auto read = step.form == Form::soap ? read_soap_directions(body) : read_plain_directions(body);
  if (!read) {
    why_ = read.error().text;
    return false;
  }
  return take(step, *read);
}

bool Discovery::take(const Step& step, const Directions& read) {
  if (!read.address.empty()) {
    begin(read.address);
  } else if (!read.elsewhere.empty()) {
    go_to(step.form, read.elsewhere);
  } else if (read.nobody) {
    nobody_ = true;
    why_ = "the server knows no such mailbox";
  } else if (!allowed_(read.ews.host)) {
    why_ = "the mailbox is at " + read.ews.host + ", where credentials may not go (setting hosts)";
  } else {
    found_ = read;
    return true;
  }
  return false;
}

}  // namespace tidegate::ews
