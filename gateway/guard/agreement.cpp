#include "gateway/guard/agreement.h"

#include <algorithm>

namespace talon::gateway {
namespace {

using core::Code;

core::Result<void> check_callers(const core::Config& config, const vault::Registry& registry) {
  for (const auto& caller : config.callers) {
    TALON_TRY(account, registry.account(caller.tenant));
    if (!account || account->source != vault::AccountSource::api) continue;
    const bool closed = account->status == vault::AccountStatus::closed;
    return core::fail(core::Error{Code::config_invalid,
                                  "the tenant \"" + caller.tenant.bytes() + "\" of the caller \"" + caller.name +
                                      "\" is an account that was created through the API" +
                                      (closed ? " and is closed; name another tenant_id"
                                              : "; give this caller an API key of that account, or another tenant_id"),
                                  caller.place});
  }
  return {};
}

core::Result<void> check_keys(const Snapshot& next, const vault::Registry& registry) {
  for (const auto& [digest, index] : next.keys) {
    const auto* issued = registry.find(digest);
    if (issued == nullptr) continue;
    return core::fail(core::Error{Code::config_invalid,
                                  "the key of \"" + next.callers[index].name + "\" was issued here as " +
                                      vault::key_id_text(issued->id) + "; one key cannot have two names",
                                  core::Place{next.loaded.config.file}});
  }
  return {};
}

/// Only where a tier went: there may be a hundred thousand accounts.
core::Result<void> check_tiers(const core::TierTable& next, const core::TierTable& running,
                               const vault::Registry& registry, const std::string& file) {
  const auto gone = [&](std::string_view tier) { return !tier.empty() && next.find(tier) == nullptr; };
  if (std::ranges::none_of(running.rows(), [&](const core::Tier& tier) { return gone(tier.name); })) return {};
  vault::AccountQuery query;
  query.limit = 1'000;
  while (true) {
    TALON_TRY(page, registry.accounts(query));
    for (const auto& account : page.rows) {
      if (account.status == vault::AccountStatus::closed) continue;
      const auto& tier = gone(account.tier) ? account.tier : account.pending_tier.value_or(std::string());
      if (!gone(tier)) continue;
      return core::fail(core::Error{Code::config_invalid,
                                    "tiers has no \"" + tier + "\" any more, and tenant \"" + account.id.bytes() +
                                        "\" is in it; move its accounts to another tier first",
                                    core::Place{file}});
    }
    if (!page.next_after) return {};
    query.after = page.next_after;
  }
}

}  // namespace

core::Result<void> check_agreement(const Snapshot& next, const Snapshot* running, const vault::Registry& registry) {
  TALON_TRY_VOID(check_callers(next.loaded.config, registry));
  TALON_TRY_VOID(check_keys(next, registry));
  if (running == nullptr) return {};
  return check_tiers(next.loaded.config.tiers, running->loaded.config.tiers, registry, next.loaded.config.file);
}

}  // namespace talon::gateway
