// The checks of `talon doctor`: each says how it is with one thing, and what helps. They read and connect; they change
// nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/time.h"
#include "vault/config_files.h"

namespace talon::cli {

struct Check {
  enum class Status { pass, warn, fail, skip };
  std::string id;  ///< stable: "data_dir", "provider:openai"
  Status status = Status::pass;
  std::string message;  ///< one sentence without a full stop
  std::string remedy;   ///< what to do; empty when there is nothing
};
using Checks = std::vector<Check>;

// checkup_vault.cpp
enum class Depth { quick, full };
/// Rights, keys, seal, and the clock against the newest record.
void check_vault(const vault::DataDir& data_dir, Depth depth, const core::Clock& clock, Checks& checks);

// checkup_secrets.cpp
/// admin.key, private keys of TLS listeners, and the files that the configuration (nullptr: none that is valid) takes
/// secrets from: closed to other users.
void check_secret_files(const core::Config* config, const std::filesystem::path& data_dir, Checks& checks);

// checkup_machine.cpp
void check_disk(const std::filesystem::path& data_dir, Checks& checks);
void check_open_files(Checks& checks);
void check_unit(Checks& checks);
/// A year in which this can run; `newest` is the vault's newest record.
void check_clock(core::Instant now, std::optional<core::Instant> newest, Checks& checks);

// checkup_network.cpp
void check_providers(const vault::LoadedConfig& loaded, Checks& checks);
void check_certificates(const core::Config& config, core::Instant now, Checks& checks);

}  // namespace talon::cli
