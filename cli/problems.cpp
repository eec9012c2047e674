#include "cli/problems.h"

#include <fmt/core.h>

#include "core/text.h"
#include "gateway/http/error_envelope.h"

namespace talon::cli {

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
      std::string_view rest = *problem.suggestion;
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
                       problem.suggestion ? gateway::json_quote(*problem.suggestion) : "null",
                       problem.warning ? R"(,"warning":true)" : "");
  }
  return out + "]}\n";
}

}  // namespace talon::cli
