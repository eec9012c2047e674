// The table of interfaces.md §3, row by row.
#include "gateway/api/access.h"

#include <algorithm>

#include "core/text.h"
#include "gateway/guard/limits.h"
#include "gateway/http/target.h"

namespace talon::gateway {
namespace {

using core::Code;

std::unexpected<Refusal> wrong_kind(std::string sentence) { return refuse(Code::wrong_key_kind, std::move(sentence)); }

std::expected<void, Refusal> check_admin(const ApiRequest& request) {
  if (!request.caller->read_only || request.match.route->kind == RouteKind::read) return {};
  return wrong_kind("This admin key has the scope read; to change something takes one of scope full.");
}

std::expected<void, Refusal> check_own(const Caller& caller, const std::optional<core::TenantId>& tenant) {
  if (!tenant || tenant == caller.tenant) return {};
  return refuse(Code::tenant_mismatch, "This key belongs to tenant \"" + caller.tenant->bytes() +
                                           "\" and may not ask about \"" + tenant->bytes() + "\".");
}

/// The registry's words as a sentence.
std::string sentence_of(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z')
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  if (!text.ends_with('.')) text += '.';
  return text;
}

/// The name of the parameter that `encoded` is the value of stands in the route's pattern.
Refusal bad_parameter(const ApiRequest& request, std::string_view encoded, const core::Error& error) {
  const auto pattern = request.match.route->pattern;
  const bool first = encoded.data() == request.match.first.data();
  const auto open = first ? pattern.find('{') : pattern.rfind('{');
  const auto name = pattern.substr(open + 1, pattern.find('}', open) - open - 1);
  return {{error.code, sentence_of(error.message), {}}, {{"param", json_quote(name)}}, {}};
}

vault::AccountRow row_without_account(const core::TenantId& tenant, bool configured) {
  return {.id = tenant,
          .source = configured ? vault::AccountSource::config : vault::AccountSource::tag,
          .status = vault::AccountStatus::active,
          .name = {},
          .email = {},
          .tier = {},
          .pending_tier = {},
          .effective_at = {},
          .monthly_budget = {},
          .own_provider_keys = false,
          .features_off = {},
          .routing = {},
          .reason = {},
          .suspended_at = {},
          .closed_at = {},
          .created = {},
          .changed = {}};
}

}  // namespace

std::expected<std::string, Refusal> path_parameter(const ApiRequest& request, std::string_view encoded) {
  auto text = decode_path_parameter(encoded);
  if (!text) return std::unexpected(bad_parameter(request, encoded, text.error()));
  return *std::move(text);
}

std::expected<core::TenantId, Refusal> tenant_parameter(const ApiRequest& request) {
  const auto text = path_parameter(request, request.match.first);
  if (!text) return std::unexpected(text.error());
  auto tenant = core::TenantId::parse(*text);
  if (!tenant) return std::unexpected(bad_parameter(request, request.match.first, tenant.error()));
  return *std::move(tenant);
}

std::expected<void, Refusal> check_key_kind(const ApiRequest& request) {
  const auto& caller = *request.caller;
  const auto who = request.match.route->who;
  if (request.fields->find("X-Talon-Tenant-Id"))
    return refuse(Code::invalid_request,
                  "X-Talon-Tenant-Id tags calls to providers; here the path says whom it is about.");
  if (caller.kind == KeyKind::admin) return check_admin(request);
  if (who == Who::admin) return wrong_kind("This takes an admin key.");
  switch (caller.kind) {
    case KeyKind::static_key:
    case KeyKind::virtual_key:
      return wrong_kind(
          "This key makes calls to providers; an account is asked about with a tenant's own key or an admin key.");
    case KeyKind::caller:
      if (who == Who::owner)
        return wrong_kind(
            "A caller's key of the configuration changes nothing; use a tenant's own sk-… key or an admin key.");
      break;
    case KeyKind::tenant_key:
    case KeyKind::admin:
      break;
  }
  return {};
}

std::expected<void, Refusal> check_access(const ApiRequest& request, const std::optional<core::TenantId>& tenant) {
  if (const auto allowed = check_key_kind(request); !allowed) return allowed;
  return request.caller->kind == KeyKind::admin ? std::expected<void, Refusal>() : check_own(*request.caller, tenant);
}

vault::Actor actor_of(const Caller& caller) { return {caller.kind == KeyKind::admin ? caller.name : caller.key_id}; }

bool is_configured(const Snapshot& snapshot, const core::TenantId& tenant) {
  return std::ranges::any_of(snapshot.loaded.config.callers,
                             [&](const core::CallerConfig& caller) { return caller.tenant == tenant; });
}

std::expected<KnownTenant, Refusal> find_tenant(const ApiRequest& request, const vault::Registry& registry,
                                                const core::TenantId& tenant) {
  auto stored = registry.account(tenant);
  if (!stored) return std::unexpected(from_registry(stored.error(), "tenant"));
  const bool configured = is_configured(*request.snapshot, tenant);
  if (*stored) {
    auto row = **std::move(stored);
    if (row.status == vault::AccountStatus::closed) return refuse(Code::not_found, "There is no such tenant.");
    if (configured) row.source = vault::AccountSource::config;
    return KnownTenant{std::move(row), true};
  }
  if (!configured) {
    // Then only its log can tell that calls have named it.
    vault::EvidenceQuery one;
    one.limit = 1;
    if (request.vault == nullptr || !request.vault->evidence(core::LogName::of(tenant), one))
      return refuse(Code::not_found, "There is no such tenant.");
  }
  return KnownTenant{row_without_account(tenant, configured), false};
}

const core::Tier* tier_of(const ApiRequest& request, const vault::AccountRow& row) {
  return tier_of(row, request.snapshot->loaded.config.tiers, request.clock->now());
}

bool has_feature(const core::Tier* tier, const vault::AccountRow& row, core::Feature feature) {
  if (tier != nullptr && !tier->has(feature)) return false;
  return std::ranges::find(row.features_off, core::word(feature)) == row.features_off.end();
}

Refusal feature_refusal(const core::Tier& tier, core::Feature feature) {
  const std::string name(core::word(feature));
  const bool off = tier.has(feature);
  return {{Code::feature_not_available,
           off ? "The feature " + name + " is switched off for this tenant."
               : "The tier \"" + tier.name + "\" does not have " + name + '.',
           {}},
          {{"tier", json_quote(tier.name)}, {"feature", json_quote(name)}},
          {}};
}

Refusal from_registry(const core::Error& error, std::string_view what) {
  switch (error.code) {
    case Code::not_found:
    case Code::tenant_unknown:
      return {{Code::not_found, "There is no such " + std::string(what) + '.', {}}};
    case Code::conflict:
      return {{error.code, sentence_of(error.message), {}}};
    case Code::invalid_request:
    case Code::invalid_tenant_id:
    case Code::tenant_limit_exceeded:
      return {error};
    default:
      return {{Code::vault_unavailable,
               "Accounts cannot be read or changed now; the operator of this gateway has to look at its log.",
               {}}};
  }
}

}  // namespace talon::gateway
