// Roll-ups and sessions of an earlier version: made anew from the records, in one commit, before anything else is written.
#include "vault/journal/writer.h"
#include "vault/ledger/recount.h"

namespace talon::vault {

using core::Result;

namespace {

Result<void> clear(WriteTxn& txn, Table table) {
  std::vector<std::string> keys;
  {
    TALON_TRY(cursor, txn.cursor(table));
    auto at = cursor.first();
    for (; at && *at; at = cursor.next()) keys.emplace_back((*at)->key);
    if (!at) return core::fail(at.error());
  }
  for (const auto& key : keys) {
    TALON_TRY(was_there, txn.remove(table, key));
    if (!was_there) return core::fail(core::Code::internal_error, "a row vanished while the ledger was made anew");
  }
  return {};
}

/// Collects the first error of what visits a recount.
class Putting {
 public:
  explicit Putting(WriteTxn& txn) : txn_(txn) {}
  void put(Table table, std::string_view key, std::string_view value) {
    if (done_) done_ = txn_.put(table, key, value);
  }
  [[nodiscard]] Result<void> done() const { return done_; }

 private:
  WriteTxn& txn_;
  Result<void> done_;
};

}  // namespace

Result<void> Writer::upgrade_ledger() {
  TALON_TRY_VOID(begin());
  TALON_TRY(form, txn_->get(Table::meta, k_meta_ledger));
  if (form && *form != k_ledger_form) {
    return core::fail(core::Code::vault_version, "the vault's ledger was made by a newer version of talon");
  }
  if (form) {
    txn_.reset();
    return {};
  }
  Recount recount;
  LogNumber unattributed{};
  {
    TALON_TRY(cursor, txn_->cursor(Table::rows));
    auto at = cursor.first();
    for (Position position = 0; at && *at; ++position, at = cursor.next()) {
      const auto row = decode_row((*at)->value);
      if (!row) return core::fail(core::Code::vault_corrupt, "row " + std::to_string(position) + " is damaged");
      if (row->header.kind != RowKind::record) continue;
      const auto& name = state_.log(row->header.log).name;
      if (name.is_unattributed()) unattributed = row->header.log;
      TALON_TRY(summary, core::summarize(row->payload));
      recount.add(row->header, summary, name, position);
    }
    if (!at) return core::fail(at.error());
  }
  TALON_TRY_VOID(clear(*txn_, Table::rollups));
  TALON_TRY_VOID(clear(*txn_, Table::sessions));
  Putting into(*txn_);
  recount.each_rollup([&](auto key, auto value) { into.put(Table::rollups, key, value); });
  recount.each_session([&](std::string_view key, SessionRow& row) {
    row.uid = id_bytes(core::EvidenceId::make(row.first, *random_));
    into.put(Table::sessions, key, row.encode());
    into.put(Table::session_uids, view(row.uid), key);
    into.put(Table::session_uids, session_name_key(key), key);
    const auto counts_for = row.tenant == LogNumber{} ? unattributed : row.tenant;
    into.put(Table::session_times, session_time_key(k_whole_vault, row.first, key), {});
    into.put(Table::session_times, session_time_key(counts_for, row.first, key), {});
  });
  recount.each_loose([&](Position position, std::string_view session) {
    into.put(Table::loose_calls, row_key(position), {});
    if (!session.empty()) into.put(Table::session_calls, session_call_key(session, position), {});
  });
  TALON_TRY_VOID(into.done());
  TALON_TRY_VOID(txn_->put(Table::meta, k_meta_ledger, k_ledger_form));
  return commit();
}

}  // namespace talon::vault
