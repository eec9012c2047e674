#include "cli/problems.h"

#include <fmt/core.h>

#include <algorithm>

#include <algorithm>
#include <array>

#include "core/text.h"
#include "gateway/http/error_envelope.h"

namespace talon::cli {
namespace {

constexpr std::array<std::string_view, 4> k_secret_members = {"tenant_key", "admin_key", "api_key", "key"};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/// Length of the value that `text` begins with: a quoted one, or up to what ends a plain one here.
std::size_t value_length(std::string_view text, bool in_flow_mapping) {
  if (text.starts_with('"') || text.starts_with('\'')) {
    const auto close = text.find(text.front(), 1);
    return close == std::string_view::npos ? text.size() : close + 1;
  }
  return in_flow_mapping ? std::min(text.size(), text.find_first_of(",}")) : text.size();
}

/// A line of talon.yaml without its secrets: this output ends up in journals and in the logs of CI.
std::string masked_line(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    std::size_t length = 0;
    while (length < line.size() && is_word(line[length])) ++length;
    const auto word = line.substr(0, std::max<std::size_t>(length, 1));
    out += word;
    line.remove_prefix(word.size());
    if (std::ranges::find(k_secret_members, word) == k_secret_members.end()) continue;
    const auto begin = line.find_first_not_of("\"': ");
    const auto value = line.find(':');
    if (value == std::string_view::npos || begin == std::string_view::npos || value > begin) continue;
    out.append(line.substr(0, value)).append(": \"********\"");
    line.remove_prefix(line.find_first_not_of(' ', value + 1));
    line.remove_prefix(value_length(line, out.find('{') != std::string::npos));
  }
  return out;
}

/// A suggestion of one word as it is; a whole file line by line, secrets masked.
std::string shown(const std::string& suggestion) {
  if (suggestion.find('\n') == std::string::npos) return suggestion;
  std::string out;
  for (std::string_view rest = suggestion; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    out += masked_line(rest.substr(0, end)) + "\n";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

}  // namespace

core::Result<vault::ConfigFile> config_file(const Arguments& arguments) {
  TALON_TRY(file, vault::find_config_file(arguments.value("--config"), vault::process_environment()));
  if (!file) {
    return core::fail(
        core::Code::config_missing,
        "no configuration: looked at --config, $TALON_CONFIG, ./talon.yaml, $XDG_CONFIG_HOME/talon/talon.yaml and "
        "/etc/talon/talon.yaml; make one: talon config sample > talon.yaml");
  }
  return *file;
}

core::Error first_problem(const std::vector<core::Problem>& problems) {
  const auto found = std::ranges::find(problems, false, &core::Problem::warning);
  return {core::Code::config_invalid, found->message + "; all problems: talon config check", found->place};
}

std::string problems_text(const std::vector<core::Problem>& problems) {
  std::string out;
  for (const auto& problem : problems) {
    out += core::terminal_text(problem.place.file);
    if (problem.place.line > 0) {
      out += fmt::format(":{}:{}", problem.place.line, problem.place.column);
    }
    out += fmt::format(": {}{}\n", problem.warning ? "warning: " : "", core::terminal_text(problem.message));
    // A single word stands in the message already; a whole file re-indented does not.
    if (problem.suggestion && problem.suggestion->find('\n') != std::string::npos) {
      const std::string file = shown(*problem.suggestion);
      std::string_view rest = file;
      while (!rest.empty()) {
        const auto end = rest.find('\n');
        out += "    " + core::terminal_text(rest.substr(0, end)) + "\n";
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
      }
    }
  }
  return out;
}

std::string problems_json(const std::vector<core::Problem>& problems, bool valid) {
  std::string out = fmt::format(R"({{"valid":{},"problems":[)", valid);
  for (const auto& problem : problems) {
    if (out.back() != '[') {
      out += ',';
    }
    out += fmt::format(R"({{"file":{},"line":{},"column":{},"code":"{}","message":{},"suggestion":{}{}}})",
                       gateway::json_quote(problem.place.file), problem.place.line, problem.place.column,
                       core::word(problem.code), gateway::json_quote(problem.message),
                       problem.suggestion ? gateway::json_quote(shown(*problem.suggestion)) : "null",
                       problem.warning ? R"(,"warning":true)" : "");
  }
  return out + "]}\n";
}

}  // namespace talon::cli
