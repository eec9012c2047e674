#include "gateway/api/accounts.h"

#include "gateway/api/account_json.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::int64_t k_longest_grace_days = 3'650;
constexpr std::size_t k_longest_reason = 256;  // what a record's text holds

std::vector<std::string_view> tier_names(const core::Config& config) {
  std::vector<std::string_view> names;
  for (const auto& tier : config.tiers.rows()) names.push_back(tier.name);
  return names;
}

Refusal config_managed(const core::Config& config, const std::string& sentence) {
  return {
      {Code::config_managed,
       sentence + " in " + (config.file.empty() ? "the configuration" : config.file) + "; change it there and reload.",
       {}},
      {{"file", json_quote(config.file)}},
      {}};
}

std::expected<KnownTenant, Refusal> not_configured(const Change& change, std::string_view what) {
  auto known = change.known();
  if (known && known->row.source == vault::AccountSource::config)
    return std::unexpected(
        config_managed(change.config(), "Tenant \"" + change.tenant->bytes() + "\" " + std::string(what) + " managed"));
  return known;
}

std::string account_json(const ApiRequest& request, const vault::AccountRow& row,
                         const std::optional<FirstKey>& first = std::nullopt) {
  std::string out;
  append_account(out, row, tier_of(request, row), request.clock->now(), first);
  return out;
}

/// Writes the row; one that was not stored begins now.
Answer store(const Change& change, KnownTenant known, std::string_view action,
             std::string (*answer)(const vault::AccountRow&)) {
  if (!known.stored) known.row.created = change.now();
  const auto stored = change.registry().change_account(std::move(known.row), action, change.actor());
  if (!stored) return std::unexpected(from_registry(stored.error(), "tenant"));
  change.tell(*change.tenant);
  return json_response(answer(*stored));
}

}  // namespace

Answer create_tenant(const Change& change) {
  BodyReader in(change.body);
  vault::NewAccount wanted;
  wanted.name = in.name("name");
  wanted.tier = in.word("tier", tier_names(change.config()));
  wanted.email = in.optional_email("email").value_or("");
  wanted.monthly_budget = in.optional_money("monthly_budget_usd");
  wanted.own_provider_keys = in.optional_word("provider_keys", {"own", "operator"}).value_or("own") == "own";
  wanted.id = in.optional_tenant("tenant_id");
  wanted.key_name = "default";
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  if (wanted.id && is_configured(*change.request().snapshot, *wanted.id))
    return std::unexpected(
        config_managed(change.config(), "Tenant \"" + wanted.id->bytes() + "\" is named by a caller"));

  const auto key = replay_key(change.admin);
  if (!key) return std::unexpected(key.error());
  auto replayed = replay(change.admin, *key);
  if (!replayed) return std::unexpected(replayed.error());
  if (*replayed) return **std::move(replayed);

  vault::Registry::AnswerOf keep;
  if (*key) {
    keep = [&](const vault::CreatedAccount& created) {
      const FirstKey hidden{&created.key.row, std::nullopt};
      return vault::Idempotent{(*key)->key, (*key)->body, account_json(change.request(), created.row, hidden)};
    };
  }
  const auto created = change.registry().create_account(wanted, change.actor(), keep);
  if (!created) return std::unexpected(from_registry(created.error(), "tenant"));
  change.tell(created->row.id);
  const FirstKey shown{&created->key.row, created->key.key.reveal()};
  return answer_with(201, account_json(change.request(), created->row, shown));
}

Answer close_tenant(const Change& change) {
  BodyReader in(change.body);
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  auto known = not_configured(change, "is");
  if (!known) return std::unexpected(known.error());
  if (!known->stored) {  // only calls have named it: an account to close, so that its keys go with it
    known->row.created = change.now();
    const auto made = change.registry().change_account(known->row, "tenant.adopt", change.actor());
    if (!made) return std::unexpected(from_registry(made.error(), "tenant"));
  }
  if (const auto closed = change.registry().close_account(*change.tenant, change.actor()); !closed)
    return std::unexpected(from_registry(closed.error(), "tenant"));
  change.tell(*change.tenant);
  return nothing_left();
}

Answer change_tier(const Change& change) {
  BodyReader in(change.body);
  const auto name = in.word("tier", tier_names(change.config()));
  const auto grace = in.optional_integer("grace_period_days", 0, k_longest_grace_days).value_or(0);
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  auto known = not_configured(change, "has no tier; it is");
  if (!known) return std::unexpected(known.error());

  auto& row = known->row;
  const std::string old_name = row.tier_at(change.now());
  const auto* old_tier = change.config().tiers.find(old_name);
  const auto* wanted = change.config().tiers.find(name);
  const bool down = old_tier != nullptr && wanted->rank < old_tier->rank;
  row.tier = down && grace > 0 ? old_name : name;
  row.pending_tier.reset();
  row.effective_at.reset();
  if (down && grace > 0) {
    row.pending_tier = name;
    row.effective_at = core::Instant{change.now().micros + grace * core::k_micros_per_day};
  }
  if (!known->stored) row.created = change.now();
  const auto stored = change.registry().change_account(row, "tenant.tier", change.actor());
  if (!stored) return std::unexpected(from_registry(stored.error(), "tenant"));
  change.tell(*change.tenant);
  return json_response(tier_changed_json(*stored, old_name, old_tier, *wanted));
}

Answer suspend_tenant(const Change& change) {
  BodyReader in(change.body);
  auto reason = in.optional_name("reason", k_longest_reason);
  // Mail comes with budgets and alerts; the answer says that nobody was told.
  static_cast<void>(in.optional_boolean("notify"));
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  auto known = change.known();
  if (!known) return std::unexpected(known.error());
  auto& row = known->row;
  const bool already = row.status == vault::AccountStatus::suspended;
  if (already && (!reason || *reason == row.reason)) return json_response(tenant_status_json(row));
  if (!already) row.suspended_at = change.now();
  row.status = vault::AccountStatus::suspended;
  row.reason = std::move(reason).value_or("");
  return store(change, *std::move(known), already ? "tenant.reason" : "tenant.suspend", &tenant_status_json);
}

Answer resume_tenant(const Change& change) {
  BodyReader in(change.body);
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  auto known = change.known();
  if (!known) return std::unexpected(known.error());
  auto& row = known->row;
  if (row.status == vault::AccountStatus::active) return json_response(tenant_status_json(row));
  row.status = vault::AccountStatus::active;
  row.reason.clear();
  row.suspended_at.reset();
  return store(change, *std::move(known), "tenant.resume", &tenant_status_json);
}

Answer show_tenant(const ApiRequest& request, const core::TenantId& tenant) {
  const auto known = find_tenant(request, *request.registry, tenant);
  if (!known) return std::unexpected(known.error());
  return json_response(account_json(request, known->row));
}

}  // namespace talon::gateway
