// Where a command works: the data directory by the usual look-up, the vault opened for reading, and the
// selectors that commands share (--tenant, --unattributed, --from, --to).
#pragma once

#include <memory>

#include "cli/arguments.h"
#include "core/error.h"
#include "core/tenant_id.h"
#include "vault/config_files.h"
#include "vault/vault.h"

namespace talon::cli {

/// --data-dir, $TALON_DATA_DIR, then the configuration's data_dir (read for that alone) and the defaults.
/// Error: the configuration that decides is missing, unreadable or invalid.
[[nodiscard]] core::Result<vault::DataDir> data_dir_of(const Arguments& arguments);

/// Becomes the directory's owner when run as root, then opens the vault for reading.
[[nodiscard]] core::Result<std::unique_ptr<vault::Vault>> open_vault(const Arguments& arguments);

/// The log that --tenant, --unattributed or --operator name; nullopt when none does. Error: usage.
[[nodiscard]] core::Result<std::optional<core::LogName>> log_of(const Arguments& arguments);
/// --from and --to. Error: usage.
[[nodiscard]] core::Result<vault::Period> period_of(const Arguments& arguments);
/// --limit: 1 … 1,000,000. Error: usage.
[[nodiscard]] core::Result<std::optional<std::size_t>> limit_of(const Arguments& arguments);

/// The one clock of this process.
[[nodiscard]] const core::Clock& system_clock();

}  // namespace talon::cli
