// talon audit list: records of one log, or of all, newest first.
#include <fmt/core.h>

#include <algorithm>
#include <ranges>
#include <tuple>

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

/// The records of every log in one order: by time, then by place in their log.
core::Result<vault::EvidencePage> all_logs(const vault::Vault& vault, const vault::EvidenceQuery& query) {
  struct Entry {
    core::Instant time;
    std::size_t log;
    std::int64_t seq;
    std::string line;
  };
  std::vector<Entry> entries;
  bool more = false;
  TALON_TRY(logs, vault.logs());
  for (std::size_t i = 0; i < logs.size(); ++i) {
    TALON_TRY(page, vault.evidence(logs[i], query));
    more = more || page.next_after.has_value();
    for (auto& line : page.lines) {
      TALON_TRY(record, core::summarize(line));
      entries.push_back({record.time, i, record.seq, std::move(line)});
    }
  }
  const bool newest_first = query.order == vault::Order::newest_first;
  std::ranges::sort(entries, [newest_first](const Entry& a, const Entry& b) {
    const auto before = std::tie(a.time, a.log, a.seq) <=> std::tie(b.time, b.log, b.seq);
    return newest_first ? before > 0 : before < 0;
  });
  vault::EvidencePage page;
  if (more || entries.size() > query.limit) page.next_after = 0;
  for (auto& entry : entries | std::views::take(query.limit)) page.lines.push_back(std::move(entry.line));
  return page;
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
  const auto query = query_of(arguments);
  if (!query) {
    return report(arguments, query.error());
  }
  const auto vault = open_vault(arguments);
  if (!vault) {
    return report(arguments, vault.error());
  }
  const auto page = *log ? (*vault)->evidence(**log, *query) : all_logs(**vault, *query);
  if (!page) {
    return report(arguments, page.error());
  }
  // A cursor goes on in one log; across logs there is none.
  print(arguments.json()
            ? gateway::evidence_page_json(*log ? *page : vault::EvidencePage{page->lines, std::nullopt}, query->order) +
                  "\n"
            : row_table(*page));
  if (!arguments.json() && page->next_after) {
    note(arguments, fmt::format("more records than --limit {}", query->limit));
  }
  return k_exit_done;
}

}  // namespace talon::cli
