// What the dashboard's endpoints are asked with: whose calls, of which project, since when, how many.
#pragma once

#include <expected>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/api/reads.h"
#include "gateway/http/target.h"

namespace talon::gateway {

struct DashboardFilter {
  vault::LogFilter log;                ///< nullopt: all
  std::optional<std::string> project;  ///< nullopt: all; "default" is what names none
};
/// `tenant` and `project`. Refusals: 400 invalid_tenant_id; a project that is empty or longer than 128 characters.
[[nodiscard]] std::expected<DashboardFilter, Refusal> read_dashboard_filter(const Query& query);

struct NamedPeriod {
  std::optional<std::string> name;  ///< nullopt: from and to were given
  vault::Period period;
};
/// `period`, one of `names` (the first where none is given), or `from` and `to`.
[[nodiscard]] std::expected<NamedPeriod, Refusal> read_named_period(const Query& query, core::Instant now,
                                                                    std::initializer_list<std::string_view> names);

/// 1 … 1000.
[[nodiscard]] std::expected<std::size_t, Refusal> read_page_limit(const Query& query, std::size_t otherwise);

/// `Link: <…>; rel="next"` when there is more: the request's own members with another cursor. `members` are the names
/// the endpoint knows.
void add_next_link(Response& response, const ApiRequest& request, const Query& query,
                   std::initializer_list<std::string_view> members, const std::optional<std::string>& next);

}  // namespace talon::gateway
