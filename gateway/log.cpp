// Lines of the log.
#include "gateway/log.h"

#include <unistd.h>

#include <cerrno>

#include "core/text.h"
#include "gateway/http/error_envelope.h"

namespace talon::gateway {
namespace {

std::string_view word(Log::Level level) noexcept {
  switch (level) {
    case Log::Level::info:
      return "info";
    case Log::Level::warning:
      return "warning";
    case Log::Level::error:
      break;
  }
  return "error";
}

}  // namespace

Log::Form Log::form_for(int fd) noexcept { return isatty(fd) != 0 ? Form::human : Form::json; }

std::string Log::json_line(core::Instant at, Level level, std::string_view name, Fields fields) {
  std::string line = R"({"time":")" + core::to_rfc3339_millis(at) + R"(","level":")";
  line += word(level);
  line += R"(","event":)";
  append_json_quoted(line, name);
  for (const auto& field : fields) {
    line += ',';
    append_json_quoted(line, field.name());
    line += ':';
    field.quoted() ? append_json_quoted(line, field.text()) : static_cast<void>(line += field.text());
  }
  line += "}\n";
  return line;
}

std::string Log::human_line(core::Instant at, Level level, std::string_view name, Fields fields) {
  constexpr std::size_t k_time_at = 11, k_time_size = 8;  // hh:mm:ss of an RFC 3339 text
  std::string line = core::to_rfc3339_millis(at).substr(k_time_at, k_time_size) + " ";
  if (level != Level::info) line.append(word(level)).append(": ");
  line += name;
  for (const auto& field : fields) {
    line.append(" ").append(field.name()).append("=");
    const auto text = core::terminal_text(field.text());
    const bool needs_quotes = text.empty() || text.find_first_of(" \"") != std::string::npos;
    line += needs_quotes ? json_quote(text) : text;
  }
  line += '\n';
  return line;
}

void Log::append(std::string& lines, Level level, std::string_view name, Fields fields) const {
  lines += form_ == Form::json ? json_line(clock_->now(), level, name, fields)
                               : human_line(clock_->now(), level, name, fields);
}

void Log::write_lines(std::string_view lines) {
  while (::write(fd_, lines.data(), lines.size()) < 0 && errno == EINTR) {
  }
}

void Log::write(Level level, std::string_view name, Fields fields) {
  std::string line;
  append(line, level, name, fields);
  write_lines(line);
}

}  // namespace talon::gateway
