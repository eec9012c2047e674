// What the endpoints that read share: whose log is meant, and query members with a form of their own.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "gateway/api/reads.h"
#include "gateway/http/target.h"

namespace talon::gateway {

/// Whose records a read is about.
struct ReadScope {
  std::optional<core::LogName> log;      ///< nullopt: all (admin only)
  std::optional<core::TenantId> tenant;  ///< of `log`; nullopt for the unattributed bucket too
};

enum class AllLogs : std::uint8_t { allowed, refused };
/// From the key and `?tenant=`. Refusals: see answer_read.
[[nodiscard]] std::expected<ReadScope, Refusal> read_scope(const ApiRequest& request, const Query& query,
                                                           AllLogs all_logs);

/// `from` and `to`. Refusal: 400 for what is no date or instant, or an empty period.
[[nodiscard]] std::expected<vault::Period, Refusal> read_period(const Query& query);

/// An error of the vault as the client may see it: 404 for what is not there, 503 without detail for
/// what an operator has to look at.
[[nodiscard]] Refusal from_vault(const core::Error& error);

[[nodiscard]] Response json_response(std::string body);

}  // namespace talon::gateway
