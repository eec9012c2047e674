// Configuration problems as people and scripts read them.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "vault/config_files.h"

namespace talon::cli {

/// The configuration that decides, or why there is none. Error: config_missing naming the places looked at.
[[nodiscard]] core::Result<vault::ConfigFile> config_file(const Arguments& arguments);

/// The first problem that makes a configuration invalid, as the one error of a command that is not about it.
/// Precondition: there is one.
[[nodiscard]] core::Error first_problem(const std::vector<core::Problem>& problems);

/// "file:line:column: message" with suggestions, one problem a paragraph.
[[nodiscard]] std::string problems_text(const std::vector<core::Problem>& problems);
/// `{"valid":…,"problems":[…]}`
[[nodiscard]] std::string problems_json(const std::vector<core::Problem>& problems, bool valid);

}  // namespace talon::cli
