// Routing and features of a tenant, within its tier.
#include <algorithm>
#include <array>

#include "gateway/api/account_keys.h"
#include "gateway/api/json_object.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::string_view k_usual_routing = R"({"policy":"fallback","models":{}})";

/// Policies by name; those that are not built yet are told apart from those that do not exist.
struct PolicyName {
  std::string_view name;
  std::optional<core::Feature> feature{};
  bool built = false;
};
constexpr std::array k_policies = {
    PolicyName{"fallback", {}, true},
    PolicyName{"cost"},
    PolicyName{"latency"},
    PolicyName{"weighted"},
    PolicyName{"thompson-sampling", core::Feature::thompson_sampling},
    PolicyName{"speculative-execution", core::Feature::speculative_execution},
    PolicyName{"council-mode", core::Feature::council_mode},
};

std::vector<std::string_view> policy_names() {
  std::vector<std::string_view> names;
  for (const auto& policy : k_policies) names.push_back(policy.name);
  return names;
}

std::string features_json(const core::Tier* tier, const vault::AccountRow& row) {
  std::string out;
  JsonObject object(out);
  JsonObject features(object.member("features"));
  for (const auto feature : core::all_features())
    features.boolean(core::word(feature), has_feature(tier, row, feature));
  features.end();
  object.end();
  return out;
}

Answer store(const Change& change, KnownTenant known, std::string_view action,
             const std::function<std::string(const vault::AccountRow&)>& answer) {
  if (!known.stored) known.row.created = change.now();
  const auto stored = change.registry().change_account(std::move(known.row), action, change.actor());
  if (!stored) return std::unexpected(from_registry(stored.error(), "tenant"));
  change.tell(*change.tenant);
  return json_response(answer(*stored));
}

std::string routing_of(const vault::AccountRow& row) {
  return row.routing.empty() ? std::string(k_usual_routing) : row.routing;
}

}  // namespace

Answer put_routing(const Change& change) {
  BodyReader in(change.body);
  const auto name = in.word("policy", policy_names());
  bool has_models = false;
  if (auto models = in.optional_object("models")) has_models = !models->any_members().empty();
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  auto known = change.known();
  if (!known) return std::unexpected(known.error());

  const auto& policy = *std::ranges::find(k_policies, name, &PolicyName::name);
  const auto* tier = tier_of(change.request(), known->row);
  if (policy.feature && tier != nullptr && !tier->has(*policy.feature))
    return std::unexpected(feature_refusal(*tier, *policy.feature));
  if (!policy.built)
    return refuse(Code::not_supported,
                  "The policy \"" + name + "\" is not supported by this version; \"fallback\" is.");
  if (has_models)
    return refuse(Code::not_supported,
                  "Candidates of single models are not supported by this version; \"models\" is {}.");
  known->row.routing = k_usual_routing;
  return store(change, *std::move(known), "tenant.routing", &routing_of);
}

Answer put_features(const Change& change) {
  BodyReader in(change.body);
  auto features = in.object("features");
  std::vector<std::pair<core::Feature, std::optional<bool>>> wanted;
  for (const auto feature : core::all_features())
    wanted.emplace_back(feature, features.optional_boolean(core::word(feature)));
  if (auto problem = features.problem()) return std::unexpected(*std::move(problem));
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  auto known = change.known();
  if (!known) return std::unexpected(known.error());

  const auto* tier = tier_of(change.request(), known->row);
  auto& off = known->row.features_off;
  for (const auto& [feature, on] : wanted) {
    const std::string name(core::word(feature));
    const bool in_tier = tier == nullptr || tier->has(feature);
    if (on == true && !in_tier) return std::unexpected(feature_refusal(*tier, feature));
    if (on == true) std::erase(off, name);
    if (on == false && in_tier && std::ranges::find(off, name) == off.end()) off.push_back(name);
  }
  return store(change, *std::move(known), "tenant.features",
               [tier](const vault::AccountRow& row) { return features_json(tier, row); });
}

Answer show_routing(const ApiRequest& request, const core::TenantId& tenant) {
  const auto known = find_tenant(request, *request.registry, tenant);
  if (!known) return std::unexpected(known.error());
  return json_response(routing_of(known->row));
}

Answer show_features(const ApiRequest& request, const core::TenantId& tenant) {
  const auto known = find_tenant(request, *request.registry, tenant);
  if (!known) return std::unexpected(known.error());
  return json_response(features_json(tier_of(request, known->row), known->row));
}

}  // namespace talon::gateway
