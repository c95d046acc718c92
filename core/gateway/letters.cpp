// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/letters.hpp"

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace tidegate::gateway {
namespace {

std::string ascii(std::string_view text) {
  std::string clean;
  for (unsigned char c : text) clean += c < 0x20 || c >= 0x7f ? '?' : static_cast<char>(c);
  return clean;
}

std::tm utc(std::int64_t unix_seconds) {
  std::time_t at = unix_seconds;
  std::tm parts{};
  ::gmtime_r(&at, &parts);
  return parts;
}

std::string domain_of(std::string_view user) {
  auto at = user.rfind('@');
  return at == std::string_view::npos ? "tidegate.invalid" : ascii(user.substr(at + 1));
}

std::string hex(View octets) {
  std::string text;
  for (unsigned char c : octets.substr(0, 16)) text += fmt::format("{:02x}", c);
  return text;
}

Bytes letter(const std::string& from, const std::string& to, const std::string& subject, const std::string& body,
             sim::WallTime now, View random) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  auto head = fmt::format(
      "From: \"Tidegate on {}\" <tidegate@{}>\r\nTo: <{}>\r\nSubject: {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} +0000\r\n"
      "Message-ID: <{}@{}>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=us-ascii\r\n\r\n",
      ascii(from), domain_of(to), ascii(to), subject, utc(seconds), hex(random), domain_of(to));
  std::string lines;
  for (char c : body) {
    if (c == '\n') lines += '\r';
    lines += c;
  }
  return head + lines;
}

}  // namespace

Bytes welcome_letter(const Welcome& say, sim::WallTime now, View random) {
  auto body = fmt::format(
      "Your mail, calendar and contacts can now be pushed to your devices,\n"
      "encrypted from here to the device. To pair a device, enter there:\n"
      "\n"
      "    user     {}\n"
      "    relay    {}\n"
      "    code     {}\n"
      "\n"
      "and the account password that your administrator gives you. On a computer:\n"
      "\n"
      "    tidegate-device pair --relay {} --user {} {}\n"
      "\n"
      "Or open this link on the device:\n"
      "\n"
      "    {}\n"
      "\n"
      "The code pairs one device and is good until {:%Y-%m-%d %H:%M} UTC. Give it to\n"
      "nobody: who has it can read your mail. Nobody will ever ask you for it.\n",
      ascii(say.to), ascii(say.relay), say.code, ascii(say.relay), ascii(say.to), say.code, say.link, utc(say.expires));
  return letter(say.from, say.to, "Pair a device with your mailbox", body, now, random);
}

Bytes paired_letter(const Paired& say, sim::WallTime now, View random) {
  auto body = fmt::format(
      "A device was paired with your mailbox and now receives what you receive:\n"
      "\n"
      "    device               {}\n"
      "    its fingerprint      {}\n"
      "    the gateway's        {}\n"
      "\n"
      "The device shows the same two fingerprints (tidegate-device status). If this\n"
      "was not you, tell your administrator at once: he can revoke the device.\n",
      ascii(say.device), say.device_print, say.gateway_print);
  return letter(say.from, say.to, "A device was paired with your mailbox", body, now, random);
}

Bytes readable_letter(const Readable& say, sim::WallTime now, View random) {
  auto body = fmt::format(
      "Your administrator admitted a device that is not encrypted from here to the\n"
      "device, and it now receives what you receive:\n"
      "\n"
      "    device               {}\n"
      "    suite                {}\n"
      "    until                {:%Y-%m-%d %H:%M} UTC\n"
      "\n"
      "Whoever runs the relay can read what this device gets: as long as it is in use,\n"
      "your mail, calendar and contacts are readable there. If you do not want that, or\n"
      "do not know the device, tell your administrator: he can revoke it.\n",
      ascii(say.device), say.suite, utc(say.expires));
  return letter(say.from, say.to, "A device without end-to-end encryption", body, now, random);
}

}  // namespace tidegate::gateway
