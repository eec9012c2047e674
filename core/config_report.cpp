#include "core/config_report.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "core/text.h"

namespace talon::core {

Problem& Report::error(Place place, std::string message) {
  Problem problem;
  problem.place = std::move(place);
  problem.message = std::move(message);
  problems_.push_back(std::move(problem));
  return problems_.back();
}

void Report::add(std::vector<Problem> problems) { std::ranges::move(problems, std::back_inserter(problems_)); }

std::vector<Problem> Report::take() {
  std::multimap<std::pair<int, int>, Problem> in_order;  // keeps the order of those at one place
  for (auto& problem : problems_) {
    const std::pair at(problem.place.line, problem.place.column);
    in_order.emplace(at, std::move(problem));
  }
  problems_.clear();
  std::vector<Problem> out;
  out.reserve(in_order.size());
  for (auto& [at, problem] : in_order) out.push_back(std::move(problem));
  return out;
}

std::string quote(std::string_view text) {
  constexpr std::size_t k_shown = 60;
  std::string shown = terminal_text(record_text(text.substr(0, std::min(text.size(), k_shown))));
  if (text.size() > k_shown) shown += "…";
  return '"' + shown + '"';
}

}  // namespace talon::core
