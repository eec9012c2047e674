// Lines of the log.
#include "gateway/log.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

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

Log::Log(int fd, Form form, const core::Clock& clock) noexcept : fd_(fd), form_(form), clock_(&clock) {
  struct stat what{};
  is_file_ = fstat(fd, &what) == 0 && S_ISREG(what.st_mode);
}

Log::Form Log::form_for(int fd) noexcept { return isatty(fd) != 0 ? Form::human : Form::json; }

namespace {

/// Names are ours and need no quoting; values may be anybody's.
void append_json(std::string& out, core::Instant at, Log::Level level, std::string_view name, Log::Fields fields) {
  out += R"({"time":")";
  out += core::to_rfc3339_millis(at);
  out += R"(","level":")";
  out += word(level);
  out += R"(","event":")";
  out += name;
  out += '"';
  for (const auto& field : fields) {
    if (field.absent()) continue;
    out += ",\"";
    out += field.name();
    out += "\":";
    field.quoted() ? append_json_quoted(out, field.text()) : static_cast<void>(out += field.text());
  }
  out += "}\n";
}

}  // namespace

std::string Log::json_line(core::Instant at, Level level, std::string_view name, Fields fields) {
  std::string line;
  append_json(line, at, level, name, fields);
  return line;
}

std::string Log::human_line(core::Instant at, Level level, std::string_view name, Fields fields) {
  constexpr std::size_t k_time_at = 11, k_time_size = 8;  // hh:mm:ss of an RFC 3339 text
  std::string line = core::to_rfc3339_millis(at).substr(k_time_at, k_time_size) + " ";
  if (level != Level::info) line.append(word(level)).append(": ");
  line += name;
  for (const auto& field : fields) {
    if (field.absent()) continue;
    line.append(" ").append(field.name()).append("=");
    const auto text = core::terminal_text(field.text());
    const bool needs_quotes = text.empty() || text.find_first_of(" \"") != std::string::npos;
    line += needs_quotes ? json_quote(text) : text;
  }
  line += '\n';
  return line;
}

void Log::append(std::string& lines, Level level, std::string_view name, Fields fields) const {
  if (form_ == Form::json) {
    append_json(lines, clock_->now(), level, name, fields);
  } else {
    lines += human_line(clock_->now(), level, name, fields);
  }
}

void Log::write_lines(std::string_view lines) {
  const std::lock_guard lock(mutex_);
  // Who let us wait once in vain is not waited for again until it reads.
  const int patience_ms = dropped_ > 0 ? 0 : k_patience_ms;
  std::string before;
  if (mid_line_) before += '\n';
  if (dropped_ > 0) append(before, Level::warning, "log_lines_dropped", {{"lines", dropped_}});
  std::string_view first = before;
  if (!write_all(first, patience_ms)) {
    if (first.size() < before.size()) mid_line_ = true;
    dropped_ += static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
    return;
  }
  dropped_ = 0;
  mid_line_ = false;
  const std::string_view all = lines;
  if (write_all(lines, patience_ms)) return;
  dropped_ = static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
  mid_line_ = lines.size() < all.size() && all[all.size() - lines.size() - 1] != '\n';
}

bool Log::write_all(std::string_view& bytes, int patience_ms) const noexcept {
  while (!bytes.empty()) {
    // A pipe that says it is writable takes PIPE_BUF bytes without blocking, whoever else holds it.
    if (!is_file_) {
      pollfd writable{fd_, POLLOUT, 0};
      const int ready = ::poll(&writable, 1, patience_ms);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return false;
    }
    const auto wrote =
        ::write(fd_, bytes.data(), is_file_ ? bytes.size() : std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (wrote >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void Log::write(Level level, std::string_view name, Fields fields) {
  std::string line;
  append(line, level, name, fields);
  write_lines(line);
}

}  // namespace talon::gateway
