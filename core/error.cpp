// The error vocabulary: one row for each code, in the order of the enumeration.
#include "core/error.h"

#include <array>
#include <cstddef>

namespace talon::core {
namespace {

struct Row {
  Code code;
  std::string_view word;
  int status;
};

constexpr std::array k_rows = {
    Row{Code::invalid_request, "invalid_request", 400},
    Row{Code::invalid_json, "invalid_json", 400},
    Row{Code::invalid_tenant_id, "invalid_tenant_id", 400},
    Row{Code::invalid_session_id, "invalid_session_id", 400},
    Row{Code::model_required, "model_required", 400},
    Row{Code::model_unpriced, "model_unpriced", 400},
    Row{Code::invalid_key, "invalid_key", 401},
    Row{Code::api_key_expired, "api_key_expired", 401},
    Row{Code::daily_cost_exceeded, "daily_cost_exceeded", 402},
    Row{Code::monthly_cost_exceeded, "monthly_cost_exceeded", 402},
    Row{Code::monthly_budget_exceeded, "monthly_budget_exceeded", 402},
    Row{Code::session_cost_exceeded, "session_cost_exceeded", 402},
    Row{Code::tenant_suspended, "tenant_suspended", 403},
    Row{Code::tenant_closed, "tenant_closed", 403},
    Row{Code::tenant_mismatch, "tenant_mismatch", 403},
    Row{Code::tenant_limit_exceeded, "tenant_limit_exceeded", 403},
    Row{Code::wrong_key_kind, "wrong_key_kind", 403},
    Row{Code::feature_not_available, "feature_not_available", 403},
    Row{Code::provider_limit_exceeded, "provider_limit_exceeded", 403},
    Row{Code::api_key_limit_exceeded, "api_key_limit_exceeded", 403},
    Row{Code::budget_above_limit, "budget_above_limit", 403},
    Row{Code::model_not_allowed, "model_not_allowed", 403},
    Row{Code::provider_not_allowed, "provider_not_allowed", 403},
    Row{Code::provider_path_not_allowed, "provider_path_not_allowed", 403},
    Row{Code::not_found, "not_found", 404},
    Row{Code::method_not_allowed, "method_not_allowed", 405},
    Row{Code::request_timeout, "request_timeout", 408},
    Row{Code::conflict, "conflict", 409},
    Row{Code::config_managed, "config_managed", 409},
    Row{Code::idempotency_conflict, "idempotency_conflict", 409},
    Row{Code::ambiguous_session, "ambiguous_session", 409},
    Row{Code::body_too_large, "body_too_large", 413},
    Row{Code::unsupported_media_type, "unsupported_media_type", 415},
    Row{Code::rate_limited, "rate_limited", 429},
    Row{Code::monthly_request_limit_exceeded, "monthly_request_limit_exceeded", 429},
    Row{Code::provider_rate_limited, "provider_rate_limited", 429},
    Row{Code::internal_error, "internal_error", 500},
    Row{Code::not_supported, "not_supported", 501},
    Row{Code::provider_error, "provider_error", 502},
    Row{Code::provider_auth_failed, "provider_auth_failed", 502},
    Row{Code::no_provider_configured, "no_provider_configured", 503},
    Row{Code::overloaded, "overloaded", 503},
    Row{Code::vault_unavailable, "vault_unavailable", 503},
    Row{Code::draining, "draining", 503},
    Row{Code::provider_timeout, "provider_timeout", 504},
    Row{Code::usage, "usage", 500},
    Row{Code::config_invalid, "config_invalid", 500},
    Row{Code::config_missing, "config_missing", 500},
    Row{Code::file_unreadable, "file_unreadable", 500},
    Row{Code::file_exists, "file_exists", 500},
    Row{Code::write_failed, "write_failed", 500},
    Row{Code::vault_missing, "vault_missing", 500},
    Row{Code::vault_exists, "vault_exists", 500},
    Row{Code::vault_locked, "vault_locked", 500},
    Row{Code::vault_corrupt, "vault_corrupt", 500},
    Row{Code::vault_version, "vault_version", 500},
    Row{Code::vault_permission, "vault_permission", 500},
    Row{Code::key_missing, "key_missing", 500},
    Row{Code::key_invalid, "key_invalid", 500},
    Row{Code::tenant_unknown, "tenant_unknown", 500},
    Row{Code::tenant_no_sessions, "tenant_no_sessions", 500},
    Row{Code::evidence_unknown, "evidence_unknown", 500},
    Row{Code::address_in_use, "address_in_use", 500},
    Row{Code::bundle_unreadable, "bundle_unreadable", 500},
    Row{Code::cancelled, "cancelled", 500},
    Row{Code::truncated, "truncated", 500},
    Row{Code::interrupted, "interrupted", 500},
};

/// The table is indexed by the code, so a row out of place must not compile.
constexpr bool in_order() {
  for (std::size_t i = 0; i < k_rows.size(); ++i) {
    if (static_cast<std::size_t>(k_rows[i].code) != i) return false;
  }
  return true;
}
static_assert(in_order() && k_rows.size() == static_cast<std::size_t>(Code::interrupted) + 1);

const Row& row(Code code) noexcept { return k_rows[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view word(Code code) noexcept { return row(code).word; }

int http_status(Code code) noexcept { return row(code).status; }

std::string_view http_type(Code code) noexcept {
  switch (row(code).status) {
    case 401:
      return "authentication_error";
    case 402:
      return "budget_limit_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return row(code).status < 500 ? "invalid_request_error" : "api_error";
  }
}

std::optional<Code> parse_code(std::string_view text) noexcept {
  for (const auto& candidate : k_rows) {
    if (candidate.word == text) return candidate.code;
  }
  return std::nullopt;
}

}  // namespace talon::core
