// What commands print: data on stdout, everything else on stderr; errors as a sentence or, with
// --json, as one JSON line. Nothing here decides anything but looks.
#pragma once

#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "core/error.h"

namespace talon::cli {

/// Exit codes of talon(1).
inline constexpr int k_exit_done = 0;
inline constexpr int k_exit_no = 1;
inline constexpr int k_exit_usage = 2;
inline constexpr int k_exit_unknown = 3;
inline constexpr int k_exit_unproven = 4;

/// 1 for "the answer is no", 2 for usage, 3 for "could not tell".
[[nodiscard]] int exit_of(core::Code code) noexcept;

/// Writes data; failures are remembered and turn the exit code into 3 (finish_stdout).
void print(std::string_view data);
/// A line on stderr for people; suppressed by --quiet.
void note(const Arguments& arguments, std::string_view line);
/// Reports `error` on stderr in the form asked for and answers its exit code.
int report(const Arguments& arguments, const core::Error& error);
int report(bool json, const core::Error& error);

[[nodiscard]] bool stdout_is_terminal() noexcept;
[[nodiscard]] bool stderr_is_terminal() noexcept;

/// Flushes stdout. `exit` unless something could not be written: then 3, said on stderr (EPIPE silently).
[[nodiscard]] int finish_stdout(int exit);

/// Columns padded to their widest cell; the header is skipped without rows. Cells are made safe for terminals.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace talon::cli
