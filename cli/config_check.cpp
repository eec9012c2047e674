// talon config check: everything that is wrong with the configuration, at once.
#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/problems.h"

namespace talon::cli {

int run_config_check(const Arguments& arguments) {
  const auto file = config_file(arguments);
  if (!file) {
    return report(arguments, file.error());
  }
  const auto outcome = vault::load_config(*file, vault::process_environment());
  if (!outcome) {
    return report(arguments, outcome.error());
  }
  if (arguments.json()) {
    print(problems_json(outcome->problems, outcome->valid()));
  } else {
    print(problems_text(outcome->problems));
    print(fmt::format("{}: {}\n", file->path.string(), outcome->valid() ? "valid" : "not valid"));
  }
  return outcome->valid() ? k_exit_done : k_exit_no;
}

}  // namespace talon::cli
