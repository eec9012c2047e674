// Errors are values: a stable code, a sentence a user can act on, and, where it helps, the place.
//
// The codes are one vocabulary for the wire, the evidence, the metrics and the command line; the
// table behind them (error.cpp) also holds the HTTP status and the error type of each word.
// Adding a code is additive; a code that was released is never renamed.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace talon::core {

enum class Code {
  // Words of the HTTP surface (interfaces.md, "Error codes").
  invalid_request,
  invalid_json,
  invalid_tenant_id,
  invalid_session_id,
  model_required,
  model_unpriced,
  invalid_key,
  api_key_expired,
  daily_cost_exceeded,
  monthly_cost_exceeded,
  monthly_budget_exceeded,
  session_cost_exceeded,
  tenant_suspended,
  tenant_closed,
  tenant_mismatch,
  tenant_limit_exceeded,
  wrong_key_kind,
  feature_not_available,
  provider_limit_exceeded,
  api_key_limit_exceeded,
  budget_above_limit,
  model_not_allowed,
  provider_not_allowed,
  provider_path_not_allowed,
  not_found,
  method_not_allowed,
  request_timeout,
  conflict,
  config_managed,
  idempotency_conflict,
  ambiguous_session,
  body_too_large,
  unsupported_media_type,
  rate_limited,
  monthly_request_limit_exceeded,
  provider_rate_limited,
  internal_error,
  not_supported,
  provider_error,
  provider_auth_failed,
  no_provider_configured,
  overloaded,
  vault_unavailable,
  draining,
  provider_timeout,
  // Words only the command line and the files need.
  usage,
  config_invalid,
  config_missing,
  file_unreadable,
  file_exists,
  write_failed,
  vault_missing,
  vault_exists,
  vault_locked,
  vault_corrupt,
  vault_version,
  vault_permission,
  key_missing,
  key_invalid,
  tenant_unknown,
  tenant_no_sessions,
  evidence_unknown,
  address_in_use,
  bundle_unreadable,
  cancelled,    ///< the client left
  truncated,    ///< the provider cut its answer
  interrupted,  ///< Talon died while the call was running
};

/// The stable word, e.g. "daily_cost_exceeded".
[[nodiscard]] std::string_view word(Code code) noexcept;
/// The code of a word, e.g. one read back from a record.
[[nodiscard]] std::optional<Code> parse_code(std::string_view text) noexcept;
/// The HTTP status this code is answered with (500 for words that never reach HTTP).
[[nodiscard]] int http_status(Code code) noexcept;
/// The envelope's `type`, e.g. "budget_limit_error".
[[nodiscard]] std::string_view http_type(Code code) noexcept;

/// Where an error is: a file, and a 1-based line and column when known (0 = not known).
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

struct Error {
  Code code = Code::internal_error;
  std::string message;  ///< one sentence, no trailing newline, never a secret
  std::optional<Place> place{};
};

/// A value or an Error. The attribute is on the type: no result can be dropped unseen.
template <class T>
struct [[nodiscard]] Result : std::expected<T, Error> {
  using std::expected<T, Error>::expected;
};

template <>
struct [[nodiscard]] Result<void> : std::expected<void, Error> {
  using std::expected<void, Error>::expected;
};

/// `return fail(Code::not_found, "…");` from a function that returns Result<T>.
[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message), std::nullopt});
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace talon::core

/// In plain functions only (never in a coroutine): give up with the error of `expression`.
#define TALON_TRY(name, expression)                           \
  auto name##_result = (expression);                          \
  if (!name##_result) {                                       \
    return std::unexpected(std::move(name##_result).error()); \
  }                                                           \
  auto& name = *name##_result
#define TALON_TRY_VOID(expression)                                 \
  do {                                                             \
    if (auto talon_try_result = (expression); !talon_try_result) { \
      return std::unexpected(std::move(talon_try_result).error()); \
    }                                                              \
  } while (false)
