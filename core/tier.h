// Tier: what a customer's plan allows. The built-in table is core/tiers.yaml; `tiers:` in talon.yaml changes members of
// its rows or adds rows (talon.yaml(5)).
//
// Plain values, immutable once read. A tenant without a tier (YAML, tags) has no limits of a tier and all features.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace talon::core {

enum class Feature : std::uint8_t {
  thompson_sampling,
  speculative_execution,
  council_mode,
  budget_enforcement,
  audit_logs,
  on_premise_deployment,
};
inline constexpr std::size_t k_features = 6;
/// The member's name in YAML and JSON, e.g. "council_mode".
[[nodiscard]] std::string_view word(Feature feature) noexcept;
[[nodiscard]] std::optional<Feature> parse_feature(std::string_view text) noexcept;
/// In the order of the guide's table.
[[nodiscard]] const std::array<Feature, k_features>& all_features() noexcept;

struct Tier {
  std::string name;
  int rank = 0;  ///< to a higher one is an upgrade; no two tiers have the same
  // nullopt = unlimited.
  std::optional<std::int64_t> requests_per_month;   ///< UTC month, counted at admission
  std::optional<std::int64_t> requests_per_second;  ///< burst: as many at once
  std::optional<std::int64_t> max_providers;
  std::optional<std::int64_t> max_api_keys;
  std::array<bool, k_features> features{};
  std::optional<std::string> sla;  ///< "99.9%"

  [[nodiscard]] bool has(Feature feature) const noexcept { return features[static_cast<std::size_t>(feature)]; }
  void set(Feature feature, bool on) noexcept { features[static_cast<std::size_t>(feature)] = on; }
};

class TierTable {
 public:
  /// core/tiers.yaml.
  [[nodiscard]] static const TierTable& built_in();

  /// nullptr: no tier of this name (names are compared by bytes).
  [[nodiscard]] const Tier* find(std::string_view name) const noexcept;
  /// By rank.
  [[nodiscard]] const std::vector<Tier>& rows() const noexcept { return rows_; }
  /// Replaces the row of this name, or adds it.
  void put(Tier tier);

 private:
  std::vector<Tier> rows_;
};

}  // namespace talon::core
