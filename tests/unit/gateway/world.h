// A small configured world for the gateway's unit tests: two tenants, three callers, a static key, an admin, providers.
#pragma once

#include <memory>
#include <string>

#include "gateway/snapshot.h"
#include "vault/log/sha256.h"

namespace talon::gateway::test {

inline core::TenantId tenant(std::string_view text) { return *core::TenantId::parse(text); }
inline core::NanoUsd usd(std::string_view decimal) { return *core::NanoUsd::parse(decimal); }

struct CallerSpec {
  std::string name, key, tenant;
  std::optional<core::NanoUsd> cap{};
};
struct ProviderSpec {
  std::string name, base_url = "http://127.0.0.1:9/v1", key = "sk-upstream-secret", dialect = "openai";
  bool on = true;
};

struct WorldSpec {
  std::vector<CallerSpec> callers = {{"acme-app", "key-acme-app", "acme"},
                                     {"acme-bot", "key-acme-bot", "acme"},
                                     {"globex-app", "key-globex", "globex"}};
  std::vector<CallerSpec> static_keys = {{"ops", "key-ops", ""}};
  std::vector<ProviderSpec> providers = {{"openai"}};
  std::string default_provider{};
  std::optional<std::string> admin_key = "key-admin";
};

/// Keys are looked up by plain SHA-256 here; the vault's keyed digest needs a vault.
inline core::Hash digest(std::string_view key) { return vault::sha256(key); }

inline vault::LoadedConfig loaded_config(const WorldSpec& spec) {
  vault::LoadedConfig loaded;
  for (const auto& from : spec.callers) {
    core::CallerPolicy policy;
    policy.max_daily_cost = from.cap;
    core::CallerConfig caller{
        .name = from.name, .tenant_key = {}, .tenant = tenant(from.tenant), .policy = std::move(policy), .place = {}};
    loaded.config.callers.push_back(std::move(caller));
    loaded.caller_keys.emplace_back(std::string(from.key));
  }
  for (const auto& from : spec.static_keys) {
    core::StaticKeyConfig key;
    key.name = from.name;
    key.policy.max_daily_cost = from.cap;
    loaded.config.api_keys.push_back(std::move(key));
    loaded.static_keys.emplace_back(std::string(from.key));
  }
  for (const auto& from : spec.providers) {
    core::ProviderConfig provider;
    provider.name = from.name;
    provider.base_url = from.base_url;
    provider.dialect = from.dialect;
    loaded.config.providers.push_back(std::move(provider));
    vault::ProviderSecret secret;
    if (from.on) {
      secret.api_key.emplace(std::string(from.key));
    } else {
      secret.off_because = "OPENAI_API_KEY is not set";
    }
    loaded.providers.push_back(std::move(secret));
  }
  loaded.config.default_provider = spec.default_provider;
  if (spec.admin_key) loaded.admin_key.emplace(std::string(*spec.admin_key));
  loaded.prices = core::PriceTable::built_in();
  return loaded;
}

inline std::shared_ptr<const Snapshot> world(const WorldSpec& spec = {}) {
  return build_snapshot(loaded_config(spec), KeyDigester(digest)).value();
}

}  // namespace talon::gateway::test
