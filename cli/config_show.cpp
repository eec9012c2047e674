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
    for (const auto& problem : parsed.problems) {
      if (!problem.warning) {
        report(arguments, {problem.code, problem.message, problem.place});
      }
    }
    return k_exit_no;
  }
  print(core::show_config(parsed.config));
  return k_exit_done;
}

}  // namespace talon::cli
