// SPDX-License-Identifier: Apache-2.0
// tidegate-plugin-check PLUGIN.so --config FILE: holds a plugin and a live back-end against the laws of the Store
// contract.
#include <chrono>
#include <iostream>
#include <random>

#include <boost/program_options.hpp>
#include <gtest/gtest.h>

#include "core/plugin_check/subject.hpp"
#include "core/sdk/values.hpp"

namespace options = boost::program_options;

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  tidegate::check::Options chosen;
  std::string kind;
  options::options_description known(
      "tidegate-plugin-check PLUGIN.so --config FILE [options] [--gtest_… options]\n"
      "Writes only into folders it makes itself, or into --folder.\nOptions");
  known.add_options()("help", "this text")("plugin", options::value(&chosen.plugin)->required(),
                                           "path of the plugin's .so")(
      "config", options::value(&chosen.config)->required(), "ini file with a [backend:NAME] section for it")(
      "backend", options::value(&chosen.backend), "which section, if there are several")(
      "user", options::value(&chosen.user)->default_value("alice"), "whose mailbox (a test user's)")(
      "kind", options::value(&kind)->default_value("mail"), "mail, event or contact: what the back-end holds")(
      "folder", options::value(&chosen.folder), "id of a folder to write in, where none can be made")(
      "hand", options::value(&chosen.hand),
      "command that acts at the back-end itself: COMMAND keep|restore|spoil|mend (the manual page says what)")(
      "seed", options::value(&chosen.seed), "of the random interleavings of law 2; else one is chosen and printed")(
      "steps", options::value(&chosen.steps)->default_value(200), "how many of them")(
      "patience", options::value<unsigned>()->default_value(30), "seconds within which the back-end tells of a change");
  options::positional_options_description first;
  first.add("plugin", 1);
  try {
    options::variables_map values;
    options::store(options::command_line_parser(count, arguments).options(known).positional(first).run(), values);
    if (values.contains("help")) {
      std::cout << known << '\n';
      return 0;
    }
    options::notify(values);
    if (!tidegate::values::choose(
            chosen.kind, kind,
            {{"mail", tidegate::Kind::mail}, {"event", tidegate::Kind::event}, {"contact", tidegate::Kind::contact}}))
      throw options::error("--kind is mail, event or contact");
    if (!values.contains("seed")) chosen.seed = std::random_device{}();
    chosen.patience = std::chrono::seconds(values["patience"].as<unsigned>());
  } catch (const options::error& error) {
    std::cerr << "tidegate-plugin-check: " << error.what() << "\n\n" << known << '\n';
    return 2;
  }
  if (!chosen.plugin.contains('/')) chosen.plugin = "./" + chosen.plugin;
  if (const auto why = tidegate::check::Subject::prepare(std::move(chosen)); !why.empty()) {
    std::cerr << "tidegate-plugin-check: " << why << '\n';
    tidegate::check::Subject::done();
    return 2;
  }
  std::cout << "The same interleavings again: --seed " << tidegate::check::Subject::get().options().seed << std::endl;
  const int result = RUN_ALL_TESTS();
  tidegate::check::Subject::done();
  return result;
}
