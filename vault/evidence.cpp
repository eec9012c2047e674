// The facade's reads of records: lists, single records with their proof, checkpoints.
#include <algorithm>

#include "core/text.h"
#include "vault/vault_impl.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

bool wants_summary(const EvidenceQuery& query) { return query.outcome || query.caller || query.model; }

bool fits(const EvidenceQuery& query, const core::RecordSummary& summary) {
  if (query.outcome && (!summary.outcome || *summary.outcome != core::word(*query.outcome))) return false;
  if (query.caller && summary.caller != query.caller) return false;
  return !query.model || summary.model == query.model;
}

/// The seqs of the period, [first, end).
struct Range {
  TreeSize first = 0, end = 0;
};
Result<Range> range_of(const StoreLogSource& log, const Period& period) {
  Range range{0, log.size()};
  if (period.from) {
    TALON_TRY(first, log.first_at_or_after(*period.from));
    range.first = first;
  }
  if (period.to) {
    TALON_TRY(end, log.first_at_or_after(*period.to));
    range.end = end;
  }
  return range;
}

std::unexpected<core::Error> unknown(const core::EvidenceId& id) {
  return core::fail(Code::evidence_unknown, "there is no record " + id.text());
}

Result<std::string> signed_checkpoint(const KeyRing& keys, const core::LogName& name, TreeSize size,
                                      const SubtreeRoot& subtree) {
  TALON_TRY(root, root_of(size, subtree));
  const Checkpoint checkpoint{.origin = origin_of(keys.vault_name, name), .size = size, .root = root};
  return sign_checkpoint(checkpoint, keys.vault_name, keys.log_key);
}

Result<EvidenceDetail> read_detail(const ReadTxn& txn, const KeyRing& keys, const core::LogName& name,
                                   const FoundRecord& found) {
  TALON_TRY(log, LogView::of(txn, found.log));
  const SubtreeRoot subtree = [&](TreeSize start, unsigned height) { return log.subtree_root(start, height); };
  EvidenceDetail detail;
  detail.log = name;
  detail.leaf_index = found.seq;
  TALON_TRY(row, log.row(found.seq));
  detail.line = row.payload;
  detail.leaf = leaf_hash(row.payload);
  TALON_TRY(size, log.size());
  detail.tree_size = size;
  TALON_TRY(proof, inclusion_proof(found.seq, size, subtree));
  detail.inclusion = std::move(proof);
  TALON_TRY(checkpoint, signed_checkpoint(keys, name, size, subtree));
  detail.checkpoint = std::move(checkpoint);
  return detail;
}

}  // namespace

Result<EvidencePage> Vault::evidence(const core::LogName& log, const EvidenceQuery& query) const {
  TALON_TRY(source, impl_->open_log(log));
  TALON_TRY(range, range_of(source, query.period));
  const bool down = query.order == Order::newest_first;
  if (query.after && down) range.end = std::min(range.end, *query.after);
  if (query.after && !down) range.first = std::max(range.first, *query.after + 1);
  EvidencePage page;
  LineSlice slice;
  while (range.first < range.end) {
    const auto from = down ? range.end - 1 : range.first;
    const auto to = down ? range.first : range.end - 1;
    // Without a filter each record is a hit: read no more of them than fit, and one to know whether there is more.
    auto bound = to;
    const auto missing = query.limit - page.lines.size();
    if (!wants_summary(query) && range.end - range.first > missing) bound = down ? from - missing : from + missing;
    TALON_TRY_VOID(source.slice(from, bound, down ? Direction::down : Direction::up, slice));
    for (std::size_t i = 0; i < slice.lines.size(); ++i) {
      if (wants_summary(query)) {
        TALON_TRY(summary, core::summarize(slice.line(i)));
        if (!fits(query, summary)) continue;
      }
      if (page.lines.size() == query.limit) {
        // There is more: go on behind the record before this hit.
        const auto seq = slice.lines[i].header.seq;
        page.next_after = down ? seq + 1 : seq - 1;
        return page;
      }
      page.lines.emplace_back(slice.line(i));
    }
    down ? range.end -= slice.lines.size() : range.first += slice.lines.size();
  }
  return page;
}

Result<EvidenceDetail> Vault::evidence_by_id(const core::LogName& log, const core::EvidenceId& id) const {
  TALON_TRY_VOID(impl_->settle());
  TALON_TRY(keys, impl_->key_ring());
  TALON_TRY(txn, impl_->environment->read());
  TALON_TRY(number, find_log(txn, log));
  TALON_TRY(found, find_record(txn, id));
  if (!number || !found || found->log != *number) return unknown(id);
  return read_detail(txn, *keys, log, *found);
}

Result<EvidenceDetail> Vault::find_evidence(const core::EvidenceId& id) const {
  TALON_TRY_VOID(impl_->settle());
  TALON_TRY(keys, impl_->key_ring());
  TALON_TRY(txn, impl_->environment->read());
  TALON_TRY(found, find_record(txn, id));
  if (!found) return unknown(id);
  TALON_TRY(value, txn.get(Table::logs, key_of(found->log)));
  const auto row = value ? LogRow::decode(*value) : std::nullopt;
  if (!row) return core::fail(Code::vault_corrupt, "a record belongs to no log; run talon audit verify");
  return read_detail(txn, *keys, row->name, *found);
}

Result<std::string> Vault::checkpoint(const core::LogName& log) const {
  TALON_TRY(source, impl_->open_log(log));
  TALON_TRY(keys, impl_->key_ring());
  return signed_checkpoint(*keys, log, source.size(),
                           [&](TreeSize start, unsigned height) { return source.subtree_root(start, height); });
}

}  // namespace talon::vault
