// SPDX-License-Identifier: Apache-2.0
// A large answer of SyncFolderItems into changes, beside the XML library's bare reader on the same octets in the same
// run. Counter `mb_s` is octets of the answer per second, in 10^6.
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <libxml/xmlreader.h>

#include "plugins/ews/answers.hpp"

namespace {

using namespace tidegate;

/// 512 changes, the most that a page may have, ids as long as Exchange's, some of each kind.
const std::string& answer() {
  static const std::string made = [] {
    std::string changes;
    for (int i = 0; i < 512; ++i) {
      const auto id = fmt::format("AAMkADk1{:0>130}AAA=", i * 7919);
      const auto ids = fmt::format("<t:ItemId Id=\"{}\" ChangeKey=\"CQAAABYAAAD{:0>20}\"/>", id, i);
      if (i % 8 == 0)
        changes += "<t:Delete>" + ids + "</t:Delete>";
      else if (i % 8 == 1)
        changes += "<t:ReadFlagChange>" + ids + "<t:IsRead>true</t:IsRead></t:ReadFlagChange>";
      else
        changes += fmt::format("<t:{0}><t:Message>{1}</t:Message></t:{0}>", i % 8 < 4 ? "Update" : "Create", ids);
    }
    return "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\""
           " xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\""
           " xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><s:Header><t:ServerVersionInfo "
           "MajorVersion=\"15\""
           " MinorVersion=\"2\"/></"
           "s:Header><s:Body><m:SyncFolderItemsResponse><m:ResponseMessages><m:SyncFolderItemsResponseMessage"
           " ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode><m:SyncState>" +
           std::string(4000, 'H') +
           "</m:SyncState><m:IncludesLastItemInRange>false</m:IncludesLastItemInRange><m:Changes>" + changes +
           "</m:Changes></m:SyncFolderItemsResponseMessage></m:ResponseMessages></m:SyncFolderItemsResponse></s:Body></"
           "s:Envelope>";
  }();
  return made;
}

constexpr std::size_t piece = 16 * 1024;  // as they come from the network

void report(benchmark::State& state) {
  state.counters["mb_s"] =
      benchmark::Counter(static_cast<double>(answer().size()) * static_cast<double>(state.iterations()) / 1e6,
                         benchmark::Counter::kIsRate);
}

void mb_s(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    ews::SyncParts parts;
    ews::Answer reader(ews::SyncParts::names(), [&parts](xml::Element&& part) { return parts.take(std::move(part)); });
    for (std::size_t at = 0; at < answer().size(); at += piece)
      reader.feed(std::string_view(answer()).substr(at, piece));
    const auto page = reader.finish() ? parts.page("bench") : Result<ews::SyncPage>(std::unexpected(Fault{}));
    if (!page || page->rows.size() != 512) state.SkipWithError("not all of it was read");
  }
  report(state);
}
BENCHMARK(mb_s);

void reader_mb_s(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    auto* reader =
        ::xmlReaderForMemory(answer().data(), static_cast<int>(answer().size()), nullptr, nullptr, XML_PARSE_NONET);
    int nodes = 0, more = 0;
    while ((more = ::xmlTextReaderRead(reader)) == 1) ++nodes;
    ::xmlFreeTextReader(reader);
    if (more != 0 || nodes < 1500) state.SkipWithError("not all of it was read");
  }
  report(state);
}
BENCHMARK(reader_mb_s);

}  // namespace

BENCHMARK_MAIN();
