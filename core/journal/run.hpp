// SPDX-License-Identifier: Apache-2.0
// A command being carried out: internal to core/journal.
#pragma once
#include "core/journal/answering.hpp"
#include "core/journal/commands.hpp"

namespace tidegate::journal {

struct Commands::Run {
  store::CommandKey key;
  store::ViewId view = 0;
  std::shared_ptr<Order> order = std::make_shared<Order>();
  std::uint64_t seq = 0;  ///< the log's, after the effect
  std::shared_ptr<Outcome> outcome = std::make_shared<Outcome>();
  std::shared_ptr<Bytes> noted = std::make_shared<Bytes>();  ///< the note its verb gave now; written by its thread
  std::shared_ptr<Answer> answer{};                          ///< of respond
};

}  // namespace tidegate::journal
