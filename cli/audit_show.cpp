// talon audit show: one record, its exact line, and the proof that it is in the log.
#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"
#include "core/text.h"
#include "gateway/api/render.h"

namespace talon::cli {

int run_audit_show(const Arguments& arguments) {
  const auto id = core::EvidenceId::parse(arguments.positionals.front());
  if (!id) {
    return report(arguments, {core::Code::usage, id.error().message, std::nullopt});
  }
  const auto vault = open_vault(arguments);
  if (!vault) {
    return report(arguments, vault.error());
  }
  const auto detail = (*vault)->find_evidence(*id);
  if (!detail) {
    return report(arguments, detail.error());
  }
  if (arguments.json()) {
    print(gateway::evidence_detail_json(*detail) + "\n");
    return k_exit_done;
  }
  const auto record = core::summarize(detail->line);
  if (!record) {
    return report(arguments, record.error());
  }
  print(table({{"FIELD", "VALUE"},
               {"id", record->id.text()},
               {"time", core::to_rfc3339_micros(record->time)},
               {"kind", record->kind},
               {"tenant", record->tenant.value_or(detail->log.is_operator() ? "(operator)" : "(unattributed)")},
               {"caller", record->caller.value_or("-")},
               {"session", record->session.value_or("-")},
               {"model", record->model.value_or("-")},
               {"provider", record->provider.value_or("-")},
               {"outcome", record->outcome.value_or("-") + (record->code ? " (" + *record->code + ")" : "")},
               {"cost USD", !record->has_cost ? "-"
                            : record->priced  ? record->cost.to_decimal()
                                              : "unpriced"},
               {"leaf index", std::to_string(detail->leaf_index)},
               {"leaf hash", vault::to_base64(detail->leaf)},
               {"tree size", std::to_string(detail->tree_size)}}));
  print("\n" + core::terminal_text(detail->line) + "\n");
  return k_exit_done;
}

}  // namespace talon::cli
