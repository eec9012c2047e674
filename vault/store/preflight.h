// What must hold before LMDB touches a data directory: LMDB trusts its file and dies of SIGBUS when pages that its
// meta pages name are not there, and it knows nothing of owners and modes.
#pragma once

#include <filesystem>

#include "core/error.h"

namespace talon::vault {

inline constexpr const char* k_data_file = "data.mdb";

/// The directory exists, is ours alone (0700, our user) and holds a vault. Error: vault_missing with `talon init` as the
/// remedy, vault_permission with "belongs to user …; try: sudo -u … talon …" or the chmod that helps.
[[nodiscard]] core::Result<void> check_data_dir(const std::filesystem::path& data_dir);

/// Both meta pages of data.mdb are read: a file that is none, of another version or page layout, or shorter than its
/// last page is refused. Error: vault_missing, vault_corrupt, vault_version, vault_permission.
[[nodiscard]] core::Result<void> check_data_file(const std::filesystem::path& data_dir);

/// "belongs to user talon; try: sudo -u talon talon …", for files of another user that cannot be read.
[[nodiscard]] std::string owner_remedy(const std::filesystem::path& path);

}  // namespace talon::vault
