// SPDX-License-Identifier: Apache-2.0
// What connection.cpp and login.cpp share; nobody else includes it.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "plugins/imap/connection.hpp"
#include "plugins/imap/driver.hpp"
#include "plugins/imap/harvest.hpp"
#include "plugins/imap/untagged.hpp"

namespace tidegate::imap {

struct Connection::Inside {
  Inside(const Settings& s, std::unique_ptr<tls::BlockingTls> stream)
      : host(s.host),
        port(s.port),
        where(fmt::format("{}:{}", s.host, s.port)),
        wants_compression(s.compress),
        driver(std::move(stream)),
        imap(mailimap_new(0, nullptr)) {}
  ~Inside() {
    // mailimap_free() would send LOGOUT and wait for its answer.
    if (imap->imap_stream != nullptr) mailstream_close(imap->imap_stream);
    imap->imap_stream = nullptr;
    mailimap_free(imap);
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  std::unexpected<Fault> broken(int code);
  std::unexpected<Fault> wrong(FaultKind kind, std::string text, std::string cause = {}) {
    is_dead = true;
    return tidegate::fault(kind, where, std::move(text), std::move(cause));
  }
  /// Connected, encrypted where configured, its capabilities known.
  static Result<std::unique_ptr<Inside>> reach(const Settings&, const Call&);
  Result<void> greet(const Call&);
  Result<void> learn_capabilities(const Call&);
  Result<void> start_tls(const Call&);
  void forget_told_capabilities();
  Result<void> login(const Call&, const Credentials&, bool plain_allowed);
  enum class Login : std::uint8_t { oauthbearer, xoauth2, plain, name_and_password };
  Result<Login> way_in(bool token, bool for_another);  // for_another: an authorization identity is to be said
  Result<void> encrypted(bool plain_allowed);
  Result<Reply> log_in_as(const Call&, const Credentials&);
  Result<Reply> authenticate(const Call&, std::string_view mechanism, std::string_view message,
                             std::string_view refusal);
  Result<void> introduce(const Call&);
  Result<void> compress(const Call&);
  Result<void> write(std::string_view octets);
  Result<void> flush();
  Result<void> send_line(std::string_view line);
  Result<Tag> send(const Call&, std::string_view command, std::string_view rest = {});
  Result<Reply> run(const Call&, std::string_view command);
  Result<Reply> receive(const Call&, Tag, const Limits&);
  Result<Reply> parse(Tag tag);
  Result<std::string> line();
  Result<bool> continued(const Call&, Tag);  // false: the command was completed instead, its line is ready to parse
  enum class Asked : std::uint8_t { other, rows, folders };
  static Asked asked_by(std::string_view command);
  void collect(Reply& reply, Asked);  // what the sieve kept: answers into the reply, news into the signals
  void news(Untagged&&);
  Result<void> look(const Call&);  // what is there, without waiting for more

  std::string host;
  std::uint16_t port;
  std::string where;
  bool wants_compression;
  Driver driver;
  mailimap* imap;
  std::set<std::string, std::less<>> capabilities;
  Signals signals;
  Tag idle_tag = 0;
  bool is_dead = false, was_dropped = false;
  std::map<Tag, Asked> asked;  // tags whose answer is rows or folders
  std::set<std::string, std::less<>> enabled;
  std::string server;
  Namespaces namespaces;
};

}  // namespace tidegate::imap
