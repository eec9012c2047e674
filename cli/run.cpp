// Parse, run, and see that what was printed arrived. A crash on damaged memory-mapped data ends in one
// sentence and exit 3, never in a core.
#include "cli/run.h"

#include <unistd.h>
#include <csignal>
#include <exception>

#include "cli/output.h"
#include "cli/parse.h"

namespace talon::cli {
namespace {

extern "C" void on_damaged_memory(int) {
  static constexpr char k_sentence[] =
      "talon: vault_corrupt: the data file is damaged or was cut short while it was read; restore it from a backup\n";
  const auto ignored = ::write(STDERR_FILENO, k_sentence, sizeof k_sentence - 1);
  static_cast<void>(ignored);
  ::_exit(k_exit_unknown);
}

int run_command(const Arguments& arguments) {
  try {
    return arguments.command->run(arguments);
  } catch (const std::exception& error) {
    return report(arguments, {core::Code::internal_error, error.what(), std::nullopt});
  }
}

}  // namespace

int run(std::span<const char* const> argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGBUS, on_damaged_memory);
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  std::signal(SIGSEGV, on_damaged_memory);
#endif
  const auto parsed = parse(argv);
  if (const auto* help = std::get_if<HelpWanted>(&parsed)) {
    print(help_text(*help));
    return finish_stdout(k_exit_done);
  }
  if (const auto* usage = std::get_if<UsageError>(&parsed)) {
    report(usage->json, {core::Code::usage, usage->message, std::nullopt});
    if (!usage->json) {
      const auto hint = usage->command != nullptr ? usage_line(*usage->command) + "help:  talon " +
                                                        std::string(usage->command->path) + " --help\n"
                                                  : std::string("help:  talon --help\n");
      const auto ignored = ::write(STDERR_FILENO, hint.data(), hint.size());
      static_cast<void>(ignored);
    }
    return k_exit_usage;
  }
  return finish_stdout(run_command(std::get<Arguments>(parsed)));
}

}  // namespace talon::cli
