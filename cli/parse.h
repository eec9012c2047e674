// From argv to Arguments, or to the help or usage error that is printed instead.
#pragma once

#include <span>
#include <string>
#include <variant>

#include "cli/arguments.h"
#include "core/error.h"

namespace talon::cli {

struct HelpWanted {
  const Command* command = nullptr;  ///< nullptr: the whole tool, or the group
  std::string group;                 ///< "audit"
};
/// A usage error: what is wrong, and whose short usage to show.
struct UsageError {
  std::string message;
  const Command* command = nullptr;
  bool json = false;
};

using Parsed = std::variant<Arguments, HelpWanted, UsageError>;
[[nodiscard]] Parsed parse(std::span<const char* const> argv);

/// Help texts, rendered from the table.
[[nodiscard]] std::string help_text(const HelpWanted& wanted);
[[nodiscard]] std::string usage_line(const Command& command);

}  // namespace talon::cli
