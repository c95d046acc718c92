// SPDX-License-Identifier: Apache-2.0
#include "core/ctl/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/ctl/access.hpp"
#include "core/ctl/table.hpp"

namespace tidegate::ctl {
namespace {
using testing::HasSubstr;

Result<std::string> secret(const std::string& path) {
  if (path == "pw") return "hunter2";
  return fault(FaultKind::not_found, path, "No such file.");
}
Result<Invocation> parsed(std::vector<std::string> words) { return parse(words, secret); }
std::string wrong(std::vector<std::string> words) {
  auto result = parse(words, secret);
  return result ? "accepted" : result.error().text;
}

TEST(CommandsTest, words_positionals_and_options_in_any_order) {
  auto one = parsed({"--json", "user", "add", "anna@example.com", "--password-file", "pw", "--socket", "/tmp/s"});
  ASSERT_TRUE(one) << one.error().text;
  EXPECT_EQ(one->request.command, "user add");
  EXPECT_EQ(one->request["user"], "anna@example.com");
  EXPECT_EQ(one->request["password"], "hunter2");
  EXPECT_EQ(one->request["password_file"], "") << "the daemon gets the octets: it may not be able to read the file";
  EXPECT_TRUE(one->json);
  EXPECT_EQ(one->socket, "/tmp/s");
  one = parsed({"device", "revoke", "anna@example.com", "0011"});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->request["device"], "0011");
  one = parsed({"device", "list"});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->request["user"], "");
  EXPECT_EQ(one->socket, default_socket);
  one = parsed({"recovery-key", "--confirm"});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->request["confirm"], "true");
  EXPECT_FALSE(parsed({"recovery-key"})->request.fields.contains("confirm"));
}

TEST(CommandsTest, secrets_come_from_files_only) {
  const auto one = parsed({"register", "--licence", "acme", "--password-file", "pw"});
  ASSERT_TRUE(one) << one.error().text;
  EXPECT_EQ(one->request["password"], "hunter2");
  EXPECT_EQ(wrong({"register", "--licence", "acme", "--password-file", "none"}), "No such file.");
  EXPECT_THAT(wrong({"register", "--licence", "acme"}), HasSubstr("--password-file is missing"));
  EXPECT_THAT(wrong({"register", "--licence", "acme", "--password", "x"}), HasSubstr("--password"));
}

TEST(CommandsTest, a_list_takes_the_place_of_the_user) {
  const auto one = parsed({"user", "add", "--file", "users.txt", "--site", "hq"});
  ASSERT_TRUE(one) << one.error().text;
  EXPECT_EQ(one->list, "users.txt");
  EXPECT_EQ(one->list_field, "user");
  EXPECT_EQ(one->request["site"], "hq");
  EXPECT_THAT(wrong({"user", "add", "anna@example.com", "--file", "users.txt"}), HasSubstr("one word too many"));
  EXPECT_THAT(wrong({"user", "add", "--file", "users.txt", "--password-file", "pw"}), HasSubstr("one password"));
  EXPECT_THAT(wrong({"pair", "--file", "users.txt"}), HasSubstr("--file"));
}

TEST(CommandsTest, what_concerns_a_back_end) {
  auto one = parsed({"test", "hq-mail"});
  ASSERT_TRUE(one) << one.error().text;
  EXPECT_EQ(one->request["backend"], "hq-mail");
  EXPECT_EQ(one->request["user"], "");
  EXPECT_EQ(one->patience, std::chrono::minutes(5));
  one = parsed({"test", "hq-mail", "--user", "anna@example.com"});
  ASSERT_TRUE(one) << one.error().text;
  EXPECT_EQ(one->request["user"], "anna@example.com");
  one = parsed({"retry", "anna@example.com"});
  ASSERT_TRUE(one) << one.error().text;
  EXPECT_EQ(one->request["who"], "anna@example.com");
  one = parsed({"token", "grant", "hq-mail", "anna@example.com"});
  ASSERT_TRUE(one) << one.error().text;
  EXPECT_EQ(one->request.command, "token grant");
  EXPECT_GT(one->patience, std::chrono::minutes(60)) << "a person has to enter a code";
  EXPECT_THAT(wrong({"token"}), HasSubstr("token grant"));
  EXPECT_THAT(wrong({"retry"}), HasSubstr("WHO is missing"));
}

TEST(CommandsTest, wrong_usage_says_what_to_type) {
  EXPECT_THAT(wrong({}), HasSubstr("--help"));
  EXPECT_THAT(wrong({"frobnicate"}), HasSubstr("no command \"frobnicate\""));
  EXPECT_THAT(wrong({"user"}), HasSubstr("user add"));
  EXPECT_THAT(wrong({"user", "frob", "x"}), HasSubstr("no command \"user frob\"; there are user add"));
  EXPECT_THAT(wrong({"user", "add"}), HasSubstr("USER is missing: tidegatectl user add USER"));
  EXPECT_THAT(wrong({"pair", "a", "b"}), HasSubstr("\"b\" is one word too many"));
  EXPECT_THAT(wrong({"status", "--frob"}), HasSubstr("--frob"));
  EXPECT_THAT(wrong({"user", "add", "a", "--password-file"}), HasSubstr("password-file"));
  EXPECT_THAT(wrong({"user", "add", "a", "--sit", "x"}), HasSubstr("--sit"));  // never guessed
}

TEST(CommandsTest, a_device_is_admitted_with_its_suite) {
  const auto add = parsed({"device", "add", "anna@example.com", "--suite", "vmes-1", "--days", "7"});
  ASSERT_TRUE(add);
  EXPECT_EQ(add->request.command, "device add");
  EXPECT_EQ(add->request["user"], "anna@example.com");
  EXPECT_EQ(add->request["suite"], "vmes-1");
  EXPECT_EQ(add->request["days"], "7");
  EXPECT_THAT(wrong({"device", "add", "anna@example.com"}), HasSubstr("--suite is missing"));
}

TEST(CommandsTest, help_covers_every_command) {
  const auto all = parsed({"--help"});
  ASSERT_TRUE(all);
  for (const auto& command : commands()) {
    EXPECT_THAT(all->help, HasSubstr(command.words));
    EXPECT_THAT(help(command), HasSubstr(command.doc));
  }
  EXPECT_THAT(all->help, HasSubstr("Exit codes"));
  EXPECT_THAT(parsed({"user", "add", "--help"})->help, HasSubstr("--password-file"));
  EXPECT_TRUE(parsed({"--version"})->version);
}

TEST(ProtocolTest, round_trips) {
  const Request request{.command = "user add", .fields = {{"a", "1"}, {"b", "\"\n\\"}}};
  const auto line = encode(request);
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  const auto back = decode_request(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->fields, request.fields);
  EXPECT_EQ((*decode_request(R"({"command":"x","n":3,"b":true,"z":null})"))["n"], "3");
  EXPECT_EQ((*decode_request(R"({"command":"x","n":3,"b":true,"z":null})"))["b"], "true");

  auto end = decode_line(R"({"ok":false,"fault":{"kind":"anchor expired","text":"T","where":"W"}})");
  ASSERT_TRUE(end);
  EXPECT_EQ(std::get<End>(*end).fault->kind, FaultKind::anchor_expired);
  EXPECT_EQ(std::get<End>(*end).fault->where, "W");
  EXPECT_TRUE(std::holds_alternative<Say>(*decode_line(R"({"later":1})")));
  EXPECT_FALSE(decode_line("[]"));
  EXPECT_FALSE(decode_line(R"({"columns":3})"));
  EXPECT_EQ(decode_line(std::string(max_line + 1, ' ')).error().kind, FaultKind::too_large);
}

TEST(TableTest, columns_are_as_wide_as_they_need) {
  Printout printout;
  printout.add(Columns{{{"user", "User"}, {"n", "Devices"}, {"x", "Last"}}, false});
  printout.add(Row{{"user", std::string("jörg@example.com")}, {"n", std::int64_t{12}}});
  printout.add(Row{{"n", std::int64_t{1}}, {"user", std::string("a@b")}, {"x", true}, {"new", 1.5}});
  EXPECT_EQ(printout.take(), "");
  printout.add(End{});
  EXPECT_EQ(printout.take(),
            "User              Devices  Last\n"
            "jörg@example.com  12       -\n"
            "a@b               1        yes\n");
  EXPECT_EQ(printout.take(), "");
}

TEST(TableTest, upright_empty_and_sentences) {
  Printout printout;
  printout.add(Columns{{{"a", "State"}, {"b", "Open since"}}, true});
  printout.add(Row{{"a", std::string("open")}, {"b", std::monostate{}}});
  printout.add(Columns{{{"a", "User"}}, false});
  printout.add(Say{"All is well."});
  EXPECT_EQ(printout.take(), "State:      open\nOpen since: -\nUser\n(none)\nAll is well.\n");
}

TEST(TableTest, nothing_steers_the_terminal) {
  EXPECT_EQ(show(std::string("a\x1b[2Jb\nc")), "a?[2Jb?c");
  Printout printout;
  printout.add(Say{"one\ntwo\x1b"});
  EXPECT_EQ(printout.take(), "one\ntwo?\n");
}

TEST(AccessTest, root_own_user_and_members) {
  const auto access = access_for("");
  ASSERT_TRUE(access);
  EXPECT_TRUE((*access)(0));
  EXPECT_TRUE((*access)(static_cast<int>(geteuid())));
  EXPECT_FALSE((*access)(-1));
  EXPECT_FALSE((*access)(65533));
  EXPECT_EQ(access_for("no-such-group-here").error().kind, FaultKind::not_found);
  const auto grouped = access_for("root");
  ASSERT_TRUE(grouped);
  EXPECT_FALSE((*grouped)(65533));
  EXPECT_FALSE((*grouped)(-1));
  EXPECT_EQ(open_to_group("/nonexistent/socket", "").error().kind, FaultKind::denied);
}

}  // namespace
}  // namespace tidegate::ctl
