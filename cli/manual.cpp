// The parts of the manual pages that name commands and flags, as mdoc(7).
#include <fmt/core.h>

#include <algorithm>

#include "cli/paper.h"

namespace talon::cli {
namespace {

/// Keeps roff from reading text as requests or escapes.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  if (out.starts_with('.') || out.starts_with('\'')) {
    out.insert(0, "\\&");
  }
  return out;
}

/// mdoc sees a lone `|` or bracket as a delimiter; inside a quoted word it is text.
std::string option_item(const Flag& flag) {
  auto name = std::string(flag.name.substr(2));
  std::string item = fmt::format(".It Fl \\-{}", roff(name));
  if (!flag.value.empty()) {
    item += fmt::format(" Ar {}", flag.value);
  }
  return fmt::format("{}\n{}.\n", item, roff(flag.help));
}

}  // namespace

std::string page_name(const Command& command) {
  std::string name = "talon-" + std::string(command.path);
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string synopsis_mdoc(const Command& command) {
  return fmt::format(".Nm talon {}\n.Li \"{}\"\n", command.path,
                     command.synopsis.empty() ? std::string("[options]") : roff(command.synopsis));
}

std::string options_mdoc(const Command& command) {
  std::string out = ".Bl -tag -width Ds\n";
  for (const auto& positional : command.positionals) {
    out += fmt::format(".It Ar {}\n{}.\n", positional.name, roff(positional.help));
  }
  for (const auto& flag : command.flags) {
    if (!flag.later) {
      out += option_item(flag);
    }
  }
  for (const auto& flag : global_flags()) {
    out += option_item(flag);
  }
  return out + ".El\n";
}

std::string examples_mdoc(const Command& command) {
  std::string out = ".Bd -literal -offset indent\n";
  for (const auto example : command.examples) {
    out += roff(example) + "\n";
  }
  return out + ".Ed\n";
}

std::string commands_mdoc() {
  std::string out = ".Bl -tag -width Ds\n";
  for (const auto& command : commands()) {
    if (command.run != nullptr) {
      out += fmt::format(".It Xr {} 1\n{}.\n", page_name(command), roff(command.summary));
    }
  }
  return out + ".El\n";
}

}  // namespace talon::cli
