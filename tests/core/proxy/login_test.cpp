// SPDX-License-Identifier: Apache-2.0
// Basic, Digest and NTLM as a proxy sees them; what a client answers is computed here anew by OpenSSL.
#include <array>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/proxy/network.hpp"
#include "tests/core/proxy/scripted_proxy.hpp"

namespace tidegate::proxy {
namespace {

using namespace std::chrono_literals;
using testing::StartsWith;
using tests::field;
using tests::ScriptedProxy;

std::string base64(std::string_view octets) {
  std::string out((octets.size() + 2) / 3 * 4 + 1, '\0');
  const auto size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(octets.data()), static_cast<int>(octets.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string unbase64(std::string_view text) {
  std::string out(text.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return {};
  out.resize(static_cast<std::size_t>(size) - (text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0));
  return out;
}

std::string hex(std::string_view octets) {
  std::string out;
  for (const unsigned char c : octets) {
    out += "0123456789abcdef"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

std::string digest(const EVP_MD* how, std::string_view text) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.data()), &size, how, nullptr);
  out.resize(size);
  return hex(out);
}

std::string hmac_md5(std::string_view key, std::string_view text) {
  std::string out(16, '\0');
  HMAC(EVP_md5(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr);
  return out;
}

/// name=value and name="value", parted by commas.
std::map<std::string, std::string> parameters(std::string_view text) {
  std::map<std::string, std::string> found;
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
    const auto equal = text.find('=');
    if (equal == std::string_view::npos) break;
    const std::string name(text.substr(0, equal));
    text.remove_prefix(equal + 1);
    const bool quoted = text.starts_with('"');
    if (quoted) text.remove_prefix(1);
    const auto end = std::min(text.find(quoted ? '"' : ','), text.size());
    found[name] = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

struct LoginTest : testing::Test {
  LoginTest() { via = {"127.0.0.1", peer.port(), "anna", "p@ss:w\"ord", "test", "test"}; }

  /// Whether the proxy let us in: what is behind it speaks no TLS, so plain octets are dialled for.
  Result<std::unique_ptr<sim::Stream>> dial() {
    std::optional<Result<std::unique_ptr<sim::Stream>>> answer;
    const sim::Endpoint there{.host = "relay.invalid",
                              .port = 443,
                              .tls = false,
                              .route = [this](const auto&, auto) -> Result<std::optional<sim::Proxy>> { return via; }};
    const auto dialing =
        world->network().dial(there, world->reactor().now() + 8s, [&](auto result) { answer = std::move(result); });
    EXPECT_TRUE(world->run_until([&] { return answer.has_value(); }, 10s));
    return answer ? std::move(*answer) : fault(FaultKind::cancelled, "test", "no answer");
  }
  void let_in_if(std::function<bool(const std::string& authorization)> right, std::string challenge,
                 bool close = false) {
    peer.script = [right = std::move(right), challenge = std::move(challenge), close](const std::string& head) {
      const auto authorization = field(head, "Proxy-Authorization");
      if (!authorization.empty() && right(authorization)) return ScriptedProxy::Answer{"HTTP/1.1 200 fine\r\n\r\n"};
      return ScriptedProxy::demand(challenge, close);
    };
  }
  void expect_in(std::size_t heads) {
    const auto result = dial();
    EXPECT_TRUE(result) << result.error().text;
    EXPECT_EQ(peer.heads.size(), heads);
  }
  void expect_out() {
    const auto result = dial();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, FaultKind::auth);
  }

  std::unique_ptr<sim::RealWorld> world = real_world();
  ScriptedProxy peer{*world};
  sim::Proxy via;
};

TEST_F(LoginTest, Basic) {
  let_in_if([](const auto& said) { return said == "Basic " + base64("anna:p@ss:w\"ord"); },
            "Proxy-Authenticate: Basic realm=\"inside\"\r\n");
  expect_in(2);
  via.password = "another";
  expect_out();
}

TEST_F(LoginTest, AProxyThatClosesAfterAskingIsConnectedToAgain) {
  let_in_if([](const auto& said) { return said == "Basic " + base64("anna:p@ss:w\"ord"); },
            "Proxy-Authenticate: Basic realm=\"inside\"\r\n", true);
  expect_in(2);
  EXPECT_EQ(peer.accepted, 2U);
}

struct DigestTest : LoginTest {
  void run(const EVP_MD* how, const std::string& algorithm) {
    via.password = "geheim";
    const std::string nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c0";
    auto right = [=](const std::string& said) {
      if (!said.starts_with("Digest ")) return false;
      auto got = parameters(std::string_view(said).substr(7));
      const auto first = digest(how, "anna:inside:geheim");
      const auto second = digest(how, "CONNECT:relay.invalid:443");
      const auto whole = digest(how, first + ":" + nonce + ":" + got["nc"] + ":" + got["cnonce"] + ":auth:" + second);
      EXPECT_EQ(got["uri"], "relay.invalid:443");
      return got["username"] == "anna" && got["nonce"] == nonce && !got["cnonce"].empty() && got["response"] == whole;
    };
    let_in_if(right,
              "Proxy-Authenticate: Basic realm=\"inside\"\r\nProxy-Authenticate: Digest realm=\"inside\", "
              "nonce=\"" +
                  nonce + "\", qop=\"auth\"" + algorithm + "\r\n");
    expect_in(2);  // and so not by Basic, which shows the password
    via.password = "another";
    expect_out();
  }
};

TEST_F(DigestTest, Md5) { run(EVP_md5(), ""); }
TEST_F(DigestTest, Sha256) { run(EVP_sha256(), ", algorithm=SHA-256"); }

// MS-NLMP §4.2: User, Domain, Password, and NTOWFv2 of the three (§4.2.4.1.1).
const std::string ntowf_v2("\x0c\x86\x8a\x40\x3b\xfd\x7a\x93\xa3\x00\x1e\xf2\x2e\xf0\x2e\x3f", 16);
const std::string server_challenge("\x01\x23\x45\x67\x89\xab\xcd\xef", 8);

std::string little(std::uint64_t value, int octets) {
  std::string out;
  for (int i = 0; i < octets; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

/// MS-NLMP §2.2.1.2: CHALLENGE_MESSAGE with the target's information, as servers that want NTLMv2 send it.
std::string challenge_message() {
  const std::string domain("D\0o\0m\0a\0i\0n\0", 12);
  const auto information = little(2, 2) + little(12, 2) + domain + little(0, 4);
  const std::uint32_t flags = 0x00000001 | 0x00000004 | 0x00000200 | 0x00010000 | 0x00080000 | 0x00800000;
  const std::uint32_t begin = 48, size = static_cast<std::uint32_t>(information.size());
  return std::string("NTLMSSP\0", 8) + little(2, 4) + little(12, 2) + little(12, 2) + little(begin, 4) +
         little(flags, 4) + server_challenge + little(0, 8) + little(size, 2) + little(size, 2) +
         little(begin + 12, 4) + domain + information;
}

/// A field of AUTHENTICATE_MESSAGE (§2.2.1.3) whose length and offset stand at that place.
std::string ntlm_field(const std::string& message, std::size_t place) {
  const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(message.at(at)); };
  const std::size_t size = octet(place) + octet(place + 1) * 256U;
  const std::size_t from = octet(place + 4) + octet(place + 5) * 256U;
  return from + size <= message.size() ? message.substr(from, size) : std::string();
}

/// Whether it is a right NTLMv2 response (§3.3.2): HMAC-MD5 over both challenges.
bool right_response(const std::string& message) {
  const auto response = ntlm_field(message, 20);
  if (response.size() < 44) return false;
  const auto proof = response.substr(0, 16), blob = response.substr(16);
  return blob.starts_with(std::string("\1\1\0\0", 4)) && proof == hmac_md5(ntowf_v2, server_challenge + blob);
}

TEST_F(LoginTest, Ntlm) {
  via.user = "Domain\\User", via.password = "Password";
  const auto begin = std::string("NTLMSSP\0", 8);
  bool verified = false;
  peer.script = [&](const std::string& head) {
    const auto said = field(head, "Proxy-Authorization");
    const auto message = said.starts_with("NTLM ") ? unbase64(said.substr(5)) : std::string();
    if (message.starts_with(begin + little(1, 4)))
      return ScriptedProxy::demand("Proxy-Authenticate: NTLM " + base64(challenge_message()) + "\r\n");
    verified = message.starts_with(begin + little(3, 4)) && right_response(message);
    if (verified) return ScriptedProxy::Answer{"HTTP/1.1 200 fine\r\n\r\n"};
    return ScriptedProxy::demand("Proxy-Authenticate: NTLM\r\n");
  };
  expect_in(3);
  EXPECT_TRUE(verified);
  EXPECT_EQ(peer.accepted, 1U);  // it is the connection that is authenticated
  via.password = "another";
  expect_out();
  EXPECT_FALSE(verified);
}

}  // namespace
}  // namespace tidegate::proxy
