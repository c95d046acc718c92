// SPDX-License-Identifier: Apache-2.0
// One mock back-end: opens sessions, watches, and runs its script on the host's timers.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"
#include "plugins/mock/control.hpp"
#include "plugins/mock/script.hpp"
#include "plugins/mock/store.hpp"

namespace tidegate::mock {

class MockBackend final : public Backend {
 public:
  /// `steps` start counting now; `script_folder` is where their files lie.
  MockBackend(Host&, Settings, std::vector<Step> steps, std::string script_folder);
  /// Takes steps from the setting `control`. Fault: invalid.
  Result<void> take_orders();

  Result<std::unique_ptr<Session>> open(const Call&, const Mailbox&) override;
  std::unique_ptr<Watch> watch(Hints&) override;
  Result<void> test(const Call&) override;

 private:
  struct Running;  // a step and its timer
  void schedule(Running&);
  Result<void> perform(const Step&);
  Result<void> change(const Step&);
  Result<void> change(const Step&, const std::string& user, ItemFolder&);
  Result<void> add(const Step&, const std::string& user, ItemFolder&);
  Result<std::string> octets_of(const Step&, const std::string& user) const;

  std::shared_ptr<Store> store_;
  std::string script_folder_;
  Clock::time_point began_;
  std::uint64_t added_ = 0;
  std::vector<std::unique_ptr<Running>> running_;
  std::unique_ptr<Control> control_;
};

}  // namespace tidegate::mock
