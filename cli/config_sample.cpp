// talon config sample.
#include "cli/commands.h"
#include "cli/output.h"
#include "core/config.h"

namespace talon::cli {

int run_config_sample(const Arguments&) {
  print(core::config_sample());
  return k_exit_done;
}

}  // namespace talon::cli
