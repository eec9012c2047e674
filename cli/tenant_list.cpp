// talon tenant list: the object of GET /api/tenants, or a table for people.
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"
#include "gateway/api/render.h"

namespace talon::cli {
namespace {

std::vector<std::string> cells(const vault::TenantRow& row) {
  return {row.tenant ? row.tenant->bytes() : "(unattributed)", std::to_string(row.session_count),
          row.total_cost.to_decimal(), row.seen.last ? core::to_rfc3339_seconds(*row.seen.last) : "-"};
}

}  // namespace

int run_tenant_list(const Arguments& arguments) {
  const auto limit = limit_of(arguments);
  if (!limit) {
    return report(arguments, limit.error());
  }
  const auto vault = open_vault(arguments);
  if (!vault) {
    return report(arguments, vault.error());
  }
  const auto list = (*vault)->tenants(*limit, arguments.value("--query").value_or(""));
  if (!list) {
    return report(arguments, list.error());
  }
  if (arguments.json() || (!stdout_is_terminal() && !arguments.has("--table"))) {
    print(gateway::tenant_list_json(*list) + "\n");
    return k_exit_done;
  }
  std::vector<std::vector<std::string>> rows{{"TENANT", "SESSIONS", "COST USD", "LAST SEEN"}};
  for (const auto& row : list->tenants) {
    rows.push_back(cells(row));
  }
  if (list->unattributed.session_count > 0) {
    rows.push_back(cells(list->unattributed));
  }
  if (rows.size() == 1) {
    note(arguments, "no tenants have been seen yet");
  }
  print(table(rows));
  return k_exit_done;
}

}  // namespace talon::cli
