#include "gateway/api/dashboard_query.h"

#include <algorithm>

#include "core/text.h"
#include "gateway/api/read_scope.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::size_t k_default_limit = 100;  ///< as the guide's lists have it
constexpr std::size_t k_longest_name = 128;

/// Where a named period begins; nullopt: at the beginning.
std::optional<core::Instant> begin_of(std::string_view name, core::Instant now) {
  const auto today = core::day_of(now);
  if (name == "today") return core::start_of(today);
  if (name == "month") return core::start_of(core::month_start(today));
  if (name == "week") {
    constexpr std::int32_t k_weekday_of_day_0 = 3;  // 1970-01-01 was a Thursday; Monday is 0
    return core::start_of(core::Day{today.number - (today.number + k_weekday_of_day_0) % 7});
  }
  return std::nullopt;
}

}  // namespace

std::expected<DashboardFilter, Refusal> read_dashboard_filter(const Query& query) {
  DashboardFilter filter;
  if (const auto named = query.find("tenant")) {
    if (named->empty()) {
      filter.log = core::LogName::unattributed();
    } else {
      const auto tenant = core::TenantId::parse(*named);
      if (!tenant) return refuse(tenant.error());
      filter.log = core::LogName::of(*tenant);
    }
  }
  if (const auto project = query.find("project")) {
    if (project->empty() || core::count_code_points(*project).value_or(k_longest_name + 1) > k_longest_name)
      return refuse(Code::invalid_request, "The query parameter \"project\" is a name of 1 to 128 characters.");
    filter.project = *project;
  }
  return filter;
}

std::expected<NamedPeriod, Refusal> read_named_period(const Query& query, core::Instant now,
                                                      std::initializer_list<std::string_view> names) {
  const auto period = read_period(query);
  if (!period) return std::unexpected(period.error());
  const auto name = query.find("period");
  if (period->from || period->to) {
    if (name) return refuse(Code::invalid_request, "Give either \"period\", or \"from\" and \"to\".");
    return NamedPeriod{std::nullopt, *period};
  }
  const auto wanted = name.value_or(*names.begin());
  if (std::ranges::find(names, wanted) == names.end()) {
    std::string sentence = "The query parameter \"period\" is one of";
    for (const auto known : names) sentence.append(known == *names.begin() ? " " : ", ").append(known);
    return refuse(Code::invalid_request, sentence + '.');
  }
  return NamedPeriod{std::string(wanted), {begin_of(wanted, now), std::nullopt}};
}

std::expected<DashboardList, Refusal> read_dashboard_list(const Query& query, ListOf list) {
  const auto filter = read_dashboard_filter(query);
  if (!filter) return std::unexpected(filter.error());
  const auto page = read_page(query, list, k_default_limit);
  if (!page) return std::unexpected(page.error());
  const auto period = read_period(query);
  if (!period) return std::unexpected(period.error());
  return DashboardList{*filter, *period, *page};
}

std::expected<DashboardSums, Refusal> read_dashboard_sums(const ApiRequest& request) {
  const auto query = Query::parse(request.query, query_members(*request.match.route));
  if (!query) return refuse(query.error());
  const auto filter = read_dashboard_filter(*query);
  if (!filter) return std::unexpected(filter.error());
  const auto named = read_named_period(*query, request.clock->now(), {"today", "week", "month", "all"});
  if (!named) return std::unexpected(named.error());
  return DashboardSums{*filter, *named};
}

}  // namespace talon::gateway
