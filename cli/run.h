// The whole of the command line as one function; exits as in the table of talon(1).
#pragma once

#include <span>

namespace talon::cli {

[[nodiscard]] int run(std::span<const char* const> argv);

}  // namespace talon::cli
