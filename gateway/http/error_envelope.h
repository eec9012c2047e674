// The one error envelope: {"error":{"type","code","message","request_id",…extras}} (acceptance.md).
// Also adds what goes with a code: `x-should-retry: false`, `WWW-Authenticate`, `Retry-After`.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "gateway/http/message.h"

namespace talon::gateway {

/// A refusal on its way to the client: the error and the extra members of its code.
struct Refusal {
  core::Error error;
  /// Members after `message`, each value already JSON ("50", "\"2026-05-02T00:00:00Z\"").
  std::vector<std::pair<std::string, std::string>> extras{};
  std::optional<int> retry_after_seconds{};                   ///< sent only when ≤ 60
  std::vector<std::pair<std::string, std::string>> fields{};  ///< of the response, besides those of the code
};

/// `return refuse(Code::invalid_json, "…");` from a function that may answer a Refusal.
[[nodiscard]] inline std::unexpected<Refusal> refuse(core::Code code, std::string message) {
  return std::unexpected(Refusal{core::Error{code, std::move(message), std::nullopt}, {}, std::nullopt});
}
[[nodiscard]] inline std::unexpected<Refusal> refuse(core::Error error) {
  return std::unexpected(Refusal{std::move(error), {}, std::nullopt});
}

[[nodiscard]] Response to_response(const Refusal& refusal, std::string_view request_id);
/// `data: {"error":{…}}` and a blank line: how a stream that cannot end well ends.
[[nodiscard]] std::string to_error_event(const core::Error& error, std::string_view request_id);
/// Quotes any bytes as a JSON string (invalid UTF-8 becomes U+FFFD).
[[nodiscard]] std::string json_quote(std::string_view text);
void append_json_quoted(std::string& out, std::string_view text);

}  // namespace talon::gateway
