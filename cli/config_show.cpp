// talon config show: the effective configuration, every secret masked.
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/problems.h"
#include "core/config.h"

namespace talon::cli {

int run_config_show(const Arguments& arguments) {
  const auto file = config_file(arguments);
  if (!file) {
    return report(arguments, file.error());
  }
  const auto text = vault::read_file(file->path, core::Code::config_missing);
  if (!text) {
    return report(arguments, text.error());
  }
  const auto parsed = core::parse_config(*text, file->path.string());
  if (!parsed.valid()) {
    return report(arguments, first_problem(parsed.problems));
  }
  print(core::show_config(parsed.config));
  return k_exit_done;
}

}  // namespace talon::cli
