// Where a record counts, and what moves when a session of the operator's space gets its tenant (evidence.md §1, kind
// `attribution`; acceptance.md V6).
//
// A session of the operator's space belongs to nobody until a record of it stands in a tenant's log: that tenant has it
// for ever. Then, in the same commit, what the session's earlier calls added up to moves from the unattributed log's
// roll-ups to the tenant's, and both logs say so. A call that was under way and ends later in the unattributed log
// counts for the tenant at once, with a pair of records of its own.
#include "vault/journal/writer.h"

namespace talon::vault {

using core::Result;

namespace {

std::unexpected<core::Error> damaged(Position position) {
  return core::fail(core::Code::vault_corrupt, "row " + std::to_string(position) +
                                                   ", a call without a tenant, cannot be read; restore the vault from "
                                                   "a backup");
}

}  // namespace

Result<LogNumber> Writer::unattributed_log(const Stamp& stamp) {
  return log_number(core::LogName::unattributed(), stamp);
}

Result<void> Writer::settle_rollups(LogNumber log, const Stamp& stamp, const IdBytes& id, const RollupChange& change,
                                    Position position) {
  if (!moves_rollups(change)) return {};
  TALON_TRY(unattributed, unattributed_log(stamp));
  const bool tenants = state_.log(log).name.is_tenant();
  const auto time = stamp.time;
  if (change.session.empty() || !(change.counts_as_request || change.makes_session)) {
    const int opens = change.counts_as_request ? 1 : 0;
    if (log == unattributed) TALON_TRY_VOID(txn_->append(Table::loose_calls, row_key(position), {}));
    TALON_TRY_VOID(rollups_.count(*txn_, log, change, time, opens));
    return rollups_.count(*txn_, k_whole_vault, change, time, opens);
  }

  const bool shared = change.operator_session || !tenants;
  TALON_TRY(session, rollups_.session(*txn_, shared ? unattributed : log, change.session));
  auto& row = session->sums;
  const int opens = session->exists || change.adopts_call ? 0 : 1;
  if (!session->exists) {
    session->exists = true;
    if (change.adopts_call) {
      TALON_TRY_VOID(adopt_call(*session, unattributed));
    } else {
      row.first = row.last = time;
      row.tenant = tenants ? log : LogNumber{};
      TALON_TRY(uid, uid_of_new(change.session, shared ? unattributed : log, unattributed, time));
      row.uid = uid;
      row.project = change.project;
    }
    TALON_TRY_VOID(txn_->put(Table::session_uids, view(row.uid), session->key));
    TALON_TRY_VOID(txn_->put(Table::session_uids, session_name_key(session->key), session->key));
    const auto counts_for = row.tenant == LogNumber{} ? unattributed : row.tenant;
    TALON_TRY_VOID(txn_->put(Table::session_times, session_time_key(k_whole_vault, row.first, session->key), {}));
    TALON_TRY_VOID(txn_->put(Table::session_times, session_time_key(counts_for, row.first, session->key), {}));
  } else if (row.uid != id && parse_uid(row.id) == id) {
    // The call whose id it has, at last; what it was called by until now still leads to it.
    row.uid = id;
    TALON_TRY_VOID(txn_->put(Table::session_uids, view(row.uid), session->key));
  }
  if (shared && tenants && row.tenant == LogNumber{}) {
    TALON_TRY_VOID(give_session(*session, unattributed, log, stamp));
  }
  add_to(row, change, time);

  const bool loose = !tenants && row.tenant == LogNumber{};
  const auto counts_for = tenants ? log : loose ? unattributed : row.tenant;
  TALON_TRY_VOID(rollups_.count(*txn_, counts_for, change, time, opens));
  TALON_TRY_VOID(rollups_.count(*txn_, k_whole_vault, change, time, opens));
  if (loose) {
    TALON_TRY_VOID(txn_->append(Table::loose_calls, row_key(position), {}));
    return txn_->put(Table::session_calls, session_call_key(session->key, position), {});
  }
  if (tenants || !change.counts_as_request) return {};
  return append_attribution(unattributed, row.tenant, row.id, {{evidence_id(id), change.cost}}, stamp);
}

/// The session's tenant is filled: its calls go from the unattributed log's roll-ups to the winner's.
Result<void> Writer::give_session(RollupMirror::Session& session, LogNumber unattributed, LogNumber winner,
                                  const Stamp& stamp) {
  std::vector<Position> positions;
  {
    TALON_TRY(cursor, txn_->cursor(Table::session_calls));
    auto at = cursor.at_or_after(session.key);
    for (; at && *at && (*at)->key.starts_with(session.key.view()); at = cursor.next()) {
      positions.push_back(get_big_endian<Position>((*at)->key.data() + session.key.view().size()));
    }
    if (!at) return core::fail(at.error());
  }
  std::vector<core::AttributedCall> calls;
  for (const auto position : positions) {
    TALON_TRY(value, txn_->get(Table::rows, row_key(position)));
    const auto row = value ? decode_row(*value) : std::nullopt;
    if (!row || row->header.kind != RowKind::record) return damaged(position);
    const auto header = row->header;
    const auto summary = core::summarize(row->payload);
    if (!summary) return damaged(position);
    const auto change = change_of(*summary, header.flags);
    TALON_TRY_VOID(rollups_.uncount(*txn_, unattributed, change, header.time));
    TALON_TRY_VOID(rollups_.count(*txn_, winner, change, header.time, 0));
    TALON_TRY(was_loose, txn_->remove(Table::loose_calls, row_key(position)));
    TALON_TRY(was_listed, txn_->remove(Table::session_calls, session_call_key(session.key, position)));
    if (!was_loose || !was_listed) return damaged(position);
    if (change.counts_as_request) calls.push_back({summary->id, change.cost});
  }
  const auto first = session.sums.first;
  session.sums.tenant = winner;
  TALON_TRY(listed, txn_->remove(Table::session_times, session_time_key(unattributed, first, session.key)));
  if (!listed) return core::fail(core::Code::vault_corrupt, "a session is not where its time says; restore the vault");
  TALON_TRY_VOID(txn_->put(Table::session_times, session_time_key(winner, first, session.key), {}));

  TALON_TRY(gains, rollups_.lifetime_row(*txn_, winner));
  ++gains->sessions;
  TALON_TRY(loses, rollups_.lifetime_row(*txn_, unattributed));
  --loses->sessions;
  TALON_TRY(cursor, txn_->cursor(Table::loose_calls));
  TALON_TRY(first_left, cursor.first());
  TALON_TRY(left_from, time_of_loose(first_left));
  TALON_TRY(last_left, cursor.last());
  TALON_TRY(left_to, time_of_loose(last_left));
  loses->first = left_from;
  loses->last = left_to;

  for (std::size_t i = 0; i < calls.size(); i += core::k_max_attributed_calls) {
    const auto end = std::min(calls.size(), i + core::k_max_attributed_calls);
    std::vector<core::AttributedCall> part(calls.begin() + static_cast<std::ptrdiff_t>(i),
                                           calls.begin() + static_cast<std::ptrdiff_t>(end));
    TALON_TRY_VOID(append_attribution(unattributed, winner, session.sums.id, std::move(part), stamp));
  }
  return {};
}

Result<std::optional<core::Instant>> Writer::time_of_loose(const std::optional<Entry>& entry) {
  if (!entry) return std::optional<core::Instant>();
  const auto position = get_big_endian<Position>(entry->key.data());
  TALON_TRY(value, txn_->get(Table::rows, row_key(position)));
  const auto row = value ? decode_row(*value) : std::nullopt;
  if (!row) return damaged(position);
  return std::optional(row->header.time);
}

Result<void> Writer::append_attribution(LogNumber unattributed, LogNumber winner, const std::string& session,
                                        std::vector<core::AttributedCall> calls, const Stamp& stamp) {
  using Event = core::AttributionDetail::Event;
  core::EvidenceRecord gained;
  gained.detail = core::AttributionDetail{.event = Event::attributed, .session = session, .calls = calls};
  TALON_TRY_VOID(append_own(winner, stamp, std::move(gained)));
  core::EvidenceRecord lost;
  lost.detail = core::AttributionDetail{.event = Event::released, .session = session, .calls = std::move(calls)};
  return append_own(unattributed, stamp, std::move(lost));
}

}  // namespace talon::vault
