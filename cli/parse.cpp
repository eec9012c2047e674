// The keeper of CLI11: builds its parser from the command table and turns its answers and its errors
// into ours. Unknown flags and commands are left to us, so that the nearest known one can be named.
#include "cli/parse.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <deque>

#include "core/text.h"

namespace talon::cli {
namespace {

std::vector<std::string_view> words_of(std::string_view path) {
  std::vector<std::string_view> words;
  while (!path.empty()) {
    const auto space = path.find(' ');
    words.push_back(path.substr(0, space));
    path = space == std::string_view::npos ? std::string_view{} : path.substr(space + 1);
  }
  return words;
}

const Flag* find_flag(const Command* command, std::string_view name) {
  for (const auto& flag : global_flags()) {
    if (flag.name == name) {
      return &flag;
    }
  }
  if (command != nullptr) {
    for (const auto& flag : command->flags) {
      if (flag.name == name) {
        return &flag;
      }
    }
  }
  return nullptr;
}

/// The names that may follow `group` ("" or "audit").
std::vector<std::string> names_below(std::string_view group) {
  std::vector<std::string> names;
  for (const auto& command : commands()) {
    std::string_view path = command.path;
    if (!group.empty()) {
      if (!path.starts_with(group) || path.size() <= group.size() || path[group.size()] != ' ') {
        continue;
      }
      path.remove_prefix(group.size() + 1);
    }
    const std::string name(path.substr(0, path.find(' ')));
    if (command.run != nullptr && std::ranges::find(names, name) == names.end()) {
      names.push_back(name);
    }
  }
  return names;
}

/// The command that the leading words name, skipping global flags and their values; and how far it got.
struct Named {
  const Command* command = nullptr;
  std::string group;
  std::optional<std::string> unknown;
};

Named name_command(std::span<const char* const> argv) {
  Named named;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const std::string_view word = argv[i];
    if (word == "--") {
      break;
    }
    if (word.starts_with('-') && word.size() > 1) {
      const auto* flag = find_flag(nullptr, word);
      if (flag != nullptr && !flag->value.empty()) {
        ++i;
      }
      continue;
    }
    const std::string path = named.group.empty() ? std::string(word) : named.group + " " + std::string(word);
    if (const auto* command = find_command(path)) {
      named.command = command;
      return named;
    }
    const bool is_group = std::ranges::any_of(commands(), [&](const Command& command) {
      return command.path.size() > path.size() && command.path.starts_with(path) && command.path[path.size()] == ' ';
    });
    if (!is_group) {
      named.unknown = std::string(word);
      return named;
    }
    named.group = path;
  }
  return named;
}

std::string unknown_flag(const Command& command, std::string_view given) {
  const auto name = given.substr(0, given.find('='));
  std::vector<std::string_view> known;
  for (const auto& flag : global_flags()) {
    known.push_back(flag.name);
  }
  for (const auto& flag : command.flags) {
    known.push_back(flag.name);
  }
  const auto near = core::nearest(name, known);
  std::string message = fmt::format("unknown option {} for talon {}", core::terminal_text(name), command.path);
  if (!near.empty()) {
    message += fmt::format("; did you mean {}?", near);
  }
  return message;
}

}  // namespace

Parsed parse(std::span<const char* const> argv) {
  bool json = false;
  for (std::size_t i = 1; i < argv.size() && std::string_view(argv[i]) != "--"; ++i) {
    json = json || std::string_view(argv[i]) == "--json";
  }
  const auto named = name_command(argv);
  const auto wants_help = [&] {
    for (std::size_t i = 1; i < argv.size() && std::string_view(argv[i]) != "--"; ++i) {
      if (std::string_view(argv[i]) == "--help" || std::string_view(argv[i]) == "-h") {
        return true;
      }
    }
    return false;
  }();
  if (named.unknown) {
    const auto known = names_below(named.group);
    const auto near = core::nearest(*named.unknown, known);
    std::string message = fmt::format("unknown command '{}{}{}'", named.group, named.group.empty() ? "" : " ",
                                      core::terminal_text(*named.unknown));
    message += near.empty()
                   ? fmt::format("; known: {}", fmt::join(known, ", "))
                   : fmt::format("; did you mean '{}{}{}'?", named.group, named.group.empty() ? "" : " ", near);
    return UsageError{message, nullptr, json};
  }
  if (named.command == nullptr) {
    if (wants_help || argv.size() == 1) {
      return HelpWanted{nullptr, named.group};
    }
    // `talon --version` is `talon version`, global options on either side of it included.
    const auto is_version = [](const char* word) { return std::string_view(word) == "--version"; };
    if (const auto at = std::ranges::find_if(argv, is_version); at != argv.end() && named.group.empty()) {
      std::vector<const char*> words(argv.begin(), argv.end());
      words[static_cast<std::size_t>(at - argv.begin())] = "version";
      return parse(words);
    }
    // Only flags, or a group without its command.
    for (std::size_t i = 1; i < argv.size(); ++i) {
      const std::string_view word = argv[i];
      if (word.starts_with("-") && word.size() > 1 && word != "--" &&
          find_flag(nullptr, word.substr(0, word.find('='))) == nullptr) {
        return UsageError{fmt::format("unknown option {}", core::terminal_text(word)), nullptr, json};
      }
    }
    return UsageError{fmt::format("a command is missing after 'talon{}{}'; known: {}", named.group.empty() ? "" : " ",
                                  named.group, fmt::join(names_below(named.group), ", ")),
                      nullptr, json};
  }
  const Command& command = *named.command;
  if (command.run == nullptr) {
    return UsageError{fmt::format("'talon {}' is not supported by this version", command.path), nullptr, json};
  }
  if (wants_help) {
    return HelpWanted{&command, {}};
  }

  if (command.positionals.empty()) {
    const auto end_of_flags =
        std::ranges::find_if(argv, [](const char* word) { return std::string_view(word) == "--"; });
    if (end_of_flags != argv.end() && end_of_flags + 1 != argv.end()) {
      return UsageError{
          fmt::format("unexpected argument '{}' for talon {}", core::terminal_text(*(end_of_flags + 1)), command.path),
          &command, json};
    }
  }

  // CLI11 sees the flat command: the words of its path are taken out first, so that global flags may
  // stand on either side.
  std::vector<std::string> rest;
  {
    auto words = words_of(command.path);
    std::size_t next_word = 0;
    for (std::size_t i = 1; i < argv.size(); ++i) {
      const std::string_view word = argv[i];
      if (next_word < words.size() && word == words[next_word]) {
        ++next_word;
        continue;
      }
      rest.emplace_back(word);
      if (next_word < words.size() && word.starts_with("--")) {
        const auto* flag = find_flag(nullptr, word);
        if (flag != nullptr && !flag->value.empty() && i + 1 < argv.size()) {
          rest.emplace_back(argv[++i]);
        }
      }
    }
  }

  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  Arguments arguments;
  arguments.command = &command;
  std::deque<std::string> stored;
  std::deque<bool> switches;
  std::vector<std::pair<const Flag*, CLI::Option*>> options;
  const auto add = [&](const Flag& flag) {
    if (flag.value.empty()) {
      options.emplace_back(&flag, app.add_flag(std::string(flag.name), switches.emplace_back(false)));
    } else {
      options.emplace_back(&flag,
                           app.add_option(std::string(flag.name), stored.emplace_back())->allow_extra_args(false));
    }
  };
  for (const auto& flag : global_flags()) {
    add(flag);
  }
  for (const auto& flag : command.flags) {
    add(flag);
  }
  std::vector<std::string> positionals;
  if (!command.positionals.empty()) {
    app.add_option("positionals", positionals)->expected(0, -1);
  }
  // A flag's name where a value is due is a forgotten value, not a value.
  for (std::size_t i = 0; i < rest.size() && rest[i] != "--"; ++i) {
    const auto* flag = find_flag(&command, rest[i]);
    if (flag != nullptr && !flag->value.empty()) {
      if (i + 1 == rest.size() || find_flag(&command, rest[i + 1]) != nullptr) {
        return UsageError{fmt::format("option {} needs its {}", flag->name, flag->value), &command, json};
      }
      ++i;
    }
  }
  try {
    std::ranges::reverse(rest);  // CLI11 takes its vector from the back
    app.parse(rest);
  } catch (const CLI::ArgumentMismatch& error) {
    return UsageError{
        fmt::format("an option of talon {} lacks its value, or was given twice: {}", command.path, error.what()),
        &command, json};
  } catch (const CLI::ParseError& error) {
    return UsageError{error.what(), &command, json};
  }
  for (const auto& extra : app.remaining()) {
    if (extra == "--") {
      continue;
    }
    if (extra.starts_with('-') && extra.size() > 1) {
      return UsageError{unknown_flag(command, extra), &command, json};
    }
    return UsageError{fmt::format("unexpected argument '{}' for talon {}", core::terminal_text(extra), command.path),
                      &command, json};
  }
  for (const auto& [flag, option] : options) {
    if (option->count() == 0) {
      continue;
    }
    if (flag->later) {
      return UsageError{fmt::format("option {} is not supported by this version", flag->name), &command, json};
    }
    if (!flag->value.empty() && option->count() > 1) {
      return UsageError{fmt::format("option {} was given twice", flag->name), &command, json};
    }
    arguments.values[std::string(flag->name)] = flag->value.empty() ? std::string{} : option->results().front();
  }
  std::size_t required = 0;
  for (const auto& positional : command.positionals) {
    required += positional.required ? 1 : 0;
  }
  if (positionals.size() < required) {
    return UsageError{fmt::format("talon {} needs {}: {}", command.path, command.positionals[positionals.size()].name,
                                  command.positionals[positionals.size()].help),
                      &command, json};
  }
  if (positionals.size() > command.positionals.size()) {
    return UsageError{fmt::format("unexpected argument '{}' for talon {}",
                                  core::terminal_text(positionals[command.positionals.size()]), command.path),
                      &command, json};
  }
  arguments.positionals = std::move(positionals);
  return arguments;
}

}  // namespace talon::cli
