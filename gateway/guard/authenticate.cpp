// Authentication: the one key a request carries, looked up by its keyed digest.
#include "gateway/guard/authenticate.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr const char* k_how_to_send = "Send it as \"Authorization: Bearer KEY\" or \"x-api-key: KEY\".";

std::unexpected<Refusal> unauthorized(std::string sentence) {
  return refuse(Code::invalid_key, std::move(sentence) + " " + k_how_to_send);
}

/// RFC 6750 §2.1: the scheme's name has no case, one or more spaces follow it.
std::optional<std::string_view> bearer_token(std::string_view value) {
  constexpr std::string_view k_scheme = "Bearer";
  if (value.size() <= k_scheme.size() || value[k_scheme.size()] != ' ') return std::nullopt;
  if (!equal_names(value.substr(0, k_scheme.size()), k_scheme)) return std::nullopt;
  value.remove_prefix(k_scheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
}

bool looks_like_a_providers(std::string_view key) {
  for (const std::string_view shape : {"sk-proj-", "sk-ant-", "sk-svcacct-", "AIza"}) {
    if (key.starts_with(shape)) return true;
  }
  return false;
}

}  // namespace

std::expected<std::string_view, Refusal> presented_key(const Fields& fields) {
  std::string_view key;
  for (const auto& [name, value] : fields) {
    std::string_view candidate;
    if (equal_names(name, "authorization")) {
      const auto token = bearer_token(value);
      if (!token) return unauthorized("The Authorization field holds no bearer key.");
      candidate = *token;
    } else if (equal_names(name, "x-api-key")) {
      candidate = value;
    } else {
      continue;
    }
    if (candidate.empty()) return unauthorized("An empty key was sent.");
    if (!key.empty() && candidate != key) return unauthorized("Two different keys were sent; one request has one key.");
    key = candidate;
  }
  if (key.empty()) return unauthorized("No key was sent.");
  return key;
}

std::expected<Identity, Refusal> find_identity(const Snapshot& snapshot, const vault::Registry& registry,
                                               core::Instant now, const KeyDigest& digest, std::string_view key) {
  if (const auto found = snapshot.keys.find(digest); found != snapshot.keys.end())
    return Identity{&snapshot.callers[found->second], nullptr};
  const vault::KeyEntry* entry = registry.find(digest);
  if (entry != nullptr && !entry->revoked.load(std::memory_order_acquire)) {
    if (entry->expires != 0 && entry->expires <= now.micros)
      return refuse(Code::api_key_expired, "This key has expired; create a new one.");
    registry.note_used(*entry, now);
    return Identity{nullptr, entry};
  }
  if (looks_like_a_providers(key)) {
    return unauthorized(
        "This looks like a provider's own key; use the key that the operator of this gateway gave you.");
  }
  return unauthorized("This key is not known here.");
}

std::expected<Identity, Refusal> authenticate(const Snapshot& snapshot, const vault::Vault& vault, core::Instant now,
                                              const Fields& fields) {
  const auto key = presented_key(fields);
  if (!key) return std::unexpected(key.error());
  return find_identity(snapshot, vault.registry(), now, vault.key_digest(*key), *key);
}

Caller registry_caller(const Snapshot& snapshot, const vault::KeyEntry& key,
                       const std::optional<core::TenantId>& tenant) {
  Caller caller;
  const bool is_virtual = key.kind == vault::KeyClass::virtual_key;
  caller.kind = is_virtual ? KeyKind::virtual_key : KeyKind::tenant_key;
  caller.key_id = vault::key_id_text(key.id);
  caller.name = caller.key_id;
  caller.tenant = tenant;
  caller.policy = snapshot.loaded.config.default_policy;
  caller.policy_hash = snapshot.default_policy_hash;
  caller.index = k_registry_caller;
  caller.expose_cost = !is_virtual || key.expose_cost;
  return caller;
}

}  // namespace talon::gateway
