// talon audit list: records of one log, newest first.
#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"
#include "gateway/api/render.h"

namespace talon::cli {
namespace {

core::Result<vault::EvidenceQuery> query_of(const Arguments& arguments) {
  vault::EvidenceQuery query;
  TALON_TRY(period, period_of(arguments));
  query.period = period;
  TALON_TRY(limit, limit_of(arguments));
  query.limit = limit.value_or(50);
  if (const auto outcome = arguments.value("--outcome")) {
    query.outcome = core::parse_outcome(*outcome);
    if (!query.outcome) {
      return core::fail(core::Code::usage,
                        "--outcome takes allowed, denied, failed, cancelled, truncated or interrupted");
    }
  }
  query.caller = arguments.value("--caller");
  query.model = arguments.value("--model");
  query.order = arguments.has("--reverse") ? vault::Order::oldest_first : vault::Order::newest_first;
  return query;
}

std::string row_table(const vault::EvidencePage& page) {
  std::vector<std::vector<std::string>> rows{{"TIME", "ID", "KIND", "CALLER", "MODEL", "OUTCOME", "COST USD"}};
  for (const auto& line : page.lines) {
    const auto record = core::summarize(line);
    if (!record) {
      continue;
    }
    auto outcome = record->outcome.value_or("-");
    if (record->code) {
      outcome += " " + *record->code;
    }
    if (record->count > 0) {
      outcome += fmt::format(" x{}", record->count);
    }
    rows.push_back({core::to_rfc3339_millis(record->time), record->id.text(), record->kind,
                    record->caller.value_or("-"), record->model.value_or("-"), outcome,
                    !record->has_cost ? "-"
                    : record->priced  ? record->cost.to_decimal()
                                      : "unpriced"});
  }
  return table(rows);
}

}  // namespace

int run_audit_list(const Arguments& arguments) {
  const auto log = log_of(arguments);
  if (!log) {
    return report(arguments, log.error());
  }
  if (!*log) {
    return report(arguments,
                  {core::Code::usage, "name the log: --tenant ID, --unattributed or --operator", std::nullopt});
  }
  const auto query = query_of(arguments);
  if (!query) {
    return report(arguments, query.error());
  }
  const auto vault = open_vault(arguments);
  if (!vault) {
    return report(arguments, vault.error());
  }
  const auto page = (*vault)->evidence(**log, *query);
  if (!page) {
    return report(arguments, page.error());
  }
  print(arguments.json() ? gateway::evidence_page_json(*page) + "\n" : row_table(*page));
  if (!arguments.json() && page->next_after) {
    note(arguments, fmt::format("more records than --limit {}", query->limit));
  }
  return k_exit_done;
}

}  // namespace talon::cli
