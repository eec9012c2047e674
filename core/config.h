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
#include "core/tier.h"

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

/// PEM files; a relative name lies beside the configuration.
struct TlsFiles {
  std::string certificate;  ///< with its chain
  std::string private_key;
};

struct ListenAddress {
  std::string text;  ///< as written
  std::string host;  ///< "127.0.0.1", "::1", "0.0.0.0"; empty for a unix socket
  std::uint16_t port = 0;
  std::string unix_path;        ///< empty for TCP
  std::optional<TlsFiles> tls;  ///< nullopt: plain HTTP
  Place place;
};

/// Providers that exist without being written, and whose keys tenants may bring. Only those of `Config::providers` can
/// be spoken to.
inline constexpr std::string_view k_built_in_providers[] = {"openai", "anthropic", "google"};

struct ProviderConfig {
  std::string name;
  std::string dialect = "openai";
  std::string base_url;  ///< http(s)://host[:port][/path], without trailing slash
  std::optional<SecretSource> api_key;
  std::chrono::milliseconds timeout{600'000};  ///< longest silence
  std::chrono::milliseconds connect_timeout{5'000};
  int max_retries = 0;
  Place place;
};

/// What one caller may. nullopt = unbounded. The effective value is the caller's own (policy_overrides), else that of
/// `defaults`, else the ceiling of `limits`.
struct CallerPolicy {
  std::optional<NanoUsd> max_daily_cost;  ///< 0 = every priced call is refused
  std::optional<std::int64_t> requests_per_minute;
  std::optional<std::int64_t> max_body;                    ///< bytes; never above server.max_body
  std::optional<std::vector<std::string>> allowed_models;  ///< patterns in which * stands for any text
  std::optional<std::vector<std::string>> models_ceiling;  ///< of `limits`: a model must match these as well

  /// Whether a model of this name may be called.
  [[nodiscard]] bool allows_model(std::string_view model) const noexcept;
  /// Canonical line of the effective policy; its hash goes into each record.
  [[nodiscard]] std::string canonical_line() const;
};

/// `pattern` with * for any text, the empty one included; every other character stands for itself.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view text) noexcept;

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

/// A key of `auth.admin_keys`.
struct AdminKeyConfig {
  enum class Scope { full, read };
  std::string name;
  SecretSource key;
  Scope scope = Scope::full;
  Place place;
};

struct ProjectConfig {
  std::int64_t virtual_key_stale_days = 90;
};

enum class Durability { strict, batched };
/// Of the thread that writes the vault, among the threads of the machine.
enum class Priority { normal, realtime };
/// shadow: denials for money and models are recorded as such and let through.
enum class Mode { enforce, shadow };

struct Config {
  std::string file;  ///< as given, for messages
  std::optional<std::string> data_dir;
  std::vector<ListenAddress> listen;        ///< default 127.0.0.1:8080
  std::vector<ListenAddress> admin_listen;  ///< not empty: admin, dashboard and operations routes answer only here
  std::int64_t max_body = 32 << 20;         ///< bytes
  std::optional<SecretSource> admin_key;    ///< its name is "admin", its scope full
  std::vector<AdminKeyConfig> admin_keys;
  std::vector<StaticKeyConfig> api_keys;
  Mode mode = Mode::enforce;
  std::string default_provider;  ///< empty: none named
  /// Built-in ones included, file entries applied. Only those whose dialect this version speaks:
  /// anthropic and google are not among them yet.
  std::vector<ProviderConfig> providers;
  std::int64_t hold_max_output_tokens = 4096;
  std::int64_t max_tagged_tenants = 100'000;  ///< gateway.limits.tenants: ids that may appear by tag
  CallerPolicy default_policy;  ///< of `defaults` under `limits`; that of static keys and of keys made at run time
  CallerPolicy ceiling;         ///< of `limits`
  std::vector<CallerConfig> callers;
  TierTable tiers = TierTable::built_in();  ///< `tiers:` applied
  std::map<std::string, ProjectConfig, std::less<>> projects;
  std::int64_t virtual_key_stale_days = 90;
  std::optional<std::string> pricing_file;
  Durability durability = Durability::strict;
  Priority journal_priority = Priority::normal;

  /// A name under which a tenant may bring a key: a built-in provider or one of `providers`.
  [[nodiscard]] bool knows_provider(std::string_view name) const noexcept;
  /// After how many days without use a virtual key of this project counts as stale.
  [[nodiscard]] std::int64_t stale_days(std::string_view project) const noexcept;
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
