// From files and environment to a configuration ready for use: look-up order, reading, secrets, prices
// (interfaces.md §1). The only place that reads talon.yaml, secret files and pricing files.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/price.h"
#include "core/secret.h"

namespace talon::vault {

/// The environment, injected: nullopt for an unset variable.
using Environment = std::function<std::optional<std::string>(const std::string&)>;
[[nodiscard]] Environment process_environment();

/// A configuration with everything it points to. Move-only (it holds secrets).
struct LoadedConfig {
  core::Config config;
  core::PriceTable prices;
  std::vector<core::Secret> caller_keys;                     ///< parallel to config.callers
  std::vector<core::Secret> static_keys;                     ///< parallel to config.api_keys
  std::map<std::string, core::Secret, std::less<>> provider_keys;  ///< by provider name; absent: off or none needed
  std::map<std::string, std::string, std::less<>> providers_off;   ///< by provider name: why
  std::optional<core::Secret> admin_key;
  std::string admin_off;                                     ///< why there is no admin; empty when there is
  std::vector<core::Problem> warnings;
};

/// Where the configuration would come from. Error: config_missing for a named file that is not there.
struct ConfigLocation {
  std::filesystem::path path;
  std::string origin;  ///< "--config", "$TALON_CONFIG", "./talon.yaml" …
};
[[nodiscard]] core::Result<std::optional<ConfigLocation>> find_config(const std::optional<std::string>& flag, const Environment& environment);

/// Everything wrong at once: parse problems, then unreadable secrets and pricing problems.
struct LoadFailure {
  std::vector<core::Problem> problems;  ///< never empty
};
[[nodiscard]] core::Result<std::string> read_file(const std::filesystem::path& path);
[[nodiscard]] std::expected<LoadedConfig, LoadFailure> load_config(const ConfigLocation& location, const Environment& environment);

/// Where the vault is. `origin` for messages: "from $TALON_DATA_DIR".
struct DataDir {
  std::filesystem::path path;
  std::string origin;
};
[[nodiscard]] DataDir find_data_dir(const std::optional<std::string>& flag, const std::optional<std::string>& configured, const Environment& environment);

/// Run as root: become the owner of the data directory before touching it (initgroups, setgid, setuid).
/// No effect for other users or when the directory does not exist. Error: vault_permission.
[[nodiscard]] core::Result<void> become_owner(const std::filesystem::path& data_dir);

}  // namespace talon::vault
