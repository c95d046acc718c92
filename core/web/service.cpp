// SPDX-License-Identifier: Apache-2.0
#include "core/web/service.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

namespace tidegate::web {
namespace {

constexpr int records_most = 64;
constexpr std::size_t answer_most = 65'535;

const unsigned char* octets_of(Octets message) { return reinterpret_cast<const unsigned char*>(message.data()); }

/// Hands over each answer of that type.
Result<void> each_answer(Octets message, ns_type type, const std::function<void(const ns_msg&, const ns_rr&)>& take) {
  ns_msg parsed{};
  if (message.size() > answer_most || ns_initparse(octets_of(message), static_cast<int>(message.size()), &parsed) != 0)
    return fault(FaultKind::invalid, {}, "The name server's answer is no DNS message.");
  const int count = std::min<int>(ns_msg_count(parsed, ns_s_an), records_most);
  for (int at = 0; at < count; ++at) {
    ns_rr record{};
    if (ns_parserr(&parsed, ns_s_an, at, &record) != 0) break;
    if (ns_rr_type(record) == type && ns_rr_class(record) == ns_c_in) take(parsed, record);
  }
  return {};
}

bool is_host(std::string_view name) {
  return !name.empty() && name.size() <= 253 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

std::string small(std::string_view text) {
  std::string made(text);
  for (char& c : made)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return made;
}

/// One question; empty: the domain has no such record.
Result<Bytes> ask(const Call& call, const std::string& name, ns_type type, const NameServer* server) {
  if (call.stop.stop_requested() || Clock::now() >= call.deadline)
    return fault(FaultKind::cancelled, name, "The call was stopped or its time was over before it began.");
  struct __res_state state{};
  if (res_ninit(&state) != 0)
    return fault(FaultKind::unavailable, name,
                 "The name servers of this machine are not known: check /etc/resolv.conf.");
  // Nothing interrupts it, so it must end soon: two turns of 1 and 2 seconds a server.
  state.retrans = 1;
  state.retry = 2;
  state.nscount = std::min(state.nscount, 2);
  if (server != nullptr) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(server->port);
    if (inet_pton(AF_INET, server->address.c_str(), &at.sin_addr) == 1) {
      state.nsaddr_list[0] = at;
      state.nscount = 1;
    }
  }
  Bytes answer(answer_most, '\0');
  const int got = res_nquery(&state, name.c_str(), ns_c_in, type, reinterpret_cast<unsigned char*>(answer.data()),
                             static_cast<int>(answer.size()));
  const int why = state.res_h_errno;
  res_nclose(&state);
  if (got >= 0) {
    answer.resize(std::min<std::size_t>(static_cast<std::size_t>(got), answer.size()));
    return answer;
  }
  if (why == HOST_NOT_FOUND || why == NO_DATA) return Bytes();
  return fault(FaultKind::unavailable, name, "The name servers do not answer for " + name + ": check them.",
               fmt::format("h_errno {}", why));
}

}  // namespace

Result<std::vector<ServiceRecord>> read_services(Octets message) {
  std::vector<ServiceRecord> found;
  auto read = each_answer(message, ns_t_srv, [&](const ns_msg& whole, const ns_rr& record) {
    if (ns_rr_rdlen(record) < 7) return;
    const auto* data = ns_rr_rdata(record);
    ServiceRecord made{.priority = static_cast<std::uint16_t>(ns_get16(data)),
                       .weight = static_cast<std::uint16_t>(ns_get16(data + 2)),
                       .port = static_cast<std::uint16_t>(ns_get16(data + 4)),
                       .host = {}};
    std::array<char, NS_MAXDNAME> name{};
    if (ns_name_uncompress(ns_msg_base(whole), ns_msg_end(whole), data + 6, name.data(), name.size()) < 0) return;
    made.host = small(name.data());
    if (made.host.ends_with('.')) made.host.pop_back();
    if (made.host.empty() || (made.port != 0 && is_host(made.host))) found.push_back(std::move(made));
  });
  if (!read) return std::unexpected(std::move(read.error()));
  return found;
}

Result<std::string> read_service_path(Octets message) {
  std::string path;
  auto read = each_answer(message, ns_t_txt, [&](const ns_msg&, const ns_rr& record) {
    std::string_view rest(reinterpret_cast<const char*>(ns_rr_rdata(record)), ns_rr_rdlen(record));
    while (!rest.empty()) {  // RFC 1035 §3.3.14: strings, each behind its length
      const auto size = static_cast<unsigned char>(rest.front());
      auto text = rest.substr(1, size);
      rest.remove_prefix(std::min<std::size_t>(rest.size(), std::size_t{size} + 1));
      // RFC 6763 §6.4: the case of a key does not count, and of two the first does.
      if (path.empty() && text.size() == size && small(text.substr(0, 5)) == "path=") path = text.substr(5);
    }
  });
  if (!read) return std::unexpected(std::move(read.error()));
  const bool plain = std::ranges::all_of(path, [](char c) { return c > ' ' && c < '\x7F'; });
  return path.starts_with('/') && plain ? path : std::string();
}

std::vector<ServiceRecord> in_order(std::vector<ServiceRecord> records,
                                    const std::function<std::uint32_t(std::uint32_t)>& chance, std::size_t most) {
  std::vector<ServiceRecord> made;
  std::ranges::sort(records, {}, [](const ServiceRecord& each) { return std::pair(each.priority, each.weight); });
  std::erase_if(records, [](const ServiceRecord& each) { return each.host.empty(); });
  while (!records.empty() && made.size() < most) {
    const auto same = std::ranges::upper_bound(records, records.front().priority, {}, &ServiceRecord::priority);
    std::uint32_t sum = 0;
    for (auto each = records.begin(); each != same; ++each) sum += each->weight;
    auto draw = sum == 0 ? 0 : chance(sum + 1);
    auto picked = records.begin();
    while (picked + 1 != same && draw > picked->weight) draw -= (picked++)->weight;
    made.push_back(std::move(*picked));
    records.erase(picked);
  }
  return made;
}

bool is_below(std::string_view host, std::string_view domain) {
  if (domain.empty() || !host.ends_with(domain)) return false;
  return host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.';
}

Result<NameServer> parse_name_server(std::string_view text) {
  NameServer made;
  const auto colon = text.find(':');
  made.address = text.substr(0, colon);
  in_addr four{};
  bool good = inet_pton(AF_INET, made.address.c_str(), &four) == 1;
  if (good && colon != text.npos) {
    const auto port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), made.port);
    good = error == std::errc{} && end == port.data() + port.size() && made.port != 0;
  }
  if (!good)
    return fault(FaultKind::invalid, {}, "must be an IPv4 address, and a port if it is not 53, as 192.0.2.1:53");
  return made;
}

Result<std::vector<ServiceRecord>> find_services(const Call& call, const std::string& name, const NameServer* server) {
  auto answer = ask(call, name, ns_t_srv, server);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (answer->empty()) return std::vector<ServiceRecord>();
  return read_services(std::as_bytes(std::span(*answer)));
}

Result<std::string> find_service_path(const Call& call, const std::string& name, const NameServer* server) {
  auto answer = ask(call, name, ns_t_txt, server);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (answer->empty()) return std::string();
  return read_service_path(std::as_bytes(std::span(*answer)));
}

Result<std::vector<Url>> find_service(const Call& call, const Service& service, const std::string& domain,
                                      const std::function<std::uint32_t(std::uint32_t)>& chance,
                                      const NameServer* server) {
  const auto name = service.name + "._tcp." + domain;
  auto records = find_services(call, name, server);
  if (!records) return std::unexpected(std::move(records.error()));
  const auto order = in_order(std::move(*records), chance, 4);
  std::vector<Url> made;
  if (order.empty()) return made;
  auto path = service.path;
  if (service.path_by_txt) {
    auto said = find_service_path(call, name, server);
    if (!said) return std::unexpected(std::move(said.error()));
    if (!said->empty()) path = std::move(*said);
  }
  for (const auto& each : order)
    made.push_back({.scheme = "https", .host = each.host, .port = each.port, .target = path});
  return made;
}

}  // namespace tidegate::web
