// talon version.
#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/output.h"

namespace talon::cli {

int run_version(const Arguments& arguments) {
  print(arguments.json() ? fmt::format(R"({{"version":"{}"}})"
                                       "\n",
                                       TALON_VERSION)
                         : fmt::format("talon {}\n", TALON_VERSION));
  return k_exit_done;
}

}  // namespace talon::cli
