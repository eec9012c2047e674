// From a loaded configuration to what a worker decides with.
#include "gateway/snapshot.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/tenant_id.h"
#include "vault/log/sha256.h"

namespace talon::gateway {
namespace {

using core::Code;

/// `key_` and 26 characters of the keyed digest: names a key in records; without the vault's secret
/// nobody can test a guessed key against it.
std::string key_id_of(const KeyDigest& digest) {
  constexpr std::string_view k_alphabet = "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford's, lower case
  constexpr int k_characters = 26;
  std::string id = "key_";
  unsigned bits = 0, available = 0;
  auto byte = digest.begin();
  for (int i = 0; i < k_characters; ++i) {
    if (available < 5) {
      bits = (bits << 8) | std::to_integer<unsigned>(*byte++);
      available += 8;
    }
    available -= 5;
    id += k_alphabet[(bits >> available) & 31];
  }
  return id;
}

/// http(s)://host[:port][/path], as core::parse_config lets it through.
core::Result<void> split_base_url(Provider& provider) {
  std::string_view url = provider.config.base_url;
  const auto bad = [&] {
    return core::fail(Code::config_invalid,
                      "The base_url of provider " + provider.config.name + " is not http(s)://host[:port][/path].");
  };
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return bad();
  provider.scheme = url.substr(0, colon);
  if (provider.scheme != "http" && provider.scheme != "https") return bad();
  provider.port = provider.scheme == "https" ? 443 : 80;
  url.remove_prefix(colon + 3);

  const auto slash = std::min(url.find('/'), url.size());
  auto authority = url.substr(0, slash);
  auto path = url.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  provider.base_path = path;
  if (path.find_first_of("?# ") != std::string_view::npos || authority.find_first_of("@?# ") != std::string_view::npos)
    return bad();

  auto host_end = authority.find(':');
  if (authority.starts_with('[')) {  // an IPv6 address; the brackets are no part of the host
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return bad();
    provider.host = authority.substr(1, close - 1);
    host_end = close + 1;
  } else {
    provider.host = authority.substr(0, host_end);
  }
  if (provider.host.empty()) return bad();
  if (host_end >= authority.size()) return {};
  const auto port = authority.substr(host_end);
  const auto* end = port.data() + port.size();
  const auto [stop, error] = std::from_chars(port.data() + 1, end, provider.port);
  if (port.front() != ':' || error != std::errc{} || stop != end || provider.port == 0) return bad();
  return {};
}

class Builder {
 public:
  Builder(vault::LoadedConfig loaded, const KeyDigester& digest)
      : snapshot_(std::make_shared<Snapshot>()), digest_(digest) {
    snapshot_->loaded = std::move(loaded);
  }

  core::Result<SnapshotRef> build() {
    TALON_TRY_VOID(add_callers());
    TALON_TRY_VOID(add_providers());
    hash_prices();
    return SnapshotRef(std::move(snapshot_));
  }

 private:
  core::Result<void> add_callers() {
    const auto& loaded = snapshot_->loaded;
    const auto& config = loaded.config;
    for (std::size_t i = 0; i < config.callers.size(); ++i) {
      const auto& from = config.callers[i];
      TALON_TRY_VOID(add({KeyKind::caller, from.name, {}, from.tenant, from.policy, {}, 0}, loaded.caller_keys.at(i)));
    }
    for (std::size_t i = 0; i < config.api_keys.size(); ++i) {
      const auto& from = config.api_keys[i];
      TALON_TRY_VOID(
          add({KeyKind::static_key, from.name, {}, std::nullopt, from.policy, {}, 0}, loaded.static_keys.at(i)));
    }
    if (loaded.admin_key) {
      TALON_TRY_VOID(add({KeyKind::admin, "admin", {}, std::nullopt, {}, {}, 0}, *loaded.admin_key));
      snapshot_->admin_on = true;
    }
    for (std::size_t i = 0; i < config.admin_keys.size(); ++i) {
      if (i >= loaded.admin_keys.size() || !loaded.admin_keys[i]) continue;  // off: its variable is not set
      Caller admin{KeyKind::admin, config.admin_keys[i].name, {}, std::nullopt, {}, {}, 0};
      admin.read_only = config.admin_keys[i].scope == core::AdminKeyConfig::Scope::read;
      TALON_TRY_VOID(add(std::move(admin), *loaded.admin_keys[i]));
      snapshot_->admin_on = true;
    }
    snapshot_->default_policy_hash = vault::sha256(config.default_policy.canonical_line());
    return {};
  }

  core::Result<void> add(Caller caller, const core::Secret& key) {
    const auto digest = digest_(key.reveal());
    const auto index = snapshot_->callers.size();
    if (const auto [at, fresh] = snapshot_->keys.emplace(digest, index); !fresh) {
      return core::fail(Code::config_invalid, "\"" + snapshot_->callers[at->second].name + "\" and \"" + caller.name +
                                                  "\" have the same key; give each its own.");
    }
    caller.index = index;
    caller.key_id = key_id_of(digest);
    caller.policy_hash = vault::sha256(caller.policy.canonical_line());
    snapshot_->callers.push_back(std::move(caller));
    return {};
  }

  core::Result<void> add_providers() {
    const auto& loaded = snapshot_->loaded;
    for (std::size_t i = 0; i < loaded.config.providers.size(); ++i) {
      const auto& config = loaded.config.providers[i];
      const auto& secret = loaded.providers.at(i);
      Provider provider;
      provider.config.name = config.name;
      provider.config.dialect = config.dialect;
      provider.config.base_url = config.base_url;
      provider.config.timeout = config.timeout;
      provider.config.connect_timeout = config.connect_timeout;
      provider.config.max_retries = config.max_retries;
      provider.config.place = config.place;
      provider.index = i;
      TALON_TRY_VOID(split_base_url(provider));
      provider.spoken = config.dialect == "openai";
      if (!secret.on()) {
        provider.off_reason = secret.off_because;
      } else if (!provider.spoken) {
        provider.off_reason = "the dialect " + config.dialect + " is not supported by this version";
      } else {
        if (secret.api_key) provider.api_key = secret.api_key->clone();  // some take none
        provider.on = true;
      }
      provider.pool.endpoint = endpoint_of(provider);
      snapshot_->providers.push_back(std::move(provider));
    }
    return {};
  }

  /// Another key, another place: no connection of before serves it.
  [[nodiscard]] core::Hash endpoint_of(const Provider& provider) const {
    std::string identity = provider.config.name;
    for (const std::string& part : {provider.scheme, provider.host, std::to_string(provider.port)}) {
      identity += '\0';
      identity += part;
    }
    if (!provider.api_key.reveal().empty()) {
      const auto digest = digest_(provider.api_key.reveal());
      identity.append(reinterpret_cast<const char*>(digest.data()), digest.size());
    }
    return vault::sha256(identity);
  }

  void hash_prices() {
    for (const auto& row : snapshot_->loaded.prices.rows()) {
      snapshot_->price_hashes.insert_or_assign(row.provider + "/" + row.model,
                                               vault::sha256(core::canonical_line(row)));
    }
  }

  std::shared_ptr<Snapshot> snapshot_;
  const KeyDigester& digest_;
};

}  // namespace

std::size_t KeyDigestHash::operator()(const KeyDigest& digest) const noexcept {
  // The digest is keyed and uniform already: any eight bytes of it are a hash nobody can steer.
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

const core::PriceTable& Snapshot::prices() const noexcept { return loaded.prices; }

const Provider* Snapshot::provider(std::string_view name) const noexcept {
  const auto found = std::ranges::find(
      providers, name, [](const Provider& provider) -> std::string_view { return provider.config.name; });
  return found == providers.end() ? nullptr : &*found;
}

bool Snapshot::any_provider_on() const noexcept { return std::ranges::any_of(providers, &Provider::on); }

core::Result<SnapshotRef> build_snapshot(vault::LoadedConfig loaded, const KeyDigester& digest) {
  return Builder(std::move(loaded), digest).build();
}

core::Result<SnapshotRef> build_snapshot(vault::LoadedConfig loaded, const vault::Vault& vault) {
  return build_snapshot(std::move(loaded), [&vault](std::string_view key) { return vault.key_digest(key); });
}

}  // namespace talon::gateway
