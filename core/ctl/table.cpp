// SPDX-License-Identifier: Apache-2.0
#include "core/ctl/table.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace tidegate::ctl {
namespace {

// Names of folders and devices come from elsewhere: nothing may steer the administrator's terminal.
std::string clean(std::string text, bool lines) {
  std::ranges::replace_if(
      text, [lines](unsigned char c) { return (c < ' ' && !(lines && c == '\n')) || c == 0x7f; }, '?');
  return text;
}

std::size_t width(std::string_view text) {  // code points; wide characters are rare in names here
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

void pad(std::string& out, std::string_view cell, std::size_t to) {
  out += cell;
  out.append(to - std::min(to, width(cell)), ' ');
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

std::string show(const Value& value) {
  return std::visit(Overloaded{[](std::monostate) { return std::string("-"); },
                               [](bool yes) { return std::string(yes ? "yes" : "no"); },
                               [](std::int64_t number) { return std::to_string(number); },
                               [](double number) { return fmt::format("{:.6g}", number); },
                               [](const std::string& text) { return text.empty() ? "-" : clean(text, false); }},
                    value);
}

void Printout::add(const Line& line) {
  if (const auto* row = std::get_if<Row>(&line)) {
    if (!columns_) {  // a daemon that names none: its keys
      columns_.emplace();
      for (const auto& [key, value] : *row) columns_->columns.push_back({key, key});
    }
    auto& cells = rows_.emplace_back();
    for (const auto& column : columns_->columns) {
      const auto at = std::ranges::find(*row, column.key, &Row::value_type::first);
      cells.push_back(at == row->end() ? "-" : show(at->second));
    }
    return;
  }
  table();
  if (const auto* columns = std::get_if<Columns>(&line)) columns_ = *columns;
  if (const auto* say = std::get_if<Say>(&line); say && !say->text.empty()) out_ += clean(say->text, true) + '\n';
}

void Printout::table() {
  if (!columns_) return;
  for (auto& column : columns_->columns) column.title = clean(std::move(column.title), false);
  if (columns_->upright) {
    upright();
  } else {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_->columns.size(); ++i) {
      auto widest = width(columns_->columns[i].title);
      for (const auto& row : rows_) widest = std::max(widest, width(row[i]));
      widths.push_back(widest);
    }
    const auto line = [&](const auto& cell_of) {
      std::string out;
      for (std::size_t i = 0; i < widths.size(); ++i) pad(out, cell_of(i), widths[i] + 2);
      out.resize(out.find_last_not_of(' ') + 1);
      out_ += out + '\n';
    };
    line([&](std::size_t i) -> std::string_view { return columns_->columns[i].title; });
    for (const auto& row : rows_) line([&](std::size_t i) -> std::string_view { return row[i]; });
    if (rows_.empty()) out_ += "(none)\n";
  }
  columns_.reset();
  rows_.clear();
}

void Printout::upright() {
  std::size_t widest = 0;
  for (const auto& column : columns_->columns) widest = std::max(widest, width(column.title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      pad(out_, columns_->columns[i].title + ":", widest + 2);
      out_ += row[i] + '\n';
    }
    if (&row != &rows_.back()) out_ += '\n';
  }
}

std::string Printout::take() { return std::exchange(out_, {}); }

}  // namespace tidegate::ctl
