// Start, and the one way a change takes.
#include "vault/registry/stored_registry.h"

#include "vault/journal/waiting_port.h"
#include "vault/store/log_view.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

constexpr std::uint32_t k_many_keys = 8192;  ///< worth a thread: so many take a millisecond or two
constexpr std::int64_t k_use_micros = 60 * core::k_micros_per_second;

}  // namespace

StoredRegistry::StoredRegistry(const Environment& environment, const core::Clock& clock, KeysOf keys)
    : environment_(environment), clock_(clock), keys_(std::move(keys)) {}

StoredRegistry::~StoredRegistry() { stop(); }

Result<void> StoredRegistry::serve(Journal& journal, core::Random& random, LoadWatch watch) {
  std::uint32_t keys = 0;
  {
    TALON_TRY(txn, environment_.read());
    TALON_TRY(count, txn.count(Table::keys));
    keys = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, UINT32_MAX));
  }
  table_.begin_load(keys);
  const bool few = keys < k_many_keys;
  if (few) {
    TALON_TRY_VOID(load_keys(keys, watch));
    table_.end_load();
  }
  journal_ = &journal;
  random_ = &random;
  uses_written_ = clock_.now();
  thread_ = std::thread([this, few, keys, watch = std::move(watch)] {
    if (!few) load_and_tell(keys, watch);
    run();
  });
  return {};
}

void StoredRegistry::note_used(const KeyEntry& key, core::Instant now) const noexcept {
  if (now.micros - key.last_used.load(std::memory_order_relaxed) < k_use_micros) return;
  // Entries are the table's own and not const; two threads at once store almost the same.
  const_cast<KeyEntry&>(key).last_used.store(now.micros, std::memory_order_relaxed);
}

Result<std::optional<core::TenantId>> StoredRegistry::tenant_of(LogNumber log) const {
  if (const auto* name = names_.find(log)) return std::optional(*name);
  TALON_TRY(txn, environment_.read());
  TALON_TRY(value, txn.get(Table::logs, key_of(log)));
  if (!value) return std::optional<core::TenantId>();
  const auto row = LogRow::decode(*value);
  if (!row) return core::fail(Code::vault_corrupt, "a log's name is damaged; run talon audit verify");
  if (!row->name.is_tenant()) return std::optional<core::TenantId>();
  TALON_TRY(tenant, core::TenantId::parse(row->name.bytes()));
  names_.add(log, tenant);
  return std::optional(std::move(tenant));
}

Result<StoredRegistry::Known> StoredRegistry::known(const core::TenantId& tenant) const {
  TALON_TRY(txn, environment_.read());
  Known out;
  TALON_TRY(log, find_log(txn, core::LogName::of(tenant)));
  out.log = log;
  if (!log) return out;
  const auto key = key_of(*log);
  TALON_TRY(value, txn.get(Table::accounts, key));
  if (!value) return out;
  out.row = decode<AccountRow>(key, *value);
  if (!out.row || out.row->id != tenant) {
    return core::fail(Code::vault_corrupt, "the stored account of a tenant is damaged; run talon audit verify");
  }
  return out;
}

Result<const KeyRing*> StoredRegistry::ready_to_change() const {
  if (journal_ == nullptr) return core::fail(Code::internal_error, "changes are the server's");
  TALON_TRY_VOID(wait_loaded());
  return keys_();
}

IdBytes StoredRegistry::new_id() {
  constexpr std::size_t k_time = 6;  // bytes of a ULID that are its millisecond
  auto id = id_bytes(core::EvidenceId::make(clock_.now(), *random_));
  if (std::equal(id.begin(), id.begin() + k_time, last_id_.begin()) && view(id) <= view(last_id_)) {
    // Lists go by the id: within a millisecond, too, the later one is the greater (ULID specification, monotonicity).
    id = last_id_;
    for (auto byte = id.rbegin(); byte != id.rend() && ++*byte == 0;) ++byte;
  }
  return last_id_ = id;
}

Result<LogNumber> StoredRegistry::commit(const core::LogName& log, Rows rows, std::optional<core::OperatorDetail> act) {
  auto item = std::make_unique<JournalItem>();
  item->kind = ItemKind::change;
  item->log = log;
  if (act) {
    core::EvidenceRecord record;
    record.id = core::EvidenceId::make(clock_.now(), *random_);
    record.log = log;
    record.detail = std::move(*act);
    item->id = record.id;
    item->line = core::to_unsequenced_line(record);
  }
  LogNumber number{};
  item->apply = [&number, rows = std::move(rows)](WriteTxn& txn, LogNumber given) mutable -> Result<void> {
    number = given;
    return rows ? rows(txn, given) : Result<void>();
  };
  TALON_TRY_VOID(commit_and_wait(*journal_, std::move(item)));
  return number;
}

Result<void> StoredRegistry::record_act(std::string_view action, std::string_view target, const Actor& actor) {
  TALON_TRY_VOID(ready_to_change());
  core::OperatorDetail act{.actor = actor.name, .action = std::string(action), .target = {}, .count = {}};
  if (!target.empty()) act.target = target;
  TALON_TRY_VOID(commit(core::LogName::operator_log(), {}, std::move(act)));
  return {};
}

Result<void> keep_answer(WriteTxn& txn, const KeptAnswer& kept) {
  const auto key = answer_key(kept.answer.key);
  // Keys are hashes: a walk from here on meets the old ones evenly, so that the table holds little more than a day.
  constexpr int k_looks = 8;
  std::vector<std::string> old;
  {
    TALON_TRY(cursor, txn.cursor(Table::answers));
    auto at = cursor.at_or_after(key);
    for (int i = 0; i < k_looks && at && *at; ++i, at = cursor.next()) {
      const auto row = decode<KeptAnswer>((*at)->key, (*at)->value);
      if (!row || row->at.micros + k_answer_kept_micros <= kept.at.micros) old.emplace_back((*at)->key);
    }
    if (!at) return core::fail(at.error());
  }
  for (const auto& gone : old) TALON_TRY_VOID(txn.remove(Table::answers, gone));
  return txn.put(Table::answers, key, encode(key, kept));
}

}  // namespace talon::vault
