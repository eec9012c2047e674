// `talon audit verify` without arguments: the live vault, all logs.
#include "vault/registry/registry_audit.h"
#include "vault/store/audit.h"
#include "vault/vault_impl.h"

namespace talon::vault {

core::Result<LiveReport> Vault::verify() const {
  TALON_TRY_VOID(impl_->settle());
  TALON_TRY(keys, impl_->key_ring());
  StoreAudit audit(*impl_->environment, *keys);
  TALON_TRY_VOID(audit.run());
  LiveReport report;
  report.seal_ok = audit.seal_ok();
  report.rollups_ok = audit.rollups_ok();
  report.records = audit.records();
  report.open_intents = static_cast<std::int64_t>(audit.open_intents());
  report.problems = audit.problems();
  TALON_TRY(registry, audit_registry(*impl_->environment, *keys));
  report.problems.insert(report.problems.end(), registry.begin(), registry.end());
  for (const auto& log : audit.logs()) {
    report.logs.push_back({.log = log.name, .size = log.tree.size(), .ok = log.problem.empty(), .detail = log.problem});
  }
  std::sort(report.logs.begin(), report.logs.end(), [](const auto& a, const auto& b) { return a.log < b.log; });
  return report;
}

}  // namespace talon::vault
