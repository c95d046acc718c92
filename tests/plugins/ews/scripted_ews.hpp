// SPDX-License-Identifier: Apache-2.0
// A session of the plugin with a scripted EWS server, and what such servers say.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "plugins/ews/backend.hpp"
#include "plugins/ews/session.hpp"
#include "tests/core/tls/certificates.hpp"
#include "tests/peers/scripted_http.hpp"
#include "tests/plugins/imap/store_host.hpp"

namespace tidegate::ews {

using imap::TestHost;
using imap::within;
using peers::HttpStep;
using peers::ScriptedHttp;

inline std::string soap(const std::string& body) {
  return "<?xml version='1.0'?><s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' "
         "xmlns:m='http://schemas.microsoft.com/exchange/services/2006/messages' "
         "xmlns:t='http://schemas.microsoft.com/exchange/services/2006/types'><s:Body>" +
         body + "</s:Body></s:Envelope>";
}
/// One response message that went well.
inline std::string good(const std::string& operation, const std::string& content = "") {
  return fmt::format(
      "<m:{0}ResponseMessage "
      "ResponseClass='Success'><m:ResponseCode>NoError</m:ResponseCode>{1}</m:{0}ResponseMessage>",
      operation, content);
}
inline std::string bad(const std::string& operation, const std::string& code, const std::string& values = "") {
  return fmt::format(
      "<m:{0}ResponseMessage "
      "ResponseClass='Error'><m:MessageText>no</m:MessageText><m:ResponseCode>{1}</m:ResponseCode>"
      "<m:MessageXml>{2}</m:MessageXml></m:{0}ResponseMessage>",
      operation, code, values);
}
inline std::string value(const std::string& name, const std::string& text) {
  return fmt::format("<t:Value Name='{}'>{}</t:Value>", name, text);
}
/// A request of that operation, and the response messages to it. `holds`: what else must stand in the request.
inline HttpStep said(const std::string& operation, const std::string& messages, std::vector<std::string> holds = {}) {
  holds.push_back("<m:" + operation);
  return {.hear = "POST /EWS/Exchange.asmx",
          .holds = std::move(holds),
          .body = soap(fmt::format("<m:{0}Response><m:ResponseMessages>{1}</m:ResponseMessages></m:{0}Response>",
                                   operation, messages))};
}
inline HttpStep soap_fault(const std::string& operation, const std::string& code, const std::string& values = "") {
  return {.hear = "POST /EWS/Exchange.asmx",
          .holds = {"<m:" + operation},
          .status = 500,
          .body = soap(fmt::format("<s:Fault><faultcode>s:Server</faultcode><faultstring>no</faultstring><detail>"
                                   "<e:ResponseCode xmlns:e='urn:e'>{}</e:ResponseCode><t:MessageXml>{}</t:MessageXml>"
                                   "</detail></s:Fault>",
                                   code, values))};
}
inline std::string folder(const std::string& id, const std::string& element = "Folder") {
  return good("GetFolder", fmt::format("<m:Folders><t:{0}><t:FolderId Id='{1}'/></t:{0}></m:Folders>", element, id));
}
/// What a session asks when it is opened.
inline HttpStep folders() {
  return said("GetFolder",
              folder("root") + folder("inbox") + folder("sent") + folder("drafts") + folder("trash") + folder("junk"));
}
inline std::string item(const std::string& id, const std::string& element = "Message", const std::string& more = "") {
  return good("GetItem", fmt::format("<m:Items><t:{0}><t:ItemId Id='{1}' ChangeKey='k-{1}'/>{2}</t:{0}></m:Items>",
                                     element, id, more));
}
inline std::string page(const std::string& changes, bool last = true, const std::string& state = "S1") {
  return good("SyncFolderItems",
              fmt::format("<m:SyncState>{}</m:SyncState><m:IncludesLastItemInRange>{}</m:IncludesLastItemInRange>"
                          "<m:Changes>{}</m:Changes>",
                          state, last, changes));
}
inline std::string created(const std::string& id, const std::string& element = "Message") {
  return fmt::format("<t:Create><t:{0}><t:ItemId Id='{1}' ChangeKey='k'/></t:{0}></t:Create>", element, id);
}

struct OnScript {
  using Values = std::vector<std::pair<std::string, std::string>>;
  explicit OnScript(std::vector<HttpStep> script, Values more = {},
                    const Mailbox& box = {"ann@x.org", "ann@x.org", "ann@x.org"})
      : files(certificates.issue()), server(opened(std::move(script)), {files.certificate, files.key}) {
    Values values{{"url", server.url("/EWS/Exchange.asmx")},
                  {"ca_file", certificates.ca_file()},
                  {"admin", "gw"},
                  {"proxy", "none"}};
    for (auto& [key, text] : more) {
      std::erase_if(values, [&](const auto& each) { return each.first == key; });
      values.emplace_back(key, text);
    }
    auto settings = parse_settings(values);
    EXPECT_TRUE(settings) << settings.error().text;
    backend = std::make_unique<EwsBackend>(host, std::move(*settings));
    auto made = backend->open(within(), box);
    EXPECT_TRUE(made) << made.error().text << made.error().cause << server.verdict();
    if (made) session = std::move(*made);
  }
  static std::vector<HttpStep> opened(std::vector<HttpStep> script) {
    script.insert(script.begin(), folders());
    return script;
  }
  Result<Page> changes(const Bytes& scope = "inbox", const Bytes& anchor = {}) {
    return session->changes(within(std::chrono::minutes(5)), scope, anchor, {500, 0, {}});
  }

  TestHost host;
  tests::Certificates certificates;
  const tests::Certificates::Files files;
  ScriptedHttp server;
  std::unique_ptr<EwsBackend> backend;
  std::unique_ptr<Session> session;
};

/// "+id" for an upsert, "-id" for a removal, "." for Listed; blanks between.
inline std::string told(const Result<Page>& page) {
  if (!page) return fmt::format("{}: {} {}", to_string(page.error().kind), page.error().text, page.error().cause);
  std::string made;
  for (const auto& change : page->changes) {
    if (!made.empty()) made += ' ';
    if (const auto* upsert = std::get_if<Upsert>(&change)) made += "+" + upsert->id;
    if (const auto* removed = std::get_if<Removed>(&change)) made += "-" + removed->id;
    if (std::holds_alternative<Listed>(change)) made += ".";
  }
  return made;
}

inline Source source_of(std::string octets) {
  return [octets = std::move(octets), at = std::size_t{0}](std::span<std::byte> into) mutable {
    const auto size = std::min(into.size(), octets.size() - at);
    std::copy_n(std::as_bytes(std::span(octets)).begin() + static_cast<std::ptrdiff_t>(at), size, into.begin());
    at += size;
    return size;
  };
}

}  // namespace tidegate::ews
