// SPDX-License-Identifier: Apache-2.0
// Where a domain has a service, by DNS: SRV (RFC 2782) and the path in a TXT record (RFC 6764 §4). Reading answers is
// pure; asking blocks, for worker threads.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/store.hpp"
#include "core/web/url.hpp"

namespace tidegate::web {

struct ServiceRecord {
  std::uint16_t priority = 0, weight = 0, port = 0;
  std::string host;  ///< in small letters, without the dot at its end; empty: decidedly no such service there (".")
  bool operator==(const ServiceRecord&) const = default;
};

/// SRV records in the answer section of a DNS message; what is not well-formed among them is left out. Fault invalid:
/// it is no DNS message.
Result<std::vector<ServiceRecord>> read_services(Octets message);
/// Value of the first "path=" in TXT records (RFC 6764 §4), a path with a slash at its front; empty: none.
Result<std::string> read_service_path(Octets message);

/// In the order in which they are to be tried (RFC 2782): by priority, of one priority by chance and weight. `chance`
/// gives a number below its argument. At most `most`.
std::vector<ServiceRecord> in_order(std::vector<ServiceRecord>,
                                    const std::function<std::uint32_t(std::uint32_t)>& chance, std::size_t most);

/// Whether a host that only DNS names is the domain's: itself or below it (RFC 6764 §8: names may be forged).
bool is_below(std::string_view host, std::string_view domain);

/// A name server of one's own choice: an IPv4 address, and a port.
struct NameServer {
  std::string address;
  std::uint16_t port = 53;
};
/// "ADDRESS" or "ADDRESS:PORT". Fault invalid, its text "must be …".
Result<NameServer> parse_name_server(std::string_view);

/// Asks DNS, within the Call and some seconds: the name servers of /etc/resolv.conf, or the one that is given.
/// `name`: "_caldavs._tcp.example.org", never searched for in other domains. Empty: there is none. Faults: unavailable,
/// cancelled, invalid.
Result<std::vector<ServiceRecord>> find_services(const Call&, const std::string& name, const NameServer* = nullptr);
Result<std::string> find_service_path(const Call&, const std::string& name, const NameServer* = nullptr);

/// The https addresses where a domain has a service, in the order in which they are to be tried, at most four.
struct Service {
  std::string name;         ///< "_caldavs"
  std::string path;         ///< where no TXT record says another
  bool path_by_txt = true;  ///< whether one may
};
Result<std::vector<Url>> find_service(const Call&, const Service&, const std::string& domain,
                                      const std::function<std::uint32_t(std::uint32_t)>& chance,
                                      const NameServer* = nullptr);

}  // namespace tidegate::web
