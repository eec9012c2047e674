// What the dashboard's endpoints are asked with: whose calls, of which project, since when, how many.
#pragma once

#include <expected>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/api/paging.h"
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

/// What a list is asked for: whose, begun when, which page.
struct DashboardList {
  DashboardFilter filter;
  vault::Period period;
  Page page;

  /// As the vault is asked: vault::CallQuery or vault::SessionQuery.
  template <class VaultQuery>
  [[nodiscard]] VaultQuery wanted() const {
    VaultQuery query;
    query.log = filter.log;
    query.project = filter.project;
    query.period = period;
    query.limit = page.limit;
    query.after = page.after;
    return query;
  }
};
/// `tenant`, `project`, `from`, `to`, `limit` (100 where none is given), `cursor`.
[[nodiscard]] std::expected<DashboardList, Refusal> read_dashboard_list(const Query& query, ListOf list);

/// What sums are asked over.
struct DashboardSums {
  DashboardFilter filter;
  NamedPeriod named;
};
/// All members of the request's query: `tenant`, `project`, and a period of today, week, month or all.
[[nodiscard]] std::expected<DashboardSums, Refusal> read_dashboard_sums(const ApiRequest& request);

}  // namespace talon::gateway
