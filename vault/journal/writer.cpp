#include "vault/journal/writer.h"

#include <algorithm>
#include <unordered_set>

#include "vault/journal/stored_intent.h"
#include "vault/store/sealed_key.h"

namespace talon::vault {

using core::Result;

Writer::Writer(Environment& environment, const KeyRing& keys, JournalState state, std::string version,
               const core::Clock& clock, core::Random& random)
    : environment_(&environment),
      keys_(&keys),
      state_(std::move(state)),
      version_(std::move(version)),
      random_(&random),
      stamper_(clock, state_.sealed.time) {}

Result<void> Writer::begin() {
  TALON_TRY(txn, environment_->write());
  txn_.emplace(std::move(txn));
  return {};
}

Result<void> Writer::commit() {
  TALON_TRY_VOID(rollups_.write(*txn_));
  std::erase_if(named_calls_, [this](const IdBytes& id) { return !state_.open_intents.contains(id); });
  state_.sealed.open_intents = state_.open_intents.size();
  TALON_TRY_VOID(txn_->put(Table::meta, k_meta_state, state_.sealed.encode(k_meta_state, keys_->vault_secret)));
  auto committed = txn_->commit();
  txn_.reset();
  return committed;
}

Result<void> Writer::append_row(const RowHeader& header, std::string_view payload, const Hash& leaf) {
  const auto head = header.encode();
  TALON_TRY(space, txn_->append_space(Table::rows, row_key(state_.sealed.rows), head.view().size() + payload.size()));
  std::copy(head.view().begin(), head.view().end(), space.begin());
  std::copy(payload.begin(), payload.end(), space.begin() + RowHeader::k_size);
  state_.sealed.chain = extend_chain(state_.sealed.chain, row_leaf(head, leaf));
  state_.sealed.time = header.time;
  ++state_.sealed.rows;
  return {};
}

Result<std::uint64_t> Writer::append_record(LogNumber log, const Stamp& stamp, const IdBytes& id,
                                            const core::UnsequencedLine& line, std::uint8_t flags) {
  auto& open = state_.log(log);
  const auto seq = open.next_seq;
  core::sequence_into(scratch_, line, static_cast<std::int64_t>(seq), stamp.time, stamp.clock);
  const auto leaf = leaf_hash(scratch_);
  const RowHeader header{.kind = RowKind::record, .flags = flags, .log = log, .seq = seq, .time = stamp.time, .id = id};
  state_.pending.push_back({log, seq, state_.sealed.rows, stamp.time, id, leaf});
  TALON_TRY_VOID(append_row(header, scratch_, leaf));
  ++open.next_seq;
  open.newest = stamp.time;
  open.newest_is_mark = false;
  return seq;
}

Result<void> Writer::append_intent(LogNumber log, const Stamp& stamp, const JournalItem& item) {
  encode_intent(item.line, item.rollup, scratch_);
  const RowHeader header{.kind = RowKind::intent,
                         .flags = row_flags(item.rollup),
                         .log = log,
                         .seq = 0,
                         .time = stamp.time,
                         .id = id_bytes(item.id)};
  state_.open_intents.emplace(header.id, state_.sealed.rows);
  return append_row(header, scratch_, leaf_hash(scratch_));
}

/// A record that the journal itself makes.
Result<void> Writer::append_own(LogNumber log, const Stamp& stamp, core::EvidenceRecord record) {
  record.id = core::EvidenceId::make(stamp.time, *random_);
  record.log = state_.log(log).name;
  const bool mark = std::holds_alternative<core::MarkDetail>(record.detail);
  TALON_TRY_VOID(append_record(log, stamp, id_bytes(record.id), core::to_unsequenced_line(record), 0));
  state_.log(log).newest_is_mark = mark;
  return {};
}

Result<LogNumber> Writer::log_number(const core::LogName& name, const Stamp& stamp) {
  if (const auto known = state_.number_of(name)) return *known;
  return open_log(name, stamp);
}

Result<LogNumber> Writer::open_log(const core::LogName& name, const Stamp& stamp) {
  const auto number = LogNumber{++state_.sealed.logs};
  TALON_TRY_VOID(
      txn_->append(Table::logs, key_of(number), LogRow{.name = name, .opened = state_.sealed.rows}.encode()));
  TALON_TRY_VOID(txn_->put(Table::log_names, log_name_key(name), key_of(number)));
  std::string bytes(32, '\0');
  random_->fill(std::as_writable_bytes(std::span(bytes)));
  const core::Secret content_key(std::move(bytes));
  auto key = key_of(number);
  key.number(std::uint32_t{1});
  TALON_TRY_VOID(txn_->append(Table::content_keys, key, seal_key(content_key, name, keys_->sealing_key, *random_)));
  state_.logs.push_back(OpenLog{.name = name, .next_seq = 0, .newest = {}, .newest_is_mark = false, .tree = {}});
  static_cast<void>(state_.add_number(name, number));
  const auto published = keys_->public_keys();
  core::EvidenceRecord genesis;
  genesis.detail = core::GenesisDetail{.origin = origin_of(keys_->vault_name, name),
                                       .key = published.log_key.text(),
                                       .export_key = published.export_key.text(),
                                       .writer = "talon/" + version_};
  TALON_TRY_VOID(append_own(number, stamp, std::move(genesis)));
  return number;
}

Result<WriteCounts> Writer::write(std::span<const std::unique_ptr<JournalItem>> items, Settled settled) {
  const auto stamp = stamper_.stamp();
  if (core::day_of(stamp.time) > state_.sealed.marked) TALON_TRY_VOID(mark_logs(stamp));
  std::unordered_set<IdBytes, IdHash> outcomes;
  const auto is_intent = [](const auto& item) { return item->kind == ItemKind::intent; };
  if (settled == Settled::drop && std::ranges::any_of(items, is_intent)) {
    for (const auto& item : items) {
      if (item->kind == ItemKind::record && item->closes_intent) outcomes.insert(id_bytes(item->id));
    }
  }
  WriteCounts counts;
  TALON_TRY_VOID(begin());
  for (const auto& item : items) {
    item->result.time = stamp.time;
    if (item->kind == ItemKind::barrier) continue;
    TALON_TRY(log, log_number(item->log, stamp));
    if (item->kind == ItemKind::intent) {
      if (!outcomes.empty() && outcomes.contains(id_bytes(item->id))) continue;
      TALON_TRY_VOID(append_intent(log, stamp, *item));
      ++counts.intents;
    } else if (item->kind == ItemKind::record) {
      const auto id = id_bytes(item->id);
      TALON_TRY_VOID(join_own_session(log, stamp, id, item->rollup));
      TALON_TRY(seq, append_record(log, stamp, id, item->line, row_flags(item->rollup)));
      item->result.seq = seq;
      if (item->closes_intent) state_.open_intents.erase(id);
      TALON_TRY_VOID(settle_rollups(log, stamp, id, item->rollup, state_.sealed.rows - 1));
      ++counts.records;
    } else if (item->kind == ItemKind::change) {
      if (item->apply) TALON_TRY_VOID(item->apply(*txn_, log));
      if (item->line.empty()) continue;
      TALON_TRY(seq, append_record(log, stamp, id_bytes(item->id), item->line, 0));
      item->result.seq = seq;
      ++counts.records;
    }
  }
  TALON_TRY_VOID(commit());
  return counts;
}

bool Writer::marks_due() const noexcept { return core::day_of(stamper_.now()) > state_.sealed.marked; }

Result<void> Writer::write_marks() { return mark_logs(stamper_.stamp()); }

Result<void> Writer::mark_logs(const Stamp& stamp) {
  const auto today = core::day_of(stamp.time);
  const bool new_month = core::month_start(today) > state_.sealed.marked;
  std::size_t number = 1;
  // In slices, so that 100,000 logs are no giant transaction. A crash between two leaves `marked` as it was.
  while (number <= state_.logs.size()) {
    TALON_TRY_VOID(begin());
    for (std::size_t marks = 0; number <= state_.logs.size() && marks < k_max_batch_items; ++number) {
      const auto log = LogNumber{static_cast<std::uint32_t>(number)};
      if (!new_month && state_.log(log).newest_is_mark) continue;
      core::EvidenceRecord mark;
      mark.detail = core::MarkDetail{};
      TALON_TRY_VOID(append_own(log, stamp, std::move(mark)));
      ++marks;
    }
    if (number > state_.logs.size()) state_.sealed.marked = today;
    TALON_TRY_VOID(commit());
    if (unindexed() >= k_index_every) TALON_TRY_VOID(index());
  }
  if (state_.sealed.marked < today) {
    TALON_TRY_VOID(begin());
    state_.sealed.marked = today;
    TALON_TRY_VOID(commit());
  }
  return {};
}

Result<void> Writer::index_as(Ending ending) {
  TALON_TRY_VOID(begin());
  TALON_TRY_VOID(write_derived(*txn_));
  state_.sealed.clean = ending == Ending::yes;
  state_.sealed.open_intents = state_.open_intents.size();
  state_.indexed_rows = state_.sealed.rows;
  TALON_TRY_VOID(txn_->put(Table::meta, k_meta_indexed, state_.sealed.encode(k_meta_indexed, keys_->vault_secret)));
  return commit();
}

}  // namespace talon::vault
