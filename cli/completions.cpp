// Completions for bash, zsh and fish, written from the command table.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "cli/paper.h"

namespace talon::cli {
namespace {

constexpr std::string_view k_outcomes = "allowed denied failed cancelled truncated interrupted";
constexpr std::string_view k_formats = "bundle ndjson csv sqlite";

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> words;
  while (!path.empty()) {
    const auto space = path.find(' ');
    words.emplace_back(path.substr(0, space));
    path = space == std::string_view::npos ? std::string_view{} : path.substr(space + 1);
  }
  return words;
}

/// "" → init serve audit …; "audit" → list show …
std::vector<std::pair<std::string, std::vector<std::string>>> groups() {
  std::vector<std::pair<std::string, std::vector<std::string>>> found;
  for (const auto& command : commands()) {
    if (command.run == nullptr) {
      continue;
    }
    std::string group;
    for (const auto& word : split(command.path)) {
      auto entry = std::ranges::find(found, group, &std::pair<std::string, std::vector<std::string>>::first);
      if (entry == found.end()) {
        found.emplace_back(group, std::vector<std::string>{});
        entry = found.end() - 1;
      }
      if (std::ranges::find(entry->second, word) == entry->second.end()) {
        entry->second.push_back(word);
      }
      group += (group.empty() ? "" : " ") + word;
    }
  }
  return found;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) {
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

std::string flag_names(const Command& command) {
  std::vector<std::string> names;
  for (const auto& flag : command.flags) {
    if (!flag.later) {
      names.emplace_back(flag.name);
    }
  }
  for (const auto& flag : global_flags()) {
    names.emplace_back(flag.name);
  }
  return joined(names);
}

/// Every flag that takes a value, once, with its completer.
std::vector<Flag> valued_flags() {
  std::vector<Flag> found;
  std::set<std::string_view> seen;
  const auto take = [&](const Flag& flag) {
    if (!flag.value.empty() && !flag.later && seen.insert(flag.name).second) {
      found.push_back(flag);
    }
  };
  for (const auto& flag : global_flags()) {
    take(flag);
  }
  for (const auto& command : commands()) {
    for (const auto& flag : command.flags) {
      take(flag);
    }
  }
  return found;
}

std::string bash_reply(Completer completer) {
  switch (completer) {
    case Completer::file:
    case Completer::choice_bundle:
      return "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")";
    case Completer::directory:
      return "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")";
    case Completer::tenant:
      return "_talon_tenants";
    case Completer::outcome:
      return fmt::format("mapfile -t COMPREPLY < <(compgen -W \"{}\" -- \"$cur\")", k_outcomes);
    case Completer::format:
      return fmt::format("mapfile -t COMPREPLY < <(compgen -W \"{}\" -- \"$cur\")", k_formats);
    case Completer::none:
      break;
  }
  return "COMPREPLY=()";
}

std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

}  // namespace

std::string bash_completion() {
  std::string out =
      "# bash completion for talon(1). Written from the command table.\n"
      "# shellcheck shell=bash\n"
      // Not `compgen -W`: it would expand what stands in a tenant's id.
      "_talon_tenants() {\n"
      "  local tenant\n"
      "  COMPREPLY=()\n"
      "  while IFS= read -r tenant; do\n"
      "    if [[ $tenant == \"$cur\"* ]]; then COMPREPLY+=(\"$(printf '%q' \"$tenant\")\"); fi\n"
      "  done < <(talon tenant list --table --quiet 2>/dev/null | sed -n '2,$s/  .*//p')\n"
      "}\n"
      "_talon() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path='' word skip='' i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    if [[ -n $skip ]]; then skip=''; continue; fi\n"
      "    case $word in\n"
      "      ";
  std::string valued;
  for (const auto& flag : valued_flags()) {
    valued += (valued.empty() ? "" : "|") + std::string(flag.name);
  }
  out += valued +
         ") skip=1 ;;\n"
         "      -*) ;;\n"
         "      *) path=${path:+$path }$word ;;\n"
         "    esac\n"
         "  done\n"
         "  case $prev in\n";
  for (const auto& flag : valued_flags()) {
    out += fmt::format("    {}) {}; return ;;\n", flag.name, bash_reply(flag.completer));
  }
  out += "  esac\n  case $path in\n";
  for (const auto& [group, words] : groups()) {
    out += fmt::format("    '{}') mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\") ;;\n", group, joined(words));
  }
  for (const auto& command : commands()) {
    if (command.run == nullptr) {
      continue;
    }
    out += fmt::format(
        "    '{}'*)\n      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\")\n",
        command.path, flag_names(command));
    out += command.positionals.empty()
               ? "      fi ;;\n"
               : fmt::format("      else {}; fi ;;\n", bash_reply(command.positionals.front().completer));
  }
  return out + "  esac\n}\ncomplete -F _talon talon\n";
}

std::string zsh_completion() {
  const auto action = [](Completer completer) -> std::string {
    switch (completer) {
      case Completer::file:
      case Completer::choice_bundle:
        return "_files";
      case Completer::directory:
        return "_files -/";
      case Completer::tenant:
        return "_talon_tenants";
      case Completer::outcome:
        return fmt::format("({})", k_outcomes);
      case Completer::format:
        return fmt::format("({})", k_formats);
      case Completer::none:
        break;
    }
    return " ";
  };
  const auto spec = [&](const Flag& flag) {
    std::string help(flag.help);
    std::erase_if(help, [](char c) { return c == '[' || c == ']' || c == ':'; });
    return shell_quoted(flag.value.empty()
                            ? fmt::format("{}[{}]", flag.name, help)
                            : fmt::format("{}[{}]:{}:{}", flag.name, help, flag.value, action(flag.completer)));
  };
  std::string out =
      "#compdef talon\n# zsh completion for talon(1). Written from the command table.\n\n"
      "_talon_tenants() {\n  local -a tenants\n  tenants=(${(f)\"$(talon tenant list --table --quiet 2>/dev/null | sed "
      "-n '2,$s/  .*//p')\"})\n  compadd -a tenants\n}\n\n"
      "_talon() {\n  local -a globals\n  globals=(\n";
  for (const auto& flag : global_flags()) {
    out += "    " + spec(flag) + "\n";
  }
  out +=
      "  )\n  local path='' word\n  integer i depth=0\n  for ((i = 2; i < CURRENT; i++)); do\n    word=$words[i]\n    "
      "case $word in\n";
  std::string valued;
  for (const auto& flag : valued_flags()) {
    valued += (valued.empty() ? "" : "|") + std::string(flag.name);
  }
  out += fmt::format(
      "      {}) ((i++)) ;;\n      -*) ;;\n      *) path=\"${{path:+$path }}$word\" ;;\n    esac\n  done\n  case $path "
      "in\n",
      valued);
  for (const auto& [group, words] : groups()) {
    out += fmt::format("    '{}') compadd -- {} ;;\n", group, joined(words));
  }
  for (const auto& command : commands()) {
    if (command.run == nullptr) {
      continue;
    }
    out += fmt::format("    '{}'*) _arguments -S $globals", command.path);
    for (const auto& flag : command.flags) {
      if (!flag.later) {
        out += " \\\n      " + spec(flag);
      }
    }
    for (const auto& positional : command.positionals) {
      out += " \\\n      " + shell_quoted(fmt::format("*:{}:{}", positional.name, action(positional.completer)));
    }
    out += " ;;\n";
  }
  return out + "  esac\n}\n\n_talon \"$@\"\n";
}

std::string fish_completion() {
  std::string out =
      "# fish completion for talon(1). Written from the command table.\n"
      "function __talon_path\n"
      "    set -l tokens (commandline -opc)\n    set -e tokens[1]\n    set -l path\n    set -l skip 0\n"
      "    for token in $tokens\n        if test $skip = 1\n            set skip 0\n            continue\n        "
      "end\n        switch $token\n            case ";
  for (const auto& flag : valued_flags()) {
    out += std::string(flag.name) + " ";
  }
  out +=
      "\n                set skip 1\n            case '-*'\n            case '*'\n                set -a path $token\n "
      "       end\n    end\n"
      "    string join ' ' -- $path\nend\n"
      "function __talon_at\n    test \"$(__talon_path)\" = \"$argv[1]\"\nend\n"
      "function __talon_in\n    string match -q -- \"$argv[1]*\" \"$(__talon_path)\"\nend\n"
      "function __talon_tenants\n    talon tenant list --table --quiet 2>/dev/null | sed -n '2,$s/  .*//p'\nend\n"
      "complete -c talon -f\n";
  const auto arguments = [](Completer completer) -> std::string {
    switch (completer) {
      case Completer::file:
      case Completer::choice_bundle:
        return " -F";
      case Completer::directory:
        return " -a '(__fish_complete_directories)'";
      case Completer::tenant:
        return " -a '(__talon_tenants)'";
      case Completer::outcome:
        return fmt::format(" -a '{}'", k_outcomes);
      case Completer::format:
        return fmt::format(" -a '{}'", k_formats);
      case Completer::none:
        break;
    }
    return "";
  };
  const auto flag_line = [&](std::string_view condition, const Flag& flag) {
    return fmt::format("complete -c talon{} -l {}{}{} -d {}\n", condition, flag.name.substr(2),
                       flag.value.empty() ? "" : " -r", arguments(flag.completer), shell_quoted(flag.help));
  };
  for (const auto& flag : global_flags()) {
    out += flag_line("", flag);
  }
  for (const auto& [group, words] : groups()) {
    out += fmt::format("complete -c talon -n \"__talon_at '{}'\" -a '{}'\n", group, joined(words));
  }
  for (const auto& command : commands()) {
    if (command.run == nullptr) {
      continue;
    }
    const auto condition = fmt::format(" -n \"__talon_in '{}'\"", command.path);
    for (const auto& flag : command.flags) {
      if (!flag.later) {
        out += flag_line(condition, flag);
      }
    }
    for (const auto& positional : command.positionals) {
      if (const auto offered = arguments(positional.completer); !offered.empty()) {
        out += fmt::format("complete -c talon{}{}\n", condition, offered);
      }
    }
  }
  return out;
}

}  // namespace talon::cli
