// SPDX-License-Identifier: Apache-2.0
// The tables of control.hpp's messages: member, number, bound (rts.proto says the same). Included by control.cpp only.
#pragma once
#include "core/wire/control.hpp"
#include "core/wire/fields.hpp"

namespace tidegate::wire {

inline constexpr std::size_t user_limit = 320;  // RFC 3696, erratum 1690: 64 + @ + 255
inline constexpr std::size_t id_size = 16;
inline constexpr std::size_t key_size = 32;
inline constexpr std::size_t signature_size = 64;
inline constexpr std::size_t word_limit = 255;  // names of hosts, licences, capabilities, tokens
inline constexpr std::size_t text_limit = 1024;
inline constexpr std::size_t password_limit = 1024;
inline constexpr std::size_t url_limit = 2048;

// --- device session
void fields(auto& f, Is<WakeUp> auto& m) {
  f.scalar(1, m.version);
  f.scalar(2, m.suite);
  f.name(3, m.user, user_limit);
  f.octets(4, m.device_id, id_size, id_size);
  f.name(5, m.handle, 16);
}
void fields(auto& f, Is<WakeUpAck> auto& m) {
  f.scalar(1, m.version);
  f.scalar(2, m.suite);
  f.octets(3, m.guid, id_size, id_size);
  f.scalar(4, m.epoch_hint);
}
void fields(auto& f, Is<Closed> auto& m) {
  f.scalar(1, m.code);
  f.text(2, m.text, text_limit);
  f.scalar(3, m.retry_after_ms);
}
void fields(auto& f, Is<Credit> auto& m) {
  f.scalar(1, m.up_to);
  f.scalar(2, m.handed);
}

// --- streams
void fields(auto& f, Is<StreamOpen> auto& m) { f.name(1, m.server_name, word_limit); }
void fields(auto& f, Is<StreamReset> auto& m) {
  f.scalar(1, m.code);
  f.text(2, m.text, text_limit);
}

// --- gateway ⇄ relay
void fields(auto& f, Is<Instance> auto& m) {
  f.scalar(1, m.counter);
  f.scalar(2, m.random);
}
void fields(auto& f, Is<RtsConnection> auto& m) {
  f.octets(1, m.guid, id_size, id_size);
  f.name(2, m.license_id, word_limit);
  f.message(3, m.instance);
  f.scalars(4, m.versions, 16);
  f.texts(5, m.capabilities, 64, word_limit);
  f.octets(6, m.public_key, key_size, key_size);
  f.name(7, m.relay_host, word_limit);
  f.scalar(8, m.event_channel);
  f.scalar(9, m.tls_interception_allowed);
  f.octets(10, m.signature, signature_size, signature_size);
}
void fields(auto& f, Is<Register> auto& m) {
  f.name(1, m.license, word_limit);
  f.name(2, m.password, password_limit);
  f.octets(3, m.public_key, key_size, key_size);
  f.name(4, m.relay_host, word_limit);
  f.text(5, m.label, word_limit);
  f.octets(6, m.signature, signature_size, signature_size);
}
void fields(auto& f, Is<Registered> auto& m) {
  f.octets(1, m.guid, id_size, id_size);
  f.name(2, m.license_id, word_limit);
  f.scalar(3, m.seats);
}
void fields(auto& f, Is<Opened> auto& m) {
  f.name(1, m.key_id, word_limit);
  f.name(2, m.key, word_limit);
  f.name(3, m.event_url, url_limit);
  f.name(4, m.data_url, url_limit);
  f.scalar(5, m.reply_time_ms);
}
void fields(auto& f, Is<Retrieve> auto& m) {
  f.octets(1, m.restore_key, key_size, key_size);
  f.scalar(2, m.from);
  f.name(3, m.relay_host, word_limit);
  f.octets(4, m.signature, signature_size, signature_size);
}
void fields(auto& f, Is<Retrieved> auto& m) {
  f.scalar(1, m.version);
  f.scalar(2, m.size);
  f.octets(3, m.sha256, key_size, key_size);
  f.scalar(4, m.at);
  f.octets(5, m.octets, retrieved_piece);
}
void fields(auto& f, Is<ActivateUsers::User> auto& m) {
  f.name(1, m.user, user_limit);
  f.scalar(2, m.state);
  f.text(3, m.text, text_limit);
}
void fields(auto& f, Is<ActivateUsers> auto& m) {
  f.scalar(1, m.whole);
  f.messages(2, m.users, max_users);
  f.scalar(3, m.seats);
  f.scalar(4, m.seats_used);
  f.scalar(5, m.session);
}
void fields(auto& f, Is<StartupReport::User> auto& m) {
  f.name(1, m.user, user_limit);
  f.scalar(2, m.served);
  f.text(3, m.text, text_limit);
}
void fields(auto& f, Is<StartupReport> auto& m) { f.messages(1, m.users, max_users); }
void fields(auto& f, Is<Heartbeat> auto& m) {
  f.scalar(1, m.number);
  f.scalar(2, m.next_ms);
}
void fields(auto& f, Is<HeartbeatAck> auto& m) { f.scalar(1, m.number); }
void fields(auto& f, Is<UserAdd> auto& m) {
  f.scalar(1, m.request);
  f.name(2, m.user, user_limit);
  f.name(3, m.password, password_limit);
}
void fields(auto& f, Is<UserDelete> auto& m) {
  f.scalar(1, m.request);
  f.name(2, m.user, user_limit);
}
void fields(auto& f, Is<UserReset> auto& m) {
  f.scalar(1, m.request);
  f.name(2, m.user, user_limit);
  f.name(3, m.password, password_limit);
}
void fields(auto& f, Is<DeviceBind> auto& m) {
  f.scalar(1, m.request);
  f.scalar(2, m.session);
  f.name(3, m.user, user_limit);
  f.octets(4, m.device_id, id_size, id_size);
  f.octets(5, m.device_key, key_size, key_size);
  f.scalar(6, m.suite);
}
void fields(auto& f, Is<DeviceRevoke> auto& m) {
  f.scalar(1, m.request);
  f.name(2, m.user, user_limit);
  f.octets(3, m.device_id, id_size, id_size);
}
void fields(auto& f, Is<PairingOpen> auto& m) {
  f.scalar(1, m.request);
  f.name(2, m.user, user_limit);
  f.name(3, m.handle, 16);
  f.scalar(4, m.expires_unix);
}
void fields(auto& f, Is<Answer> auto& m) {
  f.scalar(1, m.request);
  f.scalar(2, m.code);
  f.text(3, m.text, text_limit);
  f.scalar(4, m.retry_after_ms);
  f.scalar(5, m.number);
}
void fields(auto& f, Is<BackupBegin> auto& m) {
  f.scalar(1, m.request);
  f.scalar(2, m.version);
  f.scalar(3, m.size);
  f.octets(4, m.sha256, key_size, key_size);
  f.octets(5, m.restore_key, key_size, key_size);
}
void fields(auto& f, Is<BackupPart> auto& m) {
  f.scalar(1, m.request);
  f.scalar(2, m.version);
  f.scalar(3, m.from);
  f.octets(4, m.octets, backup_part);
}
void fields(auto& f, Is<Notice> auto& m) {
  f.scalar(1, m.code);
  f.name(2, m.user, user_limit);
  f.text(3, m.text, text_limit);
}
void fields(auto& f, Is<Alert> auto& m) {
  f.name(1, m.user, user_limit);
  f.octets(2, m.device_id, id_size, id_size);
  f.text(3, m.content, text_limit);
}

// --- device ⇄ relay
void fields(auto& f, Is<Challenge> auto& m) {
  f.scalar(1, m.version);
  f.octets(2, m.nonce, key_size, key_size);
}
void fields(auto& f, Is<Enrol> auto& m) {
  f.name(1, m.user, user_limit);
  f.name(2, m.password, password_limit);
  f.octets(3, m.device_id, id_size, id_size);
  f.octets(4, m.device_key, key_size, key_size);
  f.scalar(5, m.suite);
  f.name(6, m.handle, 16);
  f.name(7, m.relay_host, word_limit);
  f.octets(8, m.signature, signature_size, signature_size);
}
void fields(auto& f, Is<Login> auto& m) {
  f.name(1, m.user, user_limit);
  f.octets(2, m.device_id, id_size, id_size);
  f.name(3, m.relay_host, word_limit);
  f.octets(4, m.signature, signature_size, signature_size);
}
void fields(auto& f, Is<Welcome> auto& m) {
  f.scalar(1, m.gateway_present);
  f.text(2, m.text, text_limit);
  f.scalar(3, m.alive_within_ms);
}
void fields(auto& f, Is<Refused> auto& m) {
  f.scalar(1, m.code);
  f.text(2, m.text, text_limit);
  f.scalar(3, m.retry_after_ms);
}
void fields(auto& f, Is<GatewayState> auto& m) {
  f.scalar(1, m.present);
  f.text(2, m.text, text_limit);
}

}  // namespace tidegate::wire
