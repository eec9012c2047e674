#include "core/tier.h"

#include <algorithm>
#include <utility>

#include "core/config_schema.h"
#include "core/config_sections.h"

namespace talon::core {

extern const std::string_view k_tiers_yaml;  // core/tiers.yaml, embedded at configure time

namespace {

constexpr std::array<std::string_view, k_features> k_words = {"thompson_sampling", "speculative_execution",
                                                              "council_mode",      "budget_enforcement",
                                                              "audit_logs",        "on_premise_deployment"};

TierTable read_built_in() {
  TierTable table;
  // A table that does not parse fails the unit tests, so nothing is left to report here.
  const auto document = read_yaml(k_tiers_yaml, "core/tiers.yaml");
  Report report("core/tiers.yaml");
  (void)check_keys(document.root, tier_schema(), report);
  read_tiers(Section(&document.root).section("tiers"), table, report);
  return table;
}

}  // namespace

std::string_view word(Feature feature) noexcept { return k_words[static_cast<std::size_t>(feature)]; }

std::optional<Feature> parse_feature(std::string_view text) noexcept {
  const auto found = std::ranges::find(k_words, text);
  if (found == k_words.end()) return std::nullopt;
  return static_cast<Feature>(found - k_words.begin());
}

const std::array<Feature, k_features>& all_features() noexcept {
  using enum Feature;
  static constexpr std::array k_all = {thompson_sampling, speculative_execution, council_mode, budget_enforcement,
                                       audit_logs,        on_premise_deployment};
  return k_all;
}

const TierTable& TierTable::built_in() {
  static const TierTable table = read_built_in();
  return table;
}

const Tier* TierTable::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(rows_, name, &Tier::name);
  return found == rows_.end() ? nullptr : &*found;
}

void TierTable::put(Tier tier) {
  std::erase_if(rows_, [&](const Tier& row) { return row.name == tier.name; });
  const auto behind = std::ranges::upper_bound(rows_, tier.rank, {}, &Tier::rank);
  rows_.insert(behind, std::move(tier));
}

}  // namespace talon::core
