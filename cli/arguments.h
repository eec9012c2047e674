// Arguments of one invocation, as the parser hands them to a command. Plain data.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command_table.h"

namespace talon::cli {

class Arguments {
 public:
  const Command* command = nullptr;
  std::map<std::string, std::string, std::less<>> values;  ///< flag name → value; switches: ""
  std::vector<std::string> positionals;

  [[nodiscard]] bool has(std::string_view flag) const { return values.contains(flag); }
  [[nodiscard]] std::optional<std::string> value(std::string_view flag) const {
    const auto found = values.find(flag);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] bool json() const { return has("--json"); }
  [[nodiscard]] bool quiet() const { return has("--quiet"); }
};

}  // namespace talon::cli
