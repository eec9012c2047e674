// Config: talon.yaml as a value. parse_config is a pure function over text: it reports every problem
// of a file in one run and touches neither files nor environment (vault/config_files.h does).
//
// Strict by design (interfaces.md §1): unknown and duplicate keys, anchors, aliases, merge keys and
// second documents are problems with file:line:column and, where one is near, a suggestion. A known
// key of a later version is "not supported by this version".
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/money.h"
#include "core/secret.h"
#include "core/tenant_id.h"

namespace talon::core {

struct Problem {
  Place place;
  Code code = Code::config_invalid;
  std::string message;                    ///< one sentence
  std::optional<std::string> suggestion;  ///< what would be right (for a lost indentation: the file re-indented)
  bool warning = false;                   ///< said, but does not make the configuration invalid
};

/// Where a secret comes from: `X`, `X_file`, `X_env` or `X_credential`.
struct SecretSource {
  enum class Kind { inline_text, file, environment, credential };
  Kind kind = Kind::inline_text;
  Secret text;       ///< inline_text only
  std::string name;  ///< path, variable or credential name
  Place place;
};

struct ListenAddress {
  std::string text;  ///< as written
  std::string host;  ///< "127.0.0.1", "::1", "0.0.0.0"; empty for a unix socket
  std::uint16_t port = 0;
  std::string unix_path;  ///< empty for TCP
  Place place;
};

struct ProviderConfig {
  std::string name;
  std::string dialect = "openai";
  std::string base_url;  ///< http(s)://host[:port][/path], without trailing slash
  std::optional<SecretSource> api_key;
  std::chrono::milliseconds timeout{600'000};  ///< longest silence
  std::chrono::milliseconds connect_timeout{5'000};
  Place place;
};

/// Caps of one caller. nullopt = no cap; 0 = every priced call is refused. The effective cap is the
/// caller's own (policy_overrides), else that of `defaults`, else the ceiling of `limits`.
struct CallerPolicy {
  std::optional<NanoUsd> max_daily_cost;
  /// Canonical line of the effective policy; its hash goes into each record.
  [[nodiscard]] std::string canonical_line() const;
};

struct CallerConfig {
  std::string name;
  SecretSource tenant_key;
  TenantId tenant;
  CallerPolicy policy;  ///< effective: defaults, overrides and limits already applied
  Place place;
};

struct StaticKeyConfig {
  std::string name;
  SecretSource key;
  CallerPolicy policy;  ///< of `defaults`
  Place place;
};

enum class Durability { strict, batched };

struct Config {
  std::string file;  ///< as given, for messages
  std::optional<std::string> data_dir;
  std::vector<ListenAddress> listen;  ///< default 127.0.0.1:8080
  std::int64_t max_body = 32 << 20;   ///< bytes
  std::optional<SecretSource> admin_key;
  std::vector<StaticKeyConfig> api_keys;
  std::string default_provider;  ///< empty: none named
  /// Built-in ones included, file entries applied. Only those whose dialect this version speaks:
  /// anthropic and google are not among them yet.
  std::vector<ProviderConfig> providers;
  std::int64_t hold_max_output_tokens = 4096;
  std::int64_t max_tagged_tenants = 100'000;  ///< gateway.limits.tenants: ids that may appear by tag
  CallerPolicy default_policy;                ///< of `defaults` under `limits`; that of static keys
  std::optional<NanoUsd> cap_ceiling;         ///< of `limits`
  std::vector<CallerConfig> callers;
  std::optional<std::string> pricing_file;
  Durability durability = Durability::strict;
};

struct ParsedConfig {
  Config config;                  ///< meaningful only when valid()
  std::vector<Problem> problems;  ///< in file order
  [[nodiscard]] bool valid() const;
};

/// `name` is the file's name for messages.
[[nodiscard]] ParsedConfig parse_config(std::string_view yaml, std::string_view name);

/// `^vk_[A-Z2-7]{32}$`: reserved for virtual keys.
[[nodiscard]] bool is_virtual_key_shaped(std::string_view key) noexcept;

/// A key that clients send (a caller's, a static one, the admin's), for check_client_keys.
struct NamedKey {
  std::string_view key;
  std::string whose;  ///< for sentences: `caller "acme-app1"`, `the admin key`
  Place place;
  bool reported = false;  ///< stood inline: parse_config has looked at it already
};
/// Empty, unsendable and virtual-key-shaped keys, one key under two names, and a warning for those
/// shorter than 16 characters. parse_config calls it for inline keys; the loader again for all of
/// them, once files and environment are read. Never shows a key.
[[nodiscard]] std::vector<Problem> check_client_keys(std::span<const NamedKey> keys);

/// `file:line:column: message`, a warning marked as one; the suggestion is not part of it.
[[nodiscard]] std::string to_text(const Problem& problem);

/// The commented sample that `talon config sample` prints; it parses, and says what this version supports.
[[nodiscard]] std::string config_sample();

/// The effective configuration as YAML with every secret masked (`talon config show`).
[[nodiscard]] std::string show_config(const Config& config);

}  // namespace talon::core
