// Snapshot: what a worker needs to know to decide about a request; immutable once built. Each worker
// holds the current one, each request the one it began with (house.md, "Threads").
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/config.h"
#include "core/price.h"
#include "core/tenant_id.h"
#include "vault/config_files.h"
#include "vault/vault.h"

namespace talon::gateway {

/// The first three are the configuration's, the others the registry's (a tenant's `sk-…`, the operator's `vk_…`).
enum class KeyKind : std::uint8_t { caller, static_key, admin, tenant_key, virtual_key };

/// Caller::index of a key that is not the configuration's: it is known by its key_id.
inline constexpr std::size_t k_registry_caller = SIZE_MAX;

/// Whose key it is. Caps are kept per caller (guard/caps.h), under `index`.
struct Caller {
  KeyKind kind = KeyKind::caller;
  std::string name;                      ///< "admin" for auth.admin_key; of a registry key its key_id
  std::string key_id;                    ///< names the key in records without telling it
  std::optional<core::TenantId> tenant;  ///< of callers, tenant keys and scoped virtual keys
  core::CallerPolicy policy;
  core::Hash policy_hash{};
  std::size_t index = 0;
  bool read_only = false;   ///< an admin key of scope read
  bool expose_cost = true;  ///< may be told what a call cost; virtual keys only where it was said
};

/// Whose connections may serve one another: one provider at one place, with one credential. Survives a
/// reload that left those as they were.
struct PoolKey {
  core::Hash endpoint{};        ///< of name, scheme, host, port and the operator's key
  vault::IdBytes credential{};  ///< of a key that a tenant brought; zero: the operator's
  bool operator==(const PoolKey&) const = default;
};

struct Provider {
  core::ProviderConfig config;  ///< but for `api_key`: where a secret came from stays with the loader
  core::Secret api_key;         ///< empty: the provider takes none
  bool spoken = true;           ///< its dialect is; else nobody calls it, with whatever key
  bool on = false;              ///< with the operator's key
  std::string off_reason;       ///< "OPENAI_API_KEY is not set"
  std::string scheme, host;     ///< of base_url
  std::uint16_t port = 443;
  std::string base_path;  ///< "" or "/v1", without trailing slash
  std::size_t index = 0;
  PoolKey pool;  ///< with the operator's credential
};

/// Digest of a key as Vault::key_digest gives it.
using KeyDigest = core::Hash;
struct KeyDigestHash {
  std::size_t operator()(const KeyDigest& digest) const noexcept;
};

struct Snapshot {
  vault::LoadedConfig loaded;
  std::vector<Caller> callers;  ///< by index; admin included
  std::vector<Provider> providers;
  std::unordered_map<KeyDigest, std::size_t, KeyDigestHash> keys;  ///< digest → caller index
  bool admin_on = false;
  core::Hash default_policy_hash{};                          ///< of the policy that registry keys have
  std::unordered_map<std::string, core::Hash> price_hashes;  ///< provider/model → hash of the row's canonical line

  [[nodiscard]] const core::PriceTable& prices() const noexcept;
  [[nodiscard]] const Provider* provider(std::string_view name) const noexcept;
  [[nodiscard]] bool any_provider_on() const noexcept;
};

/// A generation. Whoever decides by it holds it until it is done.
using SnapshotRef = std::shared_ptr<const Snapshot>;

/// How keys are looked up; Vault::key_digest, injected so that deciding needs no vault.
using KeyDigester = std::function<KeyDigest(std::string_view key)>;

/// Builds the snapshot of a loaded configuration; prices must not be changed afterwards. Error:
/// config_invalid when one key belongs to two names (both are named, the key is not shown) or when a
/// base_url cannot be used.
[[nodiscard]] core::Result<SnapshotRef> build_snapshot(vault::LoadedConfig loaded, const KeyDigester& digest);
[[nodiscard]] core::Result<SnapshotRef> build_snapshot(vault::LoadedConfig loaded, const vault::Vault& vault);

}  // namespace talon::gateway
