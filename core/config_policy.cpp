// Policies: what a caller may, from `defaults`, `limits` and `policy_overrides`.
#include <algorithm>

#include "core/canonical_json.h"
#include "core/config_sections.h"
#include "core/config_values.h"
#include "core/text.h"

namespace talon::core {
namespace {

constexpr std::size_t k_max_patterns = 256;
constexpr std::int64_t k_most_per_minute = 1'000'000'000;
constexpr std::int64_t k_least_max_body = 1 << 10;

/// Money of a cap: not negative, and inside what a record can hold.
std::optional<NanoUsd> read_cap(const Section& section, std::string_view key, Report& report) {
  const auto* node = section.scalar(key);
  if (node == nullptr) return std::nullopt;
  const auto money = NanoUsd::parse(node->text);
  if (!money) {
    report.error(*node, quote(key) + ": " + money.error().message);
    return std::nullopt;
  }
  if (money->nano() < 0 || money->nano() > k_max_integer) {
    report.error(*node, quote(key) + " must lie between 0 and " + NanoUsd(k_max_integer).to_decimal() + " USD");
    return std::nullopt;
  }
  return *money;
}

std::optional<std::vector<std::string>> read_patterns(const Section& section, Report& report) {
  const auto* node = section.value("allowed_models");
  if (node == nullptr) return std::nullopt;
  std::vector<const YamlNode*> entries;
  if (node->kind == YamlNode::Kind::scalar) entries.push_back(node);
  for (const auto& item : node->items) entries.push_back(&item);
  if (node->kind == YamlNode::Kind::sequence && entries.empty()) {
    report.error(*node, R"("allowed_models" needs at least one pattern; leave it out to allow every model)");
    return std::nullopt;
  }
  if (entries.size() > k_max_patterns) {
    report.error(*node, "\"allowed_models\" has more than 256 patterns");
    return std::nullopt;
  }
  std::vector<std::string> patterns;
  for (const auto* entry : entries) {
    if (entry->kind != YamlNode::Kind::scalar) continue;
    if (entry->text.empty() || record_text(entry->text) != entry->text) {
      report.error(
          *entry,
          R"(a pattern of "allowed_models" is a model's name of 1 to 256 printable characters, with * for any text)");
    } else {
      patterns.push_back(entry->text);
    }
  }
  return patterns;
}

CanonicalValue list_of(const std::vector<std::string>& texts) {
  CanonicalArray list;
  for (const auto& text : texts) list.emplace_back(CanonicalValue::Variant(text));
  return {CanonicalValue::Variant(std::move(list))};
}

}  // namespace

PolicyReader::PolicyReader(const Section& gateway, std::int64_t max_body, Report& report)
    : max_body_(max_body), report_(report) {
  ceiling_ = members(gateway.section("limits"), "\"limits:\"");
  standard_ = ceiling_;
  standard_.models_ceiling = std::exchange(standard_.allowed_models, std::nullopt);
  standard_ = read(gateway.section("defaults"), "\"defaults:\"");
}

CallerPolicy PolicyReader::members(const Section& section, std::string_view whose) {
  CallerPolicy policy;
  policy.max_daily_cost = read_cap(section, "max_daily_cost", report_);
  policy.requests_per_minute = read_count(section, "requests_per_minute", 1, k_most_per_minute, report_);
  policy.allowed_models = read_patterns(section, report_);
  if (const auto* node = section.scalar("max_body")) {
    const auto size = parse_size(node->text);
    if (!size) {
      report_.error(*node, "\"max_body\" " + size.error().message);
    } else if (*size < k_least_max_body || *size > max_body_) {
      report_.error(*node, "\"max_body\" of " + std::string(whose) + " must lie between 1KiB and the " +
                               std::to_string(max_body_) + " bytes of server.max_body");
    } else {
      policy.max_body = *size;
    }
  }
  return policy;
}

CallerPolicy PolicyReader::read(const Section& overrides, std::string_view whose) {
  CallerPolicy own = members(overrides, whose);
  const auto above = [&](std::string_view key, const std::string& value, const std::string& most) {
    report_.error(*overrides.scalar(key), quote(key) + " of " + std::string(whose) + " is " + value +
                                              ", above the ceiling of " + most + " under \"limits:\"");
  };
  if (own.max_daily_cost && ceiling_.max_daily_cost && *own.max_daily_cost > *ceiling_.max_daily_cost)
    above("max_daily_cost", own.max_daily_cost->to_dollars(), ceiling_.max_daily_cost->to_dollars());
  if (own.requests_per_minute && ceiling_.requests_per_minute &&
      *own.requests_per_minute > *ceiling_.requests_per_minute)
    above("requests_per_minute", std::to_string(*own.requests_per_minute),
          std::to_string(*ceiling_.requests_per_minute));
  if (own.max_body && ceiling_.max_body && *own.max_body > *ceiling_.max_body)
    above("max_body", std::to_string(*own.max_body) + " bytes", std::to_string(*ceiling_.max_body));
  CallerPolicy effective = standard_;
  if (own.max_daily_cost) effective.max_daily_cost = own.max_daily_cost;
  if (own.requests_per_minute) effective.requests_per_minute = own.requests_per_minute;
  if (own.max_body) effective.max_body = own.max_body;
  if (own.allowed_models) effective.allowed_models = std::move(own.allowed_models);
  return effective;
}

bool CallerPolicy::allows_model(std::string_view model) const noexcept {
  for (const auto* patterns : {&allowed_models, &models_ceiling}) {
    if (!*patterns) continue;
    if (std::ranges::none_of(**patterns, [&](const std::string& pattern) { return matches_pattern(pattern, model); }))
      return false;
  }
  return true;
}

std::string CallerPolicy::canonical_line() const {
  CanonicalObject object;
  const auto number = [&](const char* name, std::optional<std::int64_t> value) {
    if (value) object.emplace(name, CanonicalValue(CanonicalValue::Variant(*value)));
  };
  if (max_daily_cost) number("max_daily_nano_usd", max_daily_cost->nano());
  number("requests_per_minute", requests_per_minute);
  number("max_body", max_body);
  if (allowed_models) object.emplace("allowed_models", list_of(*allowed_models));
  if (models_ceiling) object.emplace("allowed_models_limit", list_of(*models_ceiling));
  std::string line;
  write_canonical(CanonicalValue(CanonicalValue::Variant(std::move(object))), line);
  return line;
}

// After a star only the newest one need ever be tried again, so this is linear in practice and
// |pattern| * |text| at worst; both are bounded by 256 characters.
bool matches_pattern(std::string_view pattern, std::string_view text) noexcept {
  constexpr auto k_none = std::string_view::npos;
  std::size_t p = 0, t = 0, star = k_none, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != k_none) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace talon::core
