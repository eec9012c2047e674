// Reads `tiers:`, of talon.yaml and of core/tiers.yaml alike.
#include <utility>

#include "core/config_sections.h"
#include "core/config_values.h"
#include "core/text.h"

namespace talon::core {
namespace {

constexpr std::int64_t k_most = 1'000'000'000'000;
constexpr std::int64_t k_most_per_second = 1'000'000;
constexpr std::int64_t k_most_rank = 1'000'000;
constexpr std::size_t k_max_name = 64;

bool is_tier_name(std::string_view name) {
  if (name.empty() || name.size() > k_max_name || name.front() == '-') return false;
  for (const char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
      return false;
  }
  return true;
}

struct Bound {
  std::string_view key;
  std::optional<std::int64_t> Tier::* member;
  std::int64_t most;
};
constexpr Bound k_bounds[] = {
    {"requests_per_month", &Tier::requests_per_month, k_most},
    {"requests_per_second", &Tier::requests_per_second, k_most_per_second},
    {"max_providers", &Tier::max_providers, k_most},
    {"max_api_keys", &Tier::max_api_keys, k_most},
};

void read_bound(const Section& section, const Bound& bound, Tier& tier, Report& report) {
  const auto* node = section.scalar(bound.key);
  if (node == nullptr) return;
  if (node->text == "unlimited") {
    tier.*bound.member = std::nullopt;
    return;
  }
  // 0 requests a second has no next one to wait for; 0 a month is a plan without calls.
  const std::int64_t least = bound.member == &Tier::requests_per_second ? 1 : 0;
  if (const auto count = parse_count(node->text, least, bound.most)) {
    tier.*bound.member = *count;
  } else {
    report.error(*node, quote(bound.key) + " is \"unlimited\" or " + count.error().message.substr(3));
  }
}

void read_tier(const YamlMember& entry, TierTable& table, Report& report) {
  const Section section(&entry.value);
  if (!is_tier_name(entry.key)) {
    report.error(entry,
                 "a tier's name consists of A-Z, a-z, 0-9, '-' and '_', at most 64 of them: " + quote(entry.key));
    return;
  }
  Tier tier;
  const Tier* known = table.find(entry.key);
  if (known != nullptr) tier = *known;
  tier.name = entry.key;
  if (known == nullptr) {
    if (section.value("rank") == nullptr) report.error(entry, "tier " + quote(entry.key) + " has no \"rank\"");
    for (const auto& bound : k_bounds) {
      if (section.value(bound.key) == nullptr)
        report.error(entry,
                     "tier " + quote(entry.key) + " has no " + quote(bound.key) + " (a number or \"unlimited\")");
    }
  }
  if (const auto rank = read_count(section, "rank", 1, k_most_rank, report)) tier.rank = static_cast<int>(*rank);
  for (const auto& bound : k_bounds) read_bound(section, bound, tier, report);
  for (const auto feature : all_features()) {
    const auto* node = section.scalar(word(feature));
    if (node == nullptr) continue;
    if (node->text == "true" || node->text == "false") {
      tier.set(feature, node->text == "true");
    } else {
      report.error(*node, quote(word(feature)) + " must be true or false, not " + quote(node->text));
    }
  }
  if (const auto* node = section.scalar("sla")) {
    if (node->text.empty() || record_text(node->text) != node->text) {
      report.error(*node, "\"sla\" must be a text of 1 to 256 printable characters");
    } else {
      tier.sla = node->text;
    }
  }
  for (const auto& other : table.rows()) {
    if (tier.rank > 0 && other.rank == tier.rank && other.name != tier.name)
      report.error(entry, "tier " + quote(tier.name) + " has the rank of " + quote(other.name) +
                              "; which of them is the upgrade?");
  }
  table.put(std::move(tier));
}

}  // namespace

void read_tiers(const Section& tiers, TierTable& table, Report& report) {
  if (tiers.node() == nullptr) return;
  for (const auto& entry : tiers.node()->members) {
    if (entry.value.kind != YamlNode::Kind::mapping && entry.value.kind != YamlNode::Kind::null) continue;
    read_tier(entry, table, report);
  }
}

}  // namespace talon::core
