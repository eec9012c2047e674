#include "cli/output.h"

#include <fmt/core.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/text.h"
#include "gateway/http/error_envelope.h"

namespace talon::cli {
namespace {

int g_stdout_error = 0;

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      if (fd == STDOUT_FILENO && g_stdout_error == 0) {
        g_stdout_error = errno;
      }
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

int exit_of(core::Code code) noexcept {
  using core::Code;
  switch (code) {
    case Code::usage:
    case Code::invalid_tenant_id:
      return k_exit_usage;
    case Code::tenant_unknown:
    case Code::tenant_no_sessions:
    case Code::evidence_unknown:
    case Code::vault_exists:
      return k_exit_no;
    default:
      return k_exit_unknown;
  }
}

void print(std::string_view data) { write_all(STDOUT_FILENO, data); }

void note(const Arguments& arguments, std::string_view line) {
  if (!arguments.quiet() && !arguments.json()) {
    write_all(STDERR_FILENO, std::string(line) + "\n");
  }
}

int report(bool json, const core::Error& error) {
  std::string line;
  if (json) {
    line = fmt::format(R"({{"error":{{"code":"{}","message":{})", core::word(error.code),
                       gateway::json_quote(error.message));
    if (error.place) {
      line += fmt::format(R"(,"file":{})", gateway::json_quote(error.place->file));
      if (error.place->line > 0) {
        line += fmt::format(R"(,"line":{})", error.place->line);
      }
    }
    line += "}}\n";
  } else {
    line = "talon: ";
    // Where the message begins with its file, once is enough.
    if (error.place && (error.place->line > 0 || !error.message.starts_with(error.place->file))) {
      line += core::terminal_text(error.place->file);
      if (error.place->line > 0) {
        line += fmt::format(":{}:{}", error.place->line, error.place->column);
      }
      line += ": ";
    }
    line += fmt::format("{}: {}\n", core::word(error.code), core::terminal_text(error.message));
  }
  write_all(STDERR_FILENO, line);
  return exit_of(error.code);
}

int report(const Arguments& arguments, const core::Error& error) { return report(arguments.json(), error); }

bool stdout_is_terminal() noexcept { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() noexcept { return ::isatty(STDERR_FILENO) == 1; }

int finish_stdout(int exit) {
  if (g_stdout_error == 0) {
    return exit;
  }
  if (g_stdout_error != EPIPE) {
    write_all(STDERR_FILENO, fmt::format("talon: write_failed: standard output: {}\n", std::strerror(g_stdout_error)));
  }
  return k_exit_unknown;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  if (rows.size() < 2) {
    return {};
  }
  std::vector<std::vector<std::string>> safe;
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    auto& cells = safe.emplace_back();
    for (std::size_t column = 0; column < row.size(); ++column) {
      cells.push_back(core::terminal_text(row[column]));
      widths[column] = std::max(widths[column], core::count_code_points(cells.back()).value_or(cells.back().size()));
    }
  }
  std::string out;
  for (const auto& row : safe) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      out += row[column];
      if (column + 1 < row.size()) {
        out.append(widths[column] + 2 - core::count_code_points(row[column]).value_or(row[column].size()), ' ');
      }
    }
    out += '\n';
  }
  return out;
}

}  // namespace talon::cli
