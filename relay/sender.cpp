// SPDX-License-Identifier: Apache-2.0
#include "relay/sender.hpp"

#include <utility>

#include "core/http/head.hpp"
#include "core/http/websocket.hpp"

namespace tidegate::relay {

/// Loads going_; false: nothing waits, and no memory is held.
bool Sender::next() {
  at_ = 0;
  going_ = std::exchange(raw_, {});
  if (outbox_.waiting() == 0) return !going_.empty();
  const auto chunk = outbox_.take();
  if (wrap_ == Wrap::websocket) {
    http::websocket::encode(going_, http::websocket::Opcode::binary, std::as_bytes(std::span(chunk)));
  } else {
    going_ += http::chunk_begin(chunk.size());
    going_ += chunk;
    going_ += http::chunk_end();
  }
  outbox_marks_ = outbox_.marks();
  return true;
}

}  // namespace tidegate::relay
