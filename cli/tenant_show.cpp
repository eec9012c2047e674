// talon tenant show: the object of GET /api/tenants/{id}; exit 1 when the tenant has no sessions.
#include <algorithm>
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"

#include "gateway/api/render.h"
#include "vault/config_files.h"

namespace talon::cli {
namespace {

/// Whether the configuration's callers name it. Without a readable configuration: no.
bool is_configured(const Arguments& arguments, const core::TenantId& tenant) {
  const auto environment = vault::process_environment();
  const auto file = vault::find_config_file(arguments.value("--config"), environment);
  if (!file || !*file) {
    return false;
  }
  const auto outcome = vault::load_config(**file, environment);
  return outcome && std::ranges::any_of(outcome->loaded.config.callers,
                                        [&](const core::CallerConfig& caller) { return caller.tenant == tenant; });
}

core::Result<gateway::TenantWords> words_for(const Arguments& arguments, const vault::Vault& vault,
                                             const core::TenantId& tenant) {
  gateway::TenantWords words;
  words.source = is_configured(arguments, tenant) ? "config" : "tag";
  TALON_TRY(account, vault.registry().account(tenant));
  return account ? gateway::words_of(*account, words.source, system_clock().now()) : words;
}

}  // namespace

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
  gateway::TenantWords words;
  if (tenant) {
    auto found = words_for(arguments, **vault, *tenant);
    if (!found) {
      return report(arguments, found.error());
    }
    words = std::move(*found);
  }
  if (arguments.json() || (!stdout_is_terminal() && !arguments.has("--table"))) {
    print(gateway::tenant_json(*detail, words) + "\n");
    return k_exit_done;
  }
  const auto instant = [](const std::optional<core::Instant>& at) {
    return at ? core::to_rfc3339_seconds(*at) : std::string("-");
  };
  print(table({{"FIELD", "VALUE"},
               {"tenant", tenant ? tenant->bytes() : "(unattributed)"},
               {"status", words.status},
               {"tier", words.tier.empty() ? "-" : words.tier},
               {"source", words.source},
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
