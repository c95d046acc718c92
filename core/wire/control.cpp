// SPDX-License-Identifier: Apache-2.0
#include "core/wire/control.hpp"

#include <optional>

#include <fmt/format.h>

#include "core/wire/control_fields.hpp"

namespace tidegate::wire {
namespace {

/// A control message's number: the type of its frame (rts.proto, ControlType). Never used again for another.
template <class M>
struct Numbered {
  using Message = M;
  std::uint32_t type;
  const char* what;
};
constexpr std::tuple control_types{Numbered<ActivateUsers>{1, "ActivateUsers"},
                                   Numbered<StartupReport>{2, "StartupReport"},
                                   Numbered<Heartbeat>{3, "Heartbeat"},
                                   Numbered<HeartbeatAck>{4, "HeartbeatAck"},
                                   Numbered<UserAdd>{5, "UserAdd"},
                                   Numbered<UserDelete>{6, "UserDelete"},
                                   Numbered<UserReset>{7, "UserReset"},
                                   Numbered<DeviceBind>{8, "DeviceBind"},
                                   Numbered<DeviceRevoke>{9, "DeviceRevoke"},
                                   Numbered<PairingOpen>{10, "PairingOpen"},
                                   Numbered<Answer>{11, "Answer"},
                                   Numbered<Notice>{12, "Notice"},
                                   Numbered<Alert>{13, "Alert"},
                                   Numbered<BackupBegin>{20, "BackupBegin"},
                                   Numbered<BackupPart>{21, "BackupPart"},
                                   Numbered<Challenge>{32, "Challenge"},
                                   Numbered<Enrol>{33, "Enrol"},
                                   Numbered<Login>{34, "Login"},
                                   Numbered<Welcome>{35, "Welcome"},
                                   Numbered<Refused>{36, "Refused"},
                                   Numbered<GatewayState>{37, "GatewayState"}};
static_assert(std::tuple_size_v<decltype(control_types)> + 1 == std::variant_size_v<Control>);

template <class M>
Bytes encoded(const M& message) {
  Bytes out;
  encode_fields(out, message);
  return out;
}

}  // namespace

Frame to_frame(const Control& control) {
  Frame frame;
  std::visit(
      [&]<class M>(const M& message) {
        if constexpr (!std::same_as<M, std::monostate>) {
          frame.type = std::get<Numbered<M>>(control_types).type;
          encode_fields(frame.body, message);
        }
      },
      control);
  return frame;
}

Result<Control> to_control(const Frame& frame) {
  if (frame.target != Target::relay) return broken_fault("a control message", {0, "in a frame of another target"});
  Result<Control> control;
  const auto try_one = [&]<class M>(const Numbered<M>& numbered) {
    if (numbered.type != frame.type) return false;
    auto message = decode_fields<M>(frame.body, numbered.what);
    if (message)
      control = std::move(*message);
    else
      control = std::unexpected(std::move(message.error()));
    return true;
  };
  std::apply([&](const auto&... each) { (void)(try_one(each) || ...); }, control_types);
  return control;
}

Bytes encode(const WakeUp& message) { return encoded(message); }
Bytes encode(const WakeUpAck& message) { return encoded(message); }
Bytes encode(const Closed& message) { return encoded(message); }
Bytes encode(const Credit& message) { return encoded(message); }
Bytes encode(const StreamOpen& message) { return encoded(message); }
Bytes encode(const StreamReset& message) { return encoded(message); }
Bytes encode(const RtsConnection& message) { return encoded(message); }
Bytes encode(const Register& message) { return encoded(message); }
Bytes encode(const Registered& message) { return encoded(message); }
Bytes encode(const Opened& message) { return encoded(message); }
Bytes encode(const Retrieve& message) { return encoded(message); }
Bytes encode(const Retrieved& message) { return encoded(message); }
Result<WakeUp> decode_wake_up(View octets) { return decode_fields<WakeUp>(octets, "WakeUp"); }
Result<WakeUpAck> decode_wake_up_ack(View octets) { return decode_fields<WakeUpAck>(octets, "WakeUpAck"); }
Result<Closed> decode_closed(View octets) { return decode_fields<Closed>(octets, "Closed"); }
Result<Credit> decode_credit(View octets) { return decode_fields<Credit>(octets, "Credit"); }
Result<StreamOpen> decode_stream_open(View octets) { return decode_fields<StreamOpen>(octets, "StreamOpen"); }
Result<StreamReset> decode_stream_reset(View octets) { return decode_fields<StreamReset>(octets, "StreamReset"); }
Result<RtsConnection> decode_rts_connection(View octets) {
  return decode_fields<RtsConnection>(octets, "RtsConnection");
}
Result<Register> decode_register(View octets) { return decode_fields<Register>(octets, "Register"); }
Result<Registered> decode_registered(View octets) { return decode_fields<Registered>(octets, "Registered"); }
Result<Opened> decode_opened(View octets) { return decode_fields<Opened>(octets, "Opened"); }
Result<Retrieve> decode_retrieve(View octets) { return decode_fields<Retrieve>(octets, "Retrieve"); }
Result<Retrieved> decode_retrieved(View octets) { return decode_fields<Retrieved>(octets, "Retrieved"); }

}  // namespace tidegate::wire
