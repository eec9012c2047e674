// The one table of commands: names, flags, help and completers. The parser, `--help`, the SYNOPSIS of the
// manual pages and the three completions are all made from it, and a test holds them together.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace talon::cli {

class Arguments;

/// What a shell can offer after a flag or as a positional argument.
enum class Completer { none, file, directory, tenant, outcome, format, choice_bundle };

struct Flag {
  std::string_view name;   ///< "--tenant"
  std::string_view value;  ///< name of its value in help ("ID"); empty: a switch
  std::string_view help;
  Completer completer = Completer::none;
  bool later = false;  ///< parsed, and refused as "not supported by this version"
};

struct Positional {
  std::string_view name;  ///< "BUNDLE"
  std::string_view help;
  bool required = true;
  Completer completer = Completer::none;
};

struct Command {
  std::string_view path;  ///< "audit export"
  std::string_view summary;
  std::string_view synopsis;  ///< arguments as the manual shows them
  std::vector<Flag> flags;
  std::vector<Positional> positionals;
  std::vector<std::string_view> examples;
  int (*run)(const Arguments&);  ///< nullptr: a command of a later version
};

[[nodiscard]] std::span<const Command> commands();
/// Accepted before and after every command.
[[nodiscard]] std::span<const Flag> global_flags();
[[nodiscard]] const Command* find_command(std::string_view path);

}  // namespace talon::cli
