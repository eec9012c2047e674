// The session of a call that named none: `ses_` and the ULID of its evidence id, without a row until somebody names it
// (vault/ledger/rollup.h). Whoever names it first makes the row, which begins with that call; where the call is still
// under way it joins the row when it is recorded. Both are decided here, before the record is written, and stand in its
// row's flags, so that a recount needs nothing but the records.
#include "vault/journal/stored_intent.h"
#include "vault/journal/writer.h"

namespace talon::vault {

using core::Result;

Result<std::optional<std::pair<Position, Row>>> Writer::own_call(const IdBytes& id, LogNumber space,
                                                                 LogNumber unattributed, Stage stage) {
  using Found = std::optional<std::pair<Position, Row>>;
  std::optional<Position> position;
  if (stage == Stage::under_way) {
    if (const auto open = state_.open_intents.find(id); open != state_.open_intents.end()) position = open->second;
  } else {
    // The newest are not in the index yet.
    for (auto record = state_.pending.rbegin(); record != state_.pending.rend() && !position; ++record) {
      if (record->id == id) position = record->position;
    }
    if (!position) {
      TALON_TRY(indexed, txn_->get(Table::ids, view(id)));
      if (indexed) position = get_big_endian<Position>(indexed->data());
    }
  }
  if (!position) return Found();
  TALON_TRY(value, txn_->get(Table::rows, row_key(*position)));
  const auto row = value ? decode_row(*value) : std::nullopt;
  if (!row || row->header.id != id) {
    return core::fail(core::Code::vault_corrupt,
                      "row " + std::to_string(*position) + ", a call, cannot be read; restore the vault from a backup");
  }
  const auto wanted = stage == Stage::under_way ? RowKind::intent : RowKind::record;
  const auto& header = row->header;
  const bool own =
      header.kind == wanted && (header.flags & k_flag_request) != 0 && (header.flags & k_flag_session) == 0;
  if (!own || space_of_call(header, unattributed) != space) return Found();
  return Found(std::in_place, *position, *row);
}

Result<void> Writer::join_own_session(LogNumber log, const Stamp& stamp, const IdBytes& id, RollupChange& change) {
  change.adopts_call = false;
  if (!change.counts_as_request && !change.makes_session) return {};
  const bool own = change.session.empty();
  if (own && !named_calls_.contains(id)) return {};
  const auto named = own ? std::optional(id) : parse_uid(change.session);
  if (!named) return {};
  TALON_TRY(unattributed, unattributed_log(stamp));
  const bool shared = change.operator_session || !state_.log(log).name.is_tenant();
  const auto space = shared ? unattributed : log;
  const auto text = own ? uid_text(id) : change.session;
  TALON_TRY(session, rollups_.session(*txn_, space, text));
  if (own) {
    if (session->exists) change.session = text;
    return {};
  }
  if (session->exists || *named == id || uid_text(*named) != text) return {};
  TALON_TRY(call, own_call(*named, space, unattributed, Stage::recorded));
  change.adopts_call = call.has_value();
  // Its intent may have been left out of this commit, with its record to come.
  if (!call) named_calls_.insert(*named);
  return {};
}

Result<IdBytes> Writer::uid_of_new(std::string_view name, LogNumber space, LogNumber unattributed, core::Instant time) {
  if (const auto named = parse_uid(name); named && uid_text(*named) == name) {
    TALON_TRY(call, own_call(*named, space, unattributed, Stage::under_way));
    if (call) return *named;
  }
  return id_bytes(core::EvidenceId::make(time, *random_));
}

Result<void> Writer::adopt_call(RollupMirror::Session& session, LogNumber unattributed) {
  auto& row = session.sums;
  const auto id = parse_uid(row.id);
  const auto space = LogNumber{get_big_endian<std::uint32_t>(session.key.view().data())};
  if (!id) return core::fail(core::Code::internal_error, "a session without a call's id adopts one");
  TALON_TRY(call, own_call(*id, space, unattributed, Stage::recorded));
  if (!call) return core::fail(core::Code::internal_error, "the call that a session adopts is gone");
  const auto& [position, found] = *call;
  const auto header = found.header;
  TALON_TRY(summary, core::summarize(found.payload));
  const auto change = change_of(summary, header.flags);
  row.first = row.last = header.time;
  row.tenant = header.log == unattributed ? LogNumber{} : header.log;
  row.uid = *id;
  row.project = change.project;
  row.modalities = Modality::llm;
  add_to(row, change, header.time);
  if (header.log != unattributed) return {};
  return txn_->put(Table::session_calls, session_call_key(session.key, position), {});
}

}  // namespace talon::vault
