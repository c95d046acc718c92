// SPDX-License-Identifier: Apache-2.0
// Where a mailbox is: Autodiscover by SOAP ([MS-OXWSADISC]) and by plain XML ([MS-OXDSCLI]). Pure: what to ask next,
// and what an answer means; who asks is in places.hpp.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/store.hpp"
#include "core/web/url.hpp"

namespace tidegate::ews {

/// What an answer of either form says.
struct Directions {
  web::Url ews = {};
  std::string group = {};      ///< GroupingInformation: whose notifications may share a connection; may be empty
  std::string address = {};    ///< it is another address's mailbox: ask again with that
  std::string elsewhere = {};  ///< ask there
  bool nobody = false;         ///< the server knows no such mailbox
  bool operator==(const Directions&) const = default;
};
/// Faults: invalid, unavailable (the server's own trouble).
Result<Directions> read_soap_directions(View answer);
Result<Directions> read_plain_directions(View answer);

/// One search, at most `most` requests; then it is over. "A" asks credentials only over https and only of hosts that
/// are allowed.
class Discovery {
 public:
  enum class Form : std::uint8_t {
    soap,
    plain,
    redirect,  ///< GET without login, only Location is looked at
    service    ///< DNS is asked; the url's host is the domain, the answer's `location` what it says
  };
  struct Step {
    Form form;
    web::Url url;
    std::string body = {};  ///< of a POST
    bool operator==(const Step&) const = default;
  };
  /// `allowed`: whether credentials may go to that host. `fixed`: only there, empty: where the address's domain says.
  Discovery(std::string address, std::function<bool(const std::string& host)> allowed, const web::Url* fixed = nullptr);

  std::optional<Step> next();
  /// What came of the step; true: found.
  bool answered(const Step&, unsigned status, View body, View location = {});
  const Directions& found() const { return found_; }
  /// Why nothing was found, for the log; the last reason, no content of answers.
  const std::string& why() const { return why_; }
  bool nobody() const { return nobody_; }

  static constexpr int most = 10;

 private:
  void begin(const std::string& address);
  void go_to(Form, std::string_view url);
  bool take(const Step&, const Directions&);

  std::string address_;
  const std::function<bool(const std::string&)> allowed_;
  std::optional<web::Url> fixed_;
  std::vector<Step> coming_;  ///< the next one last
  int asked_ = 0;
  bool nobody_ = false;
  Directions found_;
  std::string why_;
};

}  // namespace tidegate::ews
