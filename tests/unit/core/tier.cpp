#include "core/tier.h"

#include <doctest/doctest.h>

#include "core/config.h"

using namespace talon::core;  // NOLINT: a test of this namespace

namespace {

std::string errors(const std::string& yaml) {
  std::string out;
  for (const auto& problem : parse_config(yaml, "talon.yaml").problems) out += to_text(problem) + "\n";
  return out;
}

}  // namespace

TEST_CASE("the built-in tiers are the guide's table, with council mode from growth on") {
  using enum Feature;
  const auto& table = TierTable::built_in();
  REQUIRE(table.rows().size() == 4);
  struct Row {
    const char* name;
    std::optional<std::int64_t> month, second, providers, keys;
    bool thompson, speculative, council, budget, audit, premise;
    std::optional<std::string> sla;
  };
  const Row rows[] = {
      {"trial", 50'000, 10, 3, 1, true, false, false, false, false, false, {}},
      {"developer", 500'000, 10, 5, 3, true, false, false, true, false, false, {}},
      {"growth", 2'000'000, 50, 10, 10, true, true, true, true, true, false, {}},
      {"scale", std::nullopt, 1000, 20, std::nullopt, true, true, true, true, true, true, "99.9%"},
  };
  int rank = 0;
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto* tier = table.find(row.name);
    REQUIRE(tier != nullptr);
    CHECK(tier->rank > rank);
    rank = tier->rank;
    CHECK(tier->requests_per_month == row.month);
    CHECK(tier->requests_per_second == row.second);
    CHECK(tier->max_providers == row.providers);
    CHECK(tier->max_api_keys == row.keys);
    CHECK(tier->has(thompson_sampling) == row.thompson);
    CHECK(tier->has(speculative_execution) == row.speculative);
    CHECK(tier->has(council_mode) == row.council);
    CHECK(tier->has(budget_enforcement) == row.budget);
    CHECK(tier->has(audit_logs) == row.audit);
    CHECK(tier->has(on_premise_deployment) == row.premise);
    CHECK(tier->sla == row.sla);
  }
  CHECK(table.find("Growth") == nullptr);
  CHECK(table.find("") == nullptr);
}

TEST_CASE("features have one word each, both ways") {
  for (const auto feature : all_features()) CHECK(parse_feature(word(feature)) == feature);
  CHECK_FALSE(parse_feature("teleportation"));
}

TEST_CASE("tiers in the configuration change members and add rows") {
  const auto parsed = parse_config(
      "tiers:\n  trial: {requests_per_month: 3, council_mode: true, max_api_keys: unlimited}\n"
      "  mini: {rank: 15, requests_per_month: 1, requests_per_second: 1, max_providers: 0, max_api_keys: 0}\n",
      "talon.yaml");
  for (const auto& problem : parsed.problems) FAIL_CHECK(to_text(problem));
  const auto& tiers = parsed.config.tiers;
  CHECK(tiers.find("trial")->requests_per_month == 3);
  CHECK(tiers.find("trial")->requests_per_second == 10);
  CHECK_FALSE(tiers.find("trial")->max_api_keys);
  CHECK(tiers.find("trial")->has(Feature::council_mode));
  REQUIRE(tiers.rows().size() == 5);
  CHECK(tiers.rows()[1].name == "mini");
  CHECK_FALSE(tiers.find("mini")->has(Feature::thompson_sampling));
  CHECK(TierTable::built_in().find("trial")->requests_per_month == 50'000);
}

TEST_CASE("what is wrong with a tier is said at its place") {
  CHECK(errors("tiers:\n  mini: {rank: 5}\n").find("talon.yaml:2:3: tier \"mini\" has no \"requests_per_month\"") !=
        std::string::npos);
  CHECK(errors("tiers: {trial: {requests_per_month: many}}\n") ==
        "talon.yaml:1:37: \"requests_per_month\" is \"unlimited\" or a whole number between 0 and 1000000000000, not "
        "\"many\"\n");
  CHECK(errors("tiers: {trial: {requests_per_second: 0}}\n") != "");
  CHECK(errors("tiers: {trial: {requests_per_second: -1}}\n") != "");
  CHECK(errors("tiers: {trial: {council_mode: yes}}\n") ==
        "talon.yaml:1:31: \"council_mode\" must be true or false, not \"yes\"\n");
  CHECK(errors("tiers: {trial: {rank: 20}}\n") ==
        "talon.yaml:1:9: tier \"trial\" has the rank of \"developer\"; which of them is the upgrade?\n");
  CHECK(errors("tiers: {trial: {council_mod: true}}\n").find("did you mean \"council_mode\"?") != std::string::npos);
  CHECK(errors("tiers: {\"a b\": {rank: 1}}\n") != "");
}
