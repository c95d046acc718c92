// SPDX-License-Identifier: Apache-2.0
// Every message that is not sealed: between gateway and relay, between device and relay, and the four that open, credit
// and close a device session (docs/wire.md §4-§6). There is none by which a relay could ask for data.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/wire/frame.hpp"

namespace tidegate::wire {

/// End-to-end suites; bound to a device's enrolment, never negotiated (design: end to end).
enum class Suite : std::uint32_t { none = 0, noise_1 = 1, vmes_1 = 2 };

/// Why something was refused or ended, with the number used on the wire; each has a sentence beside it in `text`.
enum class Code : std::uint32_t {
  ok = 0,
  unauthorized = 401,  ///< wrong password, unknown device, bad signature: do not retry until something changes
  forbidden = 403,     ///< licence suspended, expired, no seats; user suspended
  not_found = 404,     ///< no such user or handle
  conflict = 409,      ///< another gateway instance uses this identity; the user belongs to another gateway
  too_large = 413,
  too_many = 429,     ///< retry_after_ms says when
  unavailable = 503,  ///< gateway away, node draining, out of memory for this: retry_after_ms says when
  invalid = 600,      ///< the other side broke the protocol
  over_credit = 601,
  gap = 602,         ///< a frame's number was not the next: the device session ends, wake up again
  moved = 603,       ///< the frame's generation is old
  superseded = 604,  ///< a newer connection of the same device (or instance) took over
  gateway_away = 605,
  revoked = 606,        ///< this device was revoked: pair again
  suite_refused = 607,  ///< WakeUp named another suite than the enrolment's
  crypto = 608,         ///< a handshake or sealed frame did not open
  idle = 609,           ///< heartbeats or alive stopped
  bye = 610,            ///< orderly end
  expired = 611,        ///< the pairing code is too old
};

using Id128 = std::array<std::byte, 16>;

/// Users in one ActivateUsers or StartupReport; longer lists go in several (`whole` with the first only).
inline constexpr std::size_t max_users = 16384;

// --- device session (target device)
// ---------------------------------------------------------------------------------------
struct WakeUp {
  std::uint32_t version = 1;
  Suite suite = Suite::noise_1;
  std::string user;    ///< address, as enrolled
  Bytes device_id;     ///< 16 octets
  std::string handle;  ///< pairing only: the public 5 characters of the code; empty: a KK session
  bool operator==(const WakeUp&) const = default;
};
struct WakeUpAck {
  std::uint32_t version = 1;
  Suite suite = Suite::noise_1;
  Bytes guid;                    ///< 16 octets, the gateway's
  std::uint64_t epoch_hint = 0;  ///< reserved
  bool operator==(const WakeUpAck&) const = default;
};
struct Closed {
  Code code = Code::bye;
  std::string text;
  std::uint64_t retry_after_ms = 0;
  bool operator==(const Closed&) const = default;
};
struct Credit {
  std::uint64_t up_to = 0;   ///< absolute octet offset this direction may reach (sum of credit_cost)
  std::uint64_t handed = 0;  ///< receipt: highest frame number handed on (relay: to the device's socket)
  bool operator==(const Credit&) const = default;
};

// --- streams (target stream; built later). DATA carries the octets themselves, FIN nothing: it ends one direction.
struct StreamOpen {
  std::string server_name;  ///< from the TLS ClientHello, RFC 6066 §3
  bool operator==(const StreamOpen&) const = default;
};
struct StreamReset {
  Code code = Code::bye;
  std::string text;
  bool operator==(const StreamReset&) const = default;
};

// --- gateway ⇄ relay (target relay)
// ------------------------------------------------------------------------------------------
struct Instance {
  std::uint64_t counter = 0;  ///< start counter from the state
  std::uint64_t random = 0;   ///< of this process
  bool operator==(const Instance&) const = default;
};
/// The RtsConnection envelope, body of POST EventUrl. `signature` covers opening_signature_input().
struct RtsConnection {
  Bytes guid;              ///< 16
  std::string license_id;  ///< token from registration
  Instance instance;
  std::vector<std::uint32_t> versions{1};
  std::vector<std::string> capabilities;
  Bytes public_key;        ///< Ed25519, 32; GUID = its SHA-256's first 16 octets
  std::string relay_host;  ///< as in the gateway's ini
  std::uint32_t event_channel = 0;
  bool tls_interception_allowed = false;
  Bytes signature;  ///< Ed25519, 64
  bool operator==(const RtsConnection&) const = default;
};
struct Register {  ///< body of POST /rts/register
  std::string license;
  std::string password;
  Bytes public_key;
  std::string relay_host;
  std::string label;  ///< a name for the administrator's lists (host name)
  Bytes signature;    ///< Ed25519 over registration_signature_input()
  bool operator==(const Register&) const = default;
};
struct Registered {
  Bytes guid;
  std::string license_id;
  std::uint32_t seats = 0;
  bool operator==(const Registered&) const = default;
};
struct Opened {  ///< answer to GET /rts/connect
  std::string key_id, key, event_url, data_url;
  std::uint64_t reply_time_ms = 0;
  bool operator==(const Opened&) const = default;
};

/// Body of POST /rts/restore: a gateway whose state is lost fetches its sealed backup, piece by piece.
struct Retrieve {
  Bytes restore_key;       ///< 32, as in BackupBegin
  std::uint64_t from = 0;  ///< octet to begin with
  std::string relay_host;
  Bytes signature;  ///< Ed25519 over restore_signature_input()
  bool operator==(const Retrieve&) const = default;
};
struct Retrieved {
  std::uint64_t version = 0, size = 0;
  Bytes sha256;          ///< 32, of all
  std::uint64_t at = 0;  ///< Unix seconds when the relay had it whole
  Bytes octets;          ///< ≤ retrieved_piece; none from `size` on
  bool operator==(const Retrieved&) const = default;
};
inline constexpr std::size_t retrieved_piece = std::size_t{256} << 10;

enum class UserState : std::uint32_t { active = 0, suspended = 1, gone = 2 };
struct ActivateUsers {  ///< relay → gateway; whole = the complete list, else changes to it
  struct User {
    std::string user;
    UserState state = UserState::active;
    std::string text;
    bool operator==(const User&) const = default;
  };
  bool whole = true;
  std::vector<User> users;
  std::uint32_t seats = 0, seats_used = 0;
  std::uint64_t session = 0;  ///< the gateway session's generation
  bool operator==(const ActivateUsers&) const = default;
};
struct StartupReport {  ///< gateway → relay: whom it can serve, whom not and why
  struct User {
    std::string user;
    bool served = true;
    std::string text;
    bool operator==(const User&) const = default;
  };
  std::vector<User> users;
  bool operator==(const StartupReport&) const = default;
};
struct Heartbeat {
  std::uint64_t number = 0;
  std::uint64_t next_ms = 10'000;
  bool operator==(const Heartbeat&) const = default;
};
struct HeartbeatAck {
  std::uint64_t number = 0;
  bool operator==(const HeartbeatAck&) const = default;
};
struct UserAdd {
  std::uint64_t request = 0;
  std::string user, password;  ///< initial account password at the relay; hashed there with argon2id
  bool operator==(const UserAdd&) const = default;
};
struct UserDelete {
  std::uint64_t request = 0;
  std::string user;
  bool operator==(const UserDelete&) const = default;
};
struct UserReset {  ///< new account password: shuts the account's devices out until each is enrolled again
  std::uint64_t request = 0;
  std::string user, password;
  bool operator==(const UserReset&) const = default;
};
/// Pairing succeeded: the relay binds the key which that session enrolled with to the device id. Refused (result) if
/// the key differs from the enrolled one.
struct DeviceBind {
  std::uint64_t request = 0;
  std::uint64_t session = 0;
  std::string user;
  Bytes device_id;   ///< 16
  Bytes device_key;  ///< Ed25519, 32: heard sealed from the device
  Suite suite = Suite::noise_1;
  bool operator==(const DeviceBind&) const = default;
};
struct DeviceRevoke {
  std::uint64_t request = 0;
  std::string user;
  Bytes device_id;
  bool operator==(const DeviceRevoke&) const = default;
};
/// A user's pairing code now exists under this public handle: WakeUps that name it may come in.
struct PairingOpen {
  std::uint64_t request = 0;
  std::string user, handle;
  std::uint64_t expires_unix = 0;
  bool operator==(const PairingOpen&) const = default;
};
/// A sealed backup of the gateway's state begins, or goes on after a break. The relay keeps the one before until this
/// one is whole.
struct BackupBegin {
  std::uint64_t request = 0;
  std::uint64_t version = 0;  ///< counts up; of two backups the higher is the newer
  std::uint64_t size = 0;     ///< octets
  Bytes sha256;               ///< 32, of all of them
  Bytes restore_key;          ///< Ed25519, 32: whoever signs with it may fetch the backup
  bool operator==(const BackupBegin&) const = default;
};
struct BackupPart {  ///< its next octets
  std::uint64_t request = 0;
  std::uint64_t version = 0;
  std::uint64_t from = 0;
  Bytes octets;  ///< ≤ backup_part
  bool operator==(const BackupPart&) const = default;
};
inline constexpr std::size_t backup_part = std::size_t{64} << 10;
struct Answer {  ///< relay → gateway: to a request above
  std::uint64_t request = 0;
  Code code = Code::ok;
  std::string text;
  std::uint64_t retry_after_ms = 0;
  std::uint64_t number =
      0;  ///< BackupBegin, BackupPart: octets that are there; with `conflict` to BackupBegin: version
  bool operator==(const Answer&) const = default;
};
struct Notice {  ///< either way: a sentence for the administrator (licence expires, password changed, draining)
  Code code = Code::ok;
  std::string user, text;
  bool operator==(const Notice&) const = default;
};
struct Alert {  ///< gateway → relay: "new mail" for a device without connection, no content
  std::string user;
  Bytes device_id;
  std::string content;  ///< empty unless the ini's alert_content allows it
  bool operator==(const Alert&) const = default;
};

// --- device ⇄ relay (target relay, on the device's WebSocket)
// -----------------------------------------------------------------
struct Challenge {  ///< first frame, relay → device
  std::uint32_t version = 1;
  Bytes nonce;  ///< 32
  bool operator==(const Challenge&) const = default;
};
struct Enrol {  ///< device → relay, once (and after the account's password was reset)
  std::string user, password;
  Bytes device_id, device_key;  ///< 16, 32
  Suite suite = Suite::noise_1;
  std::string handle;  ///< of the pairing code
  std::string relay_host;
  Bytes signature;  ///< by device_key over device_signature_input()
  bool operator==(const Enrol&) const = default;
};
struct Login {  ///< device → relay, later connections
  std::string user;
  Bytes device_id;
  std::string relay_host;
  Bytes signature;
  bool operator==(const Login&) const = default;
};
struct Welcome {  ///< relay → device: WakeUp may be sent
  bool gateway_present = false;
  std::string text;
  std::uint64_t alive_within_ms = 0;  ///< the relay pings (RFC 6455) at least this often
  bool operator==(const Welcome&) const = default;
};
struct Refused {  ///< relay → device, then the connection ends
  Code code = Code::unauthorized;
  std::string text;
  std::uint64_t retry_after_ms = 0;
  bool operator==(const Refused&) const = default;
};
struct GatewayState {  ///< relay → device: the gateway came or went
  bool present = false;
  std::string text;
  bool operator==(const GatewayState&) const = default;
};

using Control = std::variant<std::monostate, ActivateUsers, StartupReport, Heartbeat, HeartbeatAck, UserAdd, UserDelete,
                             UserReset, DeviceBind, DeviceRevoke, PairingOpen, Answer, Notice, Alert, BackupBegin,
                             BackupPart, Challenge, Enrol, Login, Welcome, Refused, GatewayState>;

/// Wraps a control message in a frame with target relay (type = its number on the wire).
Frame to_frame(const Control&);
/// monostate: a type this version does not know (skip it). Fault: invalid.
Result<Control> to_control(const Frame&);

// Bodies that travel outside frames or in device frames. decode_x faults: invalid.
Bytes encode(const WakeUp&);
Bytes encode(const WakeUpAck&);
Bytes encode(const Closed&);
Bytes encode(const Credit&);
Bytes encode(const StreamOpen&);
Bytes encode(const StreamReset&);
Bytes encode(const RtsConnection&);
Bytes encode(const Register&);
Bytes encode(const Registered&);
Bytes encode(const Opened&);
Bytes encode(const Retrieve&);
Bytes encode(const Retrieved&);
Result<WakeUp> decode_wake_up(View);
Result<WakeUpAck> decode_wake_up_ack(View);
Result<Closed> decode_closed(View);
Result<Credit> decode_credit(View);
Result<StreamOpen> decode_stream_open(View);
Result<StreamReset> decode_stream_reset(View);
Result<RtsConnection> decode_rts_connection(View);
Result<Register> decode_register(View);
Result<Registered> decode_registered(View);
Result<Opened> decode_opened(View);
Result<Retrieve> decode_retrieve(View);
Result<Retrieved> decode_retrieved(View);

// What is signed: a label, 0x00, then each part with a 16-bit big-endian length (design: RTS, registration and
// opening).
/// `tidegate-rts-1 connect`: relay host, host of EventUrl, KeyId, Key, GUID, instance (2 × 64 bit big-endian), channel
/// binding (empty with tls_interception = allow), SHA-256 of the envelope encoded with an empty signature. The caller
/// passes that digest so that this folder needs no crypto library.
Bytes opening_signature_input(const RtsConnection&, View event_host, View key_id, View key, View channel_binding,
                              View envelope_sha256);
/// `tidegate-rts-1 register`: relay host, licence, public key, channel binding.
Bytes registration_signature_input(const Register&, View channel_binding);
/// `tidegate-rts-1 restore`: relay host, KeyId, Key, restore key, channel binding.
Bytes restore_signature_input(const Retrieve&, View key_id, View key, View channel_binding);
/// `tidegate-device-1 login`: relay host, nonce, user, device id, channel binding.
Bytes device_signature_input(View relay_host, View nonce, View user, View device_id, View channel_binding);

}  // namespace tidegate::wire
