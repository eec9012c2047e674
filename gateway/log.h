// Log: what the operator reads while `talon serve` runs. One JSON object a line, or, on a terminal, one
// short line for people.
//
//   log.event("listening", {{"address", "127.0.0.1:8080"}});
//   → {"time":"2026-05-01T12:00:00.123Z","level":"info","event":"listening","address":"127.0.0.1:8080"}
//
// Event names and field names are stable: scripts read them. Never hand a key to it, in no form.
// Thread rule: any thread; lines never mix. Who reads too slowly holds up a request for k_patience at most:
// lines that cannot be written by then are dropped and counted, and `log_lines_dropped` says how many.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

namespace talon::gateway {

/// A name and its value; views live as long as the call.
class LogField {
 public:
  LogField(std::string_view name, std::string_view text) : name_(name), text_(text) {}
  LogField(std::string_view name, const char* text) : LogField(name, std::string_view(text)) {}
  LogField(std::string_view name, const std::string& text) : LogField(name, std::string_view(text)) {}
  LogField(std::string_view name, std::same_as<bool> auto value)
      : name_(name), text_(value ? "true" : "false"), quoted_(false) {}
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  LogField(std::string_view name, Integer value) : name_(name), number_(std::to_string(value)), quoted_(false) {}

  /// nullopt: the line does without this field.
  LogField(std::string_view name, std::optional<int> value)
      : name_(name), number_(value ? std::to_string(*value) : std::string()), quoted_(false), absent_(!value) {}

  [[nodiscard]] bool absent() const noexcept { return absent_; }
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] std::string_view text() const noexcept { return number_.empty() ? text_ : std::string_view(number_); }
  [[nodiscard]] bool quoted() const noexcept { return quoted_; }

 private:
  std::string_view name_;
  std::string_view text_;
  std::string number_;
  bool quoted_ = true;
  bool absent_ = false;
};

class Log {
 public:
  enum class Form : std::uint8_t { json, human };
  enum class Level : std::uint8_t { info, warning, error };
  using Fields = std::initializer_list<LogField>;

  /// `human` when `fd` is a terminal.
  [[nodiscard]] static Form form_for(int fd) noexcept;
  /// Writes to `fd`, which stays the caller's. `clock` outlives the log.
  Log(int fd, Form form, const core::Clock& clock) noexcept;

  void event(std::string_view name, Fields fields = {}) { write(Level::info, name, fields); }
  void warning(std::string_view name, Fields fields = {}) { write(Level::warning, name, fields); }
  void error(std::string_view name, Fields fields = {}) { write(Level::error, name, fields); }
  void write(Level level, std::string_view name, Fields fields);

  /// For who writes many lines: appends a line to `lines`; write_lines() writes them at once, best before they are more
  /// than block() bytes: then lines of several threads do not mix inside a pipe.
  void append(std::string& lines, Level level, std::string_view name, Fields fields) const;
  void write_lines(std::string_view lines);
  [[nodiscard]] std::size_t block() const noexcept { return is_file_ ? k_file_block : k_pipe_block; }

  /// The line that write() would write, line feed included.
  [[nodiscard]] static std::string json_line(core::Instant at, Level level, std::string_view name, Fields fields);
  /// Controls and bidi marks in values are made visible.
  [[nodiscard]] static std::string human_line(core::Instant at, Level level, std::string_view name, Fields fields);

 private:
  static constexpr int k_patience_ms = 50;
  static constexpr std::size_t k_pipe_block = 3'000;  ///< near what a pipe takes in one piece (PIPE_BUF)
  static constexpr std::size_t k_file_block = 32 * 1024;
  /// Writes all of it, in pieces that never block. False: some could not be written; `bytes` is what is left.
  [[nodiscard]] bool write_all(std::string_view& bytes, int patience_ms) const noexcept;

  std::mutex mutex_;
  std::uint64_t dropped_ = 0;  ///< lines; under mutex_
  bool mid_line_ = false;      ///< the last write stopped inside a line; under mutex_
  int fd_;
  Form form_;
  bool is_file_;  ///< a write does not wait for a reader
  const core::Clock* clock_;
};

}  // namespace talon::gateway
