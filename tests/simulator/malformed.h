// Responses that break HTTP on purpose; the kinds are listed in README.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace talon::simulator {

/// The complete wrong response of that kind around `body`; an unknown kind answers garbage.
[[nodiscard]] std::string malformed_response(std::string_view kind, std::string_view body,
                                             std::string_view content_type);

/// Kinds whose wrongness is that the connection ends too early.
[[nodiscard]] bool malformed_needs_close(std::string_view kind);

/// All kinds, for tests that walk through them (`GET /__sim/malformed`).
[[nodiscard]] std::vector<std::string_view> malformed_kinds();

}  // namespace talon::simulator
