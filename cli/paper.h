// What is written from the command table besides `--help`: the three completions and the blocks of the
// manual pages that name flags. tests/unit/cli/test_paper.cpp compares them with the files in the tree
// and writes them with TALON_BLESS=1.
#pragma once

#include <string>

#include "cli/command_table.h"

namespace talon::cli {

[[nodiscard]] std::string bash_completion();
[[nodiscard]] std::string zsh_completion();
[[nodiscard]] std::string fish_completion();

/// "talon-audit-export"
[[nodiscard]] std::string page_name(const Command& command);
/// mdoc(7) sources of three sections of a command's page.
[[nodiscard]] std::string synopsis_mdoc(const Command& command);
[[nodiscard]] std::string options_mdoc(const Command& command);
[[nodiscard]] std::string examples_mdoc(const Command& command);
/// The list of commands in talon(1).
[[nodiscard]] std::string commands_mdoc();

}  // namespace talon::cli
