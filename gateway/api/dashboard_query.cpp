#include "gateway/api/dashboard_query.h"

#include <algorithm>
#include <charconv>

#include "core/text.h"
#include "gateway/api/read_scope.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::size_t k_most = 1000, k_longest_name = 128;

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
    if (project->empty() || core::count_code_points(*project).value_or(k_most) > k_longest_name)
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

std::expected<std::size_t, Refusal> read_page_limit(const Query& query, std::size_t otherwise) {
  const auto text = query.find("limit");
  if (!text) return otherwise;
  std::size_t limit = 0;
  const auto* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, limit);
  if (error != std::errc{} || stop != end || limit < 1 || limit > k_most)
    return refuse(Code::invalid_request, "The query parameter \"limit\" is a number from 1 to 1000.");
  return limit;
}

void add_next_link(Response& response, const ApiRequest& request, const Query& query,
                   std::initializer_list<std::string_view> members, const std::optional<std::string>& next) {
  if (!next) return;
  std::string link = "<";
  link.append(request.match.route->pattern).append("?");
  for (const auto name : members) {
    const auto value = query.find(name);
    if (name == "cursor" || !value) continue;
    link.append(name).append("=").append(core::percent_encode(*value)).append("&");
  }
  link.append("cursor=").append(core::percent_encode(*next)).append(">; rel=\"next\"");
  response.fields.emplace_back("Link", std::move(link));
}

}  // namespace talon::gateway
