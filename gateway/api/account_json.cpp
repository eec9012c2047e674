#include "gateway/api/account_json.h"

#include <algorithm>
#include <array>

#include "gateway/api/json_object.h"

namespace talon::gateway {
namespace {

constexpr std::int64_t k_unlimited = -1;

/// The features that the guide shows with an account: how calls are routed. All of them: GET …/features.
constexpr std::array k_shown_features = {core::Feature::thompson_sampling, core::Feature::speculative_execution,
                                         core::Feature::council_mode};

bool is_on(const core::Tier* tier, const vault::AccountRow& row, core::Feature feature) {
  if (tier != nullptr && !tier->has(feature)) return false;
  return std::ranges::find(row.features_off, core::word(feature)) == row.features_off.end();
}

void append_limits(std::string& out, const core::Tier* tier) {
  const auto limit = [&](std::optional<std::int64_t> core::Tier::* which) {
    return tier == nullptr ? k_unlimited : (tier->*which).value_or(k_unlimited);
  };
  JsonObject limits(out);
  limits.number("max_requests_per_month", limit(&core::Tier::requests_per_month));
  limits.number("max_requests_per_second", limit(&core::Tier::requests_per_second));
  limits.number("max_providers", limit(&core::Tier::max_providers));
  limits.number("max_api_keys", limit(&core::Tier::max_api_keys));
  limits.end();
}

void append_first_key(std::string& out, const FirstKey& first) {
  out += '[';
  JsonObject key(out);
  key.text("key_id", vault::key_id_text(first.row->id));
  first.key ? key.text("key", *first.key) : key.null("key");
  key.text("key_preview", first.row->preview);
  key.text("name", first.row->name);
  key.end();
  out += ']';
}

/// Instants of rows made before anybody noted them are zero.
std::optional<core::Instant> noted(core::Instant at) { return at.micros == 0 ? std::nullopt : std::optional(at); }

}  // namespace

void append_account(std::string& out, const vault::AccountRow& row, const core::Tier* tier, core::Instant now,
                    const std::optional<FirstKey>& first) {
  JsonObject account(out);
  account.tenant(row.id);
  account.text_or_null("name", row.name);
  account.text_or_null("tier", row.tier_at(now));
  if (first) append_first_key(account.member("api_keys"), *first);
  JsonObject features(account.member("features"));
  for (const auto feature : k_shown_features) features.boolean(core::word(feature), is_on(tier, row, feature));
  features.end();
  account.text_or_null("email", row.email);
  row.monthly_budget ? account.money("monthly_budget_usd", *row.monthly_budget) : account.null("monthly_budget_usd");
  account.text("status", vault::word(row.status));
  append_limits(account.member("limits"), tier);
  account.text("provider_keys", row.own_provider_keys ? "own" : "operator");
  account.text("source", vault::word(row.source));
  if (row.pending_tier && row.effective_at && now < *row.effective_at) {
    account.text("pending_tier", *row.pending_tier);
    account.seconds("effective_at", row.effective_at);
  }
  if (row.status == vault::AccountStatus::suspended) {
    account.text_or_null("reason", row.reason);
    account.instant("suspended_at", row.suspended_at);
  }
  account.seconds("created_at", noted(row.created));
  account.end();
}

std::string tier_changed_json(const vault::AccountRow& row, std::string_view old_name, const core::Tier* old_tier,
                              const core::Tier& wanted) {
  std::string out;
  JsonObject object(out);
  object.tenant(row.id);
  object.text_or_null("tier", row.tier);
  object.text_or_null("old_tier", old_name);
  JsonObject limits(object.member("new_limits"));
  limits.number("max_requests_per_month", wanted.requests_per_month.value_or(k_unlimited));
  limits.number("max_requests_per_second", wanted.requests_per_second.value_or(k_unlimited));
  limits.end();
  JsonObject features(object.member("new_features"));
  for (const auto feature : core::all_features()) {
    const bool had = old_tier == nullptr || old_tier->has(feature);  // without a tier nothing is missing
    if (wanted.has(feature) && !had) features.boolean(core::word(feature), true);
  }
  if (wanted.sla && (old_tier == nullptr || old_tier->sla != wanted.sla)) features.text("sla", *wanted.sla);
  features.end();
  if (row.pending_tier) {
    object.text("pending_tier", *row.pending_tier);
    object.seconds("effective_at", row.effective_at);
  }
  object.end();
  return out;
}

std::string tenant_status_json(const vault::AccountRow& row) {
  const bool suspended = row.status == vault::AccountStatus::suspended;
  std::string out;
  JsonObject object(out);
  object.tenant(row.id);
  object.text("status", vault::word(row.status));
  object.text_or_null("reason", suspended ? row.reason : std::string());
  object.instant("suspended_at", suspended ? row.suspended_at : std::nullopt);
  object.boolean("notified", false);  // mail comes with budgets and alerts
  object.end();
  return out;
}

std::string issued_api_key_json(const vault::ApiKeyRow& row, std::optional<std::string_view> key) {
  std::string out;
  JsonObject object(out);
  object.text("key_id", vault::key_id_text(row.id));
  key ? object.text("key", *key) : object.null("key");
  object.text("key_preview", row.preview);
  object.text("name", row.name);
  object.seconds("expires_at", row.expires);
  object.end();
  return out;
}

void append_api_key(std::string& out, const vault::ApiKeyRow& row) {
  JsonObject key(out);
  key.text("key_id", vault::key_id_text(row.id));
  key.text("key_preview", row.preview);
  key.text("name", row.name);
  key.seconds("created_at", row.created);
  key.seconds("last_used_at", row.last_used);
  key.seconds("expires_at", row.expires);
  key.end();
}

std::string provider_key_json(const core::TenantId& tenant, const vault::ProviderKeyRow& row, std::int64_t timeout_s) {
  std::string out;
  JsonObject object(out);
  object.text("key_id", vault::key_id_text(row.id));
  object.tenant(tenant);
  object.text("provider_id", row.provider);
  object.text("status", row.healthy ? "active" : "unhealthy");
  JsonObject config(object.member("config"));
  config.number("timeout", row.timeout_s > 0 ? row.timeout_s : timeout_s);
  config.number("max_retries", row.max_retries);
  config.end();
  object.instant("created_at", row.created);
  object.end();
  return out;
}

void append_virtual_key(std::string& out, const vault::VirtualKeyRow& row, core::Instant now, std::int64_t stale_days) {
  const auto used = row.last_used.value_or(row.issued);
  const bool stale = used.micros <= now.micros - stale_days * core::k_micros_per_day;
  JsonObject object(out);
  object.text("id", vault::key_id_text(row.id));
  object.text("key_prefix", row.prefix);
  object.text("name", row.name);
  object.tenant(row.tenant);
  object.text_or_null("issued_by", row.issued_by.value_or(std::string()));
  object.instant("issued_at", row.issued);
  object.instant("last_used_at", row.last_used);
  object.instant("revoked_at", row.revoked);
  object.text("status", row.revoked ? "revoked" : stale ? "stale" : "active");
  object.text("project", row.project);
  object.end();
}

}  // namespace talon::gateway
