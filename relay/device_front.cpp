// SPDX-License-Identifier: Apache-2.0
#include "relay/device_front.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "relay/crypto.hpp"
#include "relay/device_connection.hpp"

namespace tidegate::relay {

using wire::Code;

std::string address_of(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

// --- Visitor

Visitor::Visitor(DeviceDoor& door, std::uint64_t id, std::unique_ptr<DeviceSocket> socket)
    : door_(door), id_(id), socket_(std::move(socket)), nonce_(door.hub_.random(32)) {
  socket_->listener(this);
}

void Visitor::begin(View head, Bytes octets) {
  const auto& s = door_.hub_.settings;
  door_.hub_.wheel.due(
      *this, static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(s.device_login_time).count()));
  socket_->urgent(wire::to_frame(wire::Challenge{1, nonce_}));
  socket_->start(head, std::move(octets));
}

void Visitor::refuse(Code code, std::string text, std::chrono::milliseconds retry_after) {
  if (socket_) socket_->end({code, std::move(text), static_cast<std::uint64_t>(retry_after.count())});
}

void Visitor::refuse(const Fault& fault) {
  const auto code = code_of(fault);
  refuse(code, fault.text, code == Code::unavailable ? std::chrono::milliseconds(5000) : fault.retry_after);
}

void Visitor::frame(wire::Frame&& frame) {
  if (checking_) return refuse(Code::invalid, "nothing may be sent before the relay's Welcome");
  auto control = frame.target == wire::Target::relay ? wire::to_control(frame) : Result<wire::Control>(wire::Control());
  checking_ = true;
  if (control)
    if (auto* login = std::get_if<wire::Login>(&*control)) return door_.login(id_, std::move(*login));
  if (control)
    if (auto* enrol = std::get_if<wire::Enrol>(&*control)) return door_.enrol(id_, std::move(*enrol));
  refuse(Code::invalid, "the first frame of a device must be Login or Enrol");
}

void Visitor::gone(std::string_view) {
  unlink();
  door_.hub_.post([&door = door_, id = id_] { door.forget_visitor(id); });
}

void Visitor::due() {
  if (!socket_) return;
  if (socket_->ending()) return socket_->cut("the device does not read");
  refuse(Code::unauthorized, "the device did not log in in time; try again");
  door_.hub_.wheel.due(*this, 5);
}

// --- DeviceDoor

DeviceDoor::DeviceDoor(Hub& hub) : hub_(hub) {}
DeviceDoor::~DeviceDoor() = default;

void DeviceDoor::visit(std::unique_ptr<sim::Stream> stream, View head, Bytes octets) {
  const auto id = next_id_++;
  auto& made = visitors_[id];
  made = std::make_unique<Visitor>(*this, id, std::make_unique<DeviceSocket>(hub_, std::move(stream)));
  made->begin(head, std::move(octets));
}

void DeviceDoor::refuse_visitors(const wire::Refused& why) {
  for (auto& [id, one] : visitors_) one->socket().end(why);
}

Visitor* DeviceDoor::visitor(std::uint64_t id) {
  const auto found = visitors_.find(id);
  return found == visitors_.end() || found->second->socket().ending() ? nullptr : found->second.get();
}

void DeviceDoor::forget_visitor(std::uint64_t id) { visitors_.erase(id); }
void DeviceDoor::forget_connection(std::uint64_t id) { connections_.erase(id); }

void DeviceDoor::busy(std::uint64_t id) {
  if (auto* one = visitor(id))
    one->refuse(Code::too_many, "the relay is busy with other log-ins; try again shortly", std::chrono::seconds(3));
}

Result<void> DeviceDoor::may_enter(const UserAccount& user) const {
  if (user.state == Standing::suspended)
    return fault(FaultKind::denied, user.address, "this account is suspended; ask your administrator");
  return in_force(user.licence, hub_.unix_now());
}

ProvenDevice DeviceDoor::prove(const UserAccount& user, View device_id, std::string handle) const {
  ProvenDevice proven;
  proven.user = user.address;
  proven.guid = user.guid;
  proven.licence = user.licence.id;
  proven.handle = std::move(handle);
  std::memcpy(proven.device.data(), device_id.data(), proven.device.size());
  return proven;
}

void DeviceDoor::admit(std::uint64_t id, ProvenDevice&& proven) {
  auto* one = visitor(id);
  if (!one) return;
  one->unlink();
  auto made = std::make_unique<DeviceConnection>(*this, hub_, std::move(proven), one->take_socket());
  visitors_.erase(id);
  made->welcome();
  const auto connection = made->id();
  connections_.emplace(connection, std::move(made));
}

struct DeviceDoor::Proof {
  UserAccount user;
  DeviceAccount device;
};

void DeviceDoor::login(std::uint64_t id, wire::Login&& login) {
  auto user = normal_address(login.user);
  if (!user || login.device_id.size() != 16 || !hub_.is_our_name(login.relay_host))
    return visitor(id)->refuse(Code::invalid,
                               "the log-in names no user, device or relay of ours; check the relay's address");
  auto device = login.device_id;  // copied before `login` moves away in the same call
  const bool taken = hub_.desk.ask(
      [user = *user, device = std::move(device)](Accounts& accounts) -> Result<Proof> {
        auto known = accounts.device_for_login(user, device);
        if (!known) return std::unexpected(std::move(known.error()));
        auto account = accounts.user(user);
        if (!account) return std::unexpected(std::move(account.error()));
        return Proof{std::move(*account), std::move(*known)};
      },
      [this, id, login = std::move(login)](Result<Proof> proof) {
        auto* one = visitor(id);
        if (!one) return;
        // The accounts deny a log-in for one reason only.
        if (!proof && proof.error().kind == FaultKind::denied) return one->refuse(Code::revoked, proof.error().text);
        if (!proof) return one->refuse(proof.error());
        const auto input = wire::device_signature_input(login.relay_host, one->nonce(), login.user, login.device_id,
                                                        one->socket().binding());
        if (!ed25519_verify(proof->device.key, input, login.signature)) {
          hub_.audit_stranger(one->socket().peer(), "login refused", proof->user.address, "bad signature");
          return one->refuse(Code::unauthorized,
                             "the device's signature does not fit; something may stand between it and the relay");
        }
        if (auto fine = may_enter(proof->user); !fine) return one->refuse(fine.error());
        admit(id, prove(proof->user, login.device_id, {}));
      });
  if (!taken) busy(id);
}

void DeviceDoor::enrol(std::uint64_t id, wire::Enrol&& enrol) {
  auto& one = *visitor(id);
  const auto user = normal_address(enrol.user);
  if (!user || enrol.device_id.size() != 16 || enrol.device_key.size() != 32 || !hub_.is_our_name(enrol.relay_host))
    return one.refuse(Code::invalid, "the enrolment names no user, device or relay of ours; check the relay's address");
  const auto input =
      wire::device_signature_input(enrol.relay_host, one.nonce(), enrol.user, enrol.device_id, one.socket().binding());
  if (!ed25519_verify(enrol.device_key, input, enrol.signature))
    return one.refuse(Code::unauthorized,
                      "the device's signature does not fit; something may stand between it and the relay");
  const auto now = hub_.reactor.now();
  const auto shut =
      std::max(hub_.lockout.shut("u:" + *user, now), hub_.lockout.shut("a:" + address_of(one.socket().peer()), now));
  if (shut.count() > 0) return one.refuse(Code::too_many, "too many wrong passwords; wait before you try again", shut);
  Enrolment wanted{*user, enrol.device_id, enrol.device_key, enrol.suite, enrol.handle};
  const bool taken =
      hub_.desk.ask([user = *user](Accounts& accounts) { return accounts.user(user); },
                    [this, id, wanted = std::move(wanted),
                     password = std::move(enrol.password)](Result<UserAccount> account) mutable {
                      if (!account && account.error().kind != FaultKind::not_found) {
                        if (auto* waiting = visitor(id)) waiting->refuse(account.error());
                        return;
                      }
                      const auto hash = account ? account->password : std::string();
                      // Both ways take a hash's time, so that nobody learns which users exist.
                      const bool hashing = hub_.desk.hash(
                          [password = std::move(password), hash](HashCost cost) {
                            if (!hash.empty()) return verify_password(password, hash);
                            refuse_slowly(password, cost);
                            return false;
                          },
                          [this, id, wanted = std::move(wanted), account = std::move(account)](bool right) mutable {
                            auto* waiting = visitor(id);
                            if (!waiting) return;
                            if (!right) return wrong_password(*waiting, wanted.user);
                            enrol_checked(id, std::move(wanted), *account);
                          });
                      if (!hashing) busy(id);
                    });
  if (!taken) busy(id);
}

void DeviceDoor::wrong_password(Visitor& one, const std::string& user) {
  const auto now = hub_.reactor.now();
  const auto address = address_of(one.socket().peer());
  if (hub_.lockout.failed("u:" + user, now))
    hub_.audit_stranger(address, "lockout", user, "too many wrong passwords for the account");
  if (hub_.lockout.failed("a:" + address, now))
    hub_.audit_stranger(address, "lockout", address, "too many wrong passwords from the address");
  one.refuse(Code::unauthorized, "user or password is wrong; the password is the one from the welcome message");
}

void DeviceDoor::enrol_checked(std::uint64_t id, Enrolment&& wanted, const UserAccount& user) {
  hub_.lockout.succeeded("u:" + user.address);
  auto* one = visitor(id);
  if (auto fine = may_enter(user); !fine) return one->refuse(fine.error());
  auto proven = prove(user, wanted.device_id, wanted.handle);
  const auto peer = one->socket().peer();
  const bool taken = hub_.desk.ask(
      [wanted, peer, now = hub_.unix_now()](Accounts& accounts) -> Result<void> {
        if (auto fine = accounts.enrol(wanted, now); !fine) return fine;
        return accounts.audit({now, peer, "device enrolled", wanted.user,
                               hex(wanted.device_id) +
                                   (wanted.handle.empty() ? " again after the password was reset" : " for pairing") +
                                   readable_note(wanted.suite)});
      },
      [this, id, proven = std::move(proven)](Result<void> done) mutable {
        auto* waiting = visitor(id);
        if (!waiting) return;
        if (!done && proven.handle.empty() && done.error().kind == FaultKind::denied)
          return waiting->refuse(Code::revoked, done.error().text);
        if (!done) return waiting->refuse(done.error());
        admit(id, std::move(proven));
      });
  if (!taken) busy(id);
}

}  // namespace tidegate::relay
