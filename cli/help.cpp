// Help texts, rendered from the command table.
#include <fmt/core.h>

#include <algorithm>

#include "cli/parse.h"

namespace talon::cli {
namespace {

std::string flag_lines(std::span<const Flag> flags) {
  std::string out;
  for (const auto& flag : flags) {
    if (flag.later) {
      continue;
    }
    const auto left = flag.value.empty() ? std::string(flag.name) : fmt::format("{} {}", flag.name, flag.value);
    out += fmt::format("  {:<22} {}\n", left, flag.help);
  }
  return out;
}

}  // namespace

std::string usage_line(const Command& command) {
  return fmt::format("usage: talon {}{}{}\n", command.path, command.synopsis.empty() ? "" : " ", command.synopsis);
}

std::string help_text(const HelpWanted& wanted) {
  std::string out;
  if (wanted.command != nullptr) {
    const auto& command = *wanted.command;
    out = fmt::format("talon {}: {}\n\n{}", command.path, command.summary, usage_line(command));
    if (!command.positionals.empty()) {
      out += "\narguments:\n";
      for (const auto& positional : command.positionals) {
        out += fmt::format("  {:<22} {}\n", positional.name, positional.help);
      }
    }
    if (!command.flags.empty()) {
      out += "\noptions:\n" + flag_lines(command.flags);
    }
    out += "\nglobal options:\n" + flag_lines(global_flags());
    out += "\nexamples:\n";
    for (const auto example : command.examples) {
      out += fmt::format("  {}\n", example);
    }
    std::string page(command.path);
    std::ranges::replace(page, ' ', '-');
    out += fmt::format("\nmore: man talon-{}\n", page);
    return out;
  }
  out = wanted.group.empty()
            ? "talon: a gateway to LLM providers that serves many tenants and proves afterwards what happened\n\n"
            : "";
  out +=
      fmt::format("usage: talon {}{}COMMAND [OPTIONS]\n\ncommands:\n", wanted.group, wanted.group.empty() ? "" : " ");
  for (const auto& command : commands()) {
    const bool below =
        wanted.group.empty() || (command.path.starts_with(wanted.group) && command.path[wanted.group.size()] == ' ');
    if (command.run != nullptr && below) {
      out += fmt::format("  {:<18} {}\n", command.path, command.summary);
    }
  }
  out += "\nglobal options, before or after the command:\n" + flag_lines(global_flags());
  out +=
      "\nfirst steps:\n  talon init\n  talon config sample > talon.yaml\n  talon serve\n\nmore: talon COMMAND --help, "
      "man talon\n";
  return out;
}

}  // namespace talon::cli
