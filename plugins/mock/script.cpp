// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/script.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tidegate::mock {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, 11> verbs{"any",       "open",   "changes", "read", "create",     "update",
                                                 "set_flags", "remove", "move",    "test", "make_folder"};
constexpr std::array<std::pair<std::string_view, std::uint32_t>, 6> flags{{{"seen", seen},
                                                                           {"answered", answered},
                                                                           {"flagged", flagged},
                                                                           {"deleted", deleted},
                                                                           {"draft", draft},
                                                                           {"forwarded", forwarded}}};

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> found;
  while (!line.empty()) {
    const auto end = line.find_first_of(" \t\r");
    const auto word = line.substr(0, end);
    if (word.starts_with(';') || word.starts_with('#')) break;
    if (!word.empty()) found.push_back(word);
    line.remove_prefix(end == line.npos ? line.size() : end + 1);
  }
  return found;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

std::optional<milliseconds> span(std::string_view text) {
  std::uint32_t factor = 0;
  for (const auto& [unit, ms] : {std::pair<std::string_view, std::uint32_t>{"ms", 1}, {"s", 1000}, {"m", 60'000}})
    if (factor == 0 && text.ends_with(unit)) {
      factor = ms;
      text.remove_suffix(unit.size());
    }
  const auto value = number(text);
  if (!value || factor == 0) return {};
  return milliseconds(std::uint64_t{*value} * factor);
}

std::optional<std::uint32_t> times(std::string_view text) {
  if (text == "once") return 1;
  if (!text.starts_with('x')) return {};
  return number(text.substr(1));
}

std::optional<FaultKind> kind_of(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(FaultKind::ambiguous); ++i) {
    std::string name(to_string(static_cast<FaultKind>(i)));
    std::ranges::replace(name, ' ', '_');
    if (name == word) return static_cast<FaultKind>(i);
  }
  return {};
}

/// One line's words, taken from the front; a sentence what is wrong, or empty.
class Line {
 public:
  explicit Line(std::vector<std::string_view> found) : words_(std::move(found)) {}

  std::string read(Step& step) {
    const auto when = take();
    const auto first = span(take());
    if ((when != "at" && when != "every") || !first)
      return "begins with `at TIME` or `every TIME xN`, TIME such as 200ms or 3s";
    step.at = *first;
    if (when == "every") {
      const auto count = times(take());
      if (!count || first->count() == 0) return "`every TIME` needs a time above 0 and how often, such as x50";
      step.every = *first;
      step.times = *count;
    }
    return what(step);
  }
  std::string what(Step& step) {
    const auto verb = take();
    auto why = verb == "add"              ? add(step)
               : verb == "flag"           ? flag(step)
               : verb == "remove"         ? of_item(step, Step::What::remove)
               : verb == "spoil"          ? of_item(step, Step::What::spoil)
               : verb == "mend"           ? of_item(step, Step::What::mend)
               : verb == "keep"           ? of_folder(step, Step::What::keep)
               : verb == "restore"        ? of_folder(step, Step::What::restore)
               : verb == "fault"          ? fault_of(step, take(), take())
               : verb == "anchor_expired" ? fault_of(step, "changes", verb)
               : verb == "slow"           ? slow(step)
               : verb == "lose"
                   ? lose(step)
                   : "knows add, flag, remove, spoil, mend, keep, restore, fault, anchor_expired, slow and lose hints";
    if (why.empty() && next_ < words_.size()) why = "has words too many: " + std::string(words_[next_]);
    return why;
  }

 private:
  std::string_view take() { return next_ < words_.size() ? words_[next_++] : std::string_view{}; }
  bool where(Step& step) {
    step.user = take();
    step.folder = take();
    return !step.folder.empty();
  }
  std::string add(Step& step) {
    step.what = Step::What::add;
    if (!where(step)) return "add needs USER FOLDER [FILE]";
    step.file = take();
    return {};
  }
  std::string of_item(Step& step, Step::What what) {
    step.what = what;
    if (!where(step)) return "needs USER FOLDER ITEM";
    step.item = take();
    return step.item.empty() ? "needs USER FOLDER ITEM" : "";
  }
  std::string of_folder(Step& step, Step::What what) {
    step.what = what;
    return where(step) ? "" : "needs USER FOLDER";
  }
  std::string flag(Step& step) {
    step.what = Step::What::flag;
    if (!where(step)) return "flag needs USER FOLDER ITEM +FLAG -FLAG …";
    step.item = take();
    for (auto word = take(); !word.empty(); word = take()) {
      const auto at = std::ranges::find(flags, word.substr(1), &std::pair<std::string_view, std::uint32_t>::first);
      if (at == flags.end() || (word[0] != '+' && word[0] != '-')) return "no flag: " + std::string(word);
      (word[0] == '+' ? step.set : step.clear) |= at->second;
    }
    return step.set | step.clear ? "" : "flag needs at least one +FLAG or -FLAG";
  }
  std::string fault_of(Step& step, std::string_view verb, std::string_view kind) {
    step.what = Step::What::fault;
    const auto known = kind_of(kind);
    if (!known) return "no kind of fault: " + std::string(kind);
    step.kind = *known;
    return counted(step, verb);
  }
  std::string slow(Step& step) {
    step.what = Step::What::slow;
    const auto verb = take();
    auto why = counted(step, verb);
    return why.empty() && step.span.count() == 0 ? "slow needs a verb and a time" : why;
  }
  std::string lose(Step& step) {
    step.what = Step::What::lose_hints;
    const auto what = take();
    const auto time = span(take());
    if (what != "hints" || !time) return "write: lose hints TIME";
    step.span = *time;
    return {};
  }
  /// [TIME] [xN | once]
  std::string counted(Step& step, std::string_view verb) {
    if (std::ranges::find(verbs, verb) == verbs.end()) return "no verb of a session: " + std::string(verb);
    step.verb = verb;
    if (next_ < words_.size())
      if (const auto time = span(words_[next_])) {
        step.span = *time;
        ++next_;
      }
    if (next_ < words_.size()) {
      if (step.every.count() != 0) return "after `every` a fault counts for one call";
      const auto count = times(take());
      if (!count) return "says how often by xN or once";
      step.times = *count;
    }
    return {};
  }

  std::vector<std::string_view> words_;
  std::size_t next_ = 0;
};

}  // namespace

Result<std::vector<Step>> parse_script(std::string_view name, std::string_view text) {
  std::vector<Step> steps;
  for (unsigned line = 1; !text.empty(); ++line) {
    const auto end = text.find('\n');
    auto found = words(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (found.empty()) continue;
    Step step;
    step.line = line;
    if (auto why = Line(std::move(found)).read(step); !why.empty())
      return fault(FaultKind::invalid, std::string(name) + ":" + std::to_string(line),
                   "the mock's script: the line " + why);
    steps.push_back(std::move(step));
  }
  return steps;
}

Result<Step> parse_step(std::string_view line) {
  Step step;
  if (auto why = Line(words(line)).what(step); !why.empty())
    return fault(FaultKind::invalid, {}, "the mock's script: the line " + why);
  return step;
}

void Mischief::arm(const Step& step) {
  const std::scoped_lock lock(mutex_);
  armed_.push_back(step);
  if (step.every.count() != 0) armed_.back().times = 1;
}

Mischief::Wish Mischief::wish(std::string_view verb) {
  const std::scoped_lock lock(mutex_);
  Wish wish;
  for (auto& step : armed_) {
    if (step.times == 0 || (step.verb != verb && step.verb != "any")) continue;
    if (step.what == Step::What::slow) {
      wish.delay = std::max(wish.delay, step.span);
      --step.times;
    } else if (!wish.fault) {
      wish.fault = Fault{step.kind,
                         {},
                         "the mock's script wants this fault (" + std::string(to_string(step.kind)) + ")",
                         {},
                         step.span};
      --step.times;
    }
  }
  std::erase_if(armed_, [](const Step& step) { return step.times == 0; });
  return wish;
}

}  // namespace tidegate::mock
