// talon tenant show: the object of GET /api/tenants/{id}; exit 1 when the tenant has no sessions.
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"
#include "gateway/api/render.h"

namespace talon::cli {

int run_tenant_show(const Arguments& arguments) {
  const bool unattributed = arguments.has("--unattributed");
  if (unattributed == !arguments.positionals.empty()) {
    return report(arguments, {core::Code::usage, "name one tenant, or --unattributed", std::nullopt});
  }
  std::optional<core::TenantId> tenant;
  if (!unattributed) {
    auto id = core::TenantId::parse(arguments.positionals.front());
    if (!id) {
      return report(arguments, {core::Code::usage, id.error().message, std::nullopt});
    }
    tenant = std::move(*id);
  }
  const auto vault = open_vault(arguments);
  if (!vault) {
    return report(arguments, vault.error());
  }
  const auto detail = tenant ? (*vault)->tenant(*tenant) : (*vault)->unattributed();
  if (!detail) {
    return report(arguments, detail.error());
  }
  if (arguments.json() || (!stdout_is_terminal() && !arguments.has("--table"))) {
    print(gateway::tenant_json(*detail) + "\n");
    return k_exit_done;
  }
  const auto instant = [](const std::optional<core::Instant>& at) {
    return at ? core::to_rfc3339_seconds(*at) : std::string("-");
  };
  print(table({{"FIELD", "VALUE"},
               {"tenant", tenant ? tenant->bytes() : "(unattributed)"},
               {"sessions", std::to_string(detail->row.session_count)},
               {"requests", std::to_string(detail->request_count)},
               {"unpriced requests", std::to_string(detail->unpriced_requests)},
               {"cost, total USD", detail->row.total_cost.to_decimal()},
               {"cost, today USD", detail->spend_today.to_decimal()},
               {"cost, this month USD", detail->spend_month.to_decimal()},
               {"first seen", instant(detail->row.seen.first)},
               {"last seen", instant(detail->row.seen.last)},
               {"log", detail->log.origin},
               {"log size", std::to_string(detail->log.size)},
               {"log root", vault::to_base64(detail->log.root)}}));
  return k_exit_done;
}

}  // namespace talon::cli
