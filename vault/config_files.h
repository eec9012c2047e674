// Files and environment around the configuration: which talon.yaml and which data directory are meant,
// secrets, prices. The pure part (text to Config) is core/config.h.
//
//   auto file   = find_config_file(flag, environment);            // nullopt: none exists anywhere
//   auto result = load_config(*file, environment);                // every problem of one run
//   auto dir    = find_data_dir(flag, environment, &config);      // and where that answer came from
//
// Nothing here is cached and nothing is written. The environment is handed in, so that tests own it.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/price.h"

namespace talon::vault {

/// A variable's value; nullopt when it is not set.
using ProcessEnvironment = std::function<std::optional<std::string>(std::string_view name)>;
/// getenv(3).
[[nodiscard]] ProcessEnvironment process_environment();

struct ConfigFile {
  std::filesystem::path path;
  std::string origin;  ///< "--config", "$TALON_CONFIG", or empty when it was found by looking
};

/// Order: `--config`, $TALON_CONFIG, ./talon.yaml, $XDG_CONFIG_HOME/talon/talon.yaml (~/.config without it),
/// /etc/talon/talon.yaml. Error: config_missing when a file named by flag or variable does not exist.
[[nodiscard]] core::Result<std::optional<ConfigFile>> find_config_file(const std::optional<std::string>& flag,
                                                                       const ProcessEnvironment& environment);

struct DataDir {
  std::filesystem::path path;
  std::string origin;  ///< "--data-dir", "$TALON_DATA_DIR", "data_dir in FILE", "$STATE_DIRECTORY", "" for a default
  /// "/var/lib/talon (from $TALON_DATA_DIR)"
  [[nodiscard]] std::string described() const;
};

/// Order: `--data-dir`, $TALON_DATA_DIR, `data_dir:`, $STATE_DIRECTORY, /var/lib/talon if it exists,
/// $XDG_STATE_HOME/talon (~/.local/state/talon without it). A relative `data_dir:` lies beside its file. `config` may be
/// nullptr. Error: usage when a name is
/// empty or nothing can be derived because neither XDG_STATE_HOME nor HOME is set.
[[nodiscard]] core::Result<DataDir> find_data_dir(const std::optional<std::string>& flag,
                                                  const ProcessEnvironment& environment, const core::Config* config);

/// The `data_dir:` of a configuration file and nothing else, for commands that need no configuration: a file with
/// problems elsewhere still answers. Already resolved beside the file. Error: file_unreadable, config_invalid when the file cannot be parsed at all.
[[nodiscard]] core::Result<std::optional<std::string>> data_dir_of(const ConfigFile& file);

/// One provider of the configuration after its secret was looked up.
struct ProviderSecret {
  std::optional<core::Secret> api_key;  ///< nullopt: the provider is off, or was configured without a credential
  std::string off_because;              ///< "OPENAI_API_KEY is not set"; empty when it is on
  [[nodiscard]] bool on() const noexcept { return off_because.empty(); }
};

/// Everything `serve` needs from files and environment, resolved.
struct LoadedConfig {
  core::Config config;
  std::optional<core::Secret> admin_key;                ///< nullopt: none, or off
  std::vector<std::optional<core::Secret>> admin_keys;  ///< one for each of config.admin_keys; nullopt: that one is off
  std::vector<core::Secret> caller_keys;                ///< one for each of config.callers
  std::vector<core::Secret> static_keys;                ///< one for each of config.api_keys
  std::vector<ProviderSecret> providers;                ///< one for each of config.providers
  core::PriceTable prices;
  std::vector<std::string> notices;  ///< lines for the start-up log: providers off, no admin
};

struct LoadOutcome {
  LoadedConfig loaded;                  ///< meaningful only when valid()
  std::vector<core::Problem> problems;  ///< warnings too
  [[nodiscard]] bool valid() const;
};

/// Reads, parses and resolves. Bad YAML, secrets that cannot be had, duplicate keys and bad prices are problems;
/// an Error is only a file that cannot be read at all: config_missing, file_unreadable ("belongs to user talon; …").
[[nodiscard]] core::Result<LoadOutcome> load_config(const ConfigFile& file, const ProcessEnvironment& environment);

/// Where a configuration's secrets come from: admin keys, static keys, callers' and providers'. They live as long as it.
[[nodiscard]] std::vector<const core::SecretSource*> secret_sources(const core::Config& config);

/// Run as root, every command takes the owner of the data directory as its user before touching it (call this first,
/// while the process has one thread). Nothing happens when we are not root, the owner is root or there is no directory.
/// Error: vault_permission when the user cannot be taken.
[[nodiscard]] core::Result<void> become_owner(const std::filesystem::path& data_dir);

/// The whole file. Error: file_unreadable with the owner and the remedy where permission is missing, naming the file;
/// `missing` when it does not exist.
[[nodiscard]] core::Result<std::string> read_file(const std::filesystem::path& path, core::Code missing);

}  // namespace talon::vault
