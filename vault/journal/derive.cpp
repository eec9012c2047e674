// The writer's derived tables (tables.h): index, ids, nodes, frontiers, open intents, from the records since last time.
#include <algorithm>

#include "vault/journal/writer.h"

namespace talon::vault {

core::Result<void> Writer::write_derived(WriteTxn& txn) {
  auto& pending = state_.pending;
  // Each log's rows together: one touched page of the index for each log, not for each record.
  std::sort(pending.begin(), pending.end(),
            [](const auto& a, const auto& b) { return a.log != b.log ? a.log < b.log : a.seq < b.seq; });
  for (std::size_t i = 0; i < pending.size();) {
    const auto number = pending[i].log;
    auto& log = state_.log(number);
    core::Result<void> failed;
    for (; i < pending.size() && pending[i].log == number; ++i) {
      const auto& row = pending[i];
      const IndexEntry entry{.position = row.position, .time = row.time, .leaf = row.leaf};
      TALON_TRY_VOID(txn.put(Table::index, index_key(number, row.seq), entry.encode()));
      log.tree.append(row.leaf, [&](unsigned level, std::uint64_t n, const Hash& hash) {
        if (failed) failed = txn.put(Table::nodes, node_key(number, level, n), bytes_of(hash));
      });
    }
    TALON_TRY_VOID(failed);
    const StoredFrontier frontier{.size = log.tree.size(),
                                  .peaks = log.tree.peaks(),
                                  .rows = state_.sealed.rows,
                                  .chain = state_.sealed.chain,
                                  .newest = log.newest,
                                  .newest_is_mark = log.newest_is_mark};
    TALON_TRY_VOID(txn.put(Table::frontiers, key_of(number), frontier.encode(number, keys_->vault_secret)));
  }
  std::sort(pending.begin(), pending.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (const auto& row : pending) {
    TALON_TRY_VOID(txn.put(Table::ids, view(row.id), row_key(row.position)));
  }
  pending.clear();

  auto& stored = state_.stored_open_intents;
  for (auto at = stored.begin(); at != stored.end();) {
    if (state_.open_intents.contains(*at)) {
      ++at;
      continue;
    }
    TALON_TRY_VOID(txn.remove(Table::open_intents, view(*at)));
    at = stored.erase(at);
  }
  for (const auto& [id, position] : state_.open_intents) {
    if (!stored.insert(id).second) continue;
    TALON_TRY_VOID(txn.put(Table::open_intents, view(id), row_key(position)));
  }
  return {};
}

}  // namespace talon::vault
