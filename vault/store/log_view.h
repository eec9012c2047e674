// LogView: one log inside one read transaction: the derived tables up to "indexed", and behind it the rows that the
// journal has not indexed yet (at most k_max_unindexed, read once, only when somebody asks beyond the index).
//
// Short-lived: it dies with its transaction, and a transaction reads at most 4,096 rows or 20 ms (evidence.md §4).
// Long readers copy out, end, and go on by seq with the next one: see log_source.h.
#pragma once

#include <optional>
#include <vector>

#include "vault/store/environment.h"

namespace talon::vault {

inline constexpr std::size_t k_slice_rows = 4096;
inline constexpr std::size_t k_slice_bytes = 8u << 20;

/// What one transaction sees of the whole vault.
struct VaultView {
  /// Error: vault_corrupt when the state cannot be read. The seal is the writer's and verify's to check.
  [[nodiscard]] static core::Result<VaultView> of(const Txn& txn);
  SealedState state, indexed;
};

/// nullopt: no such log.
[[nodiscard]] core::Result<std::optional<LogNumber>> find_log(const Txn& txn, const core::LogName& name);

class LogView {
 public:
  [[nodiscard]] static core::Result<LogView> of(const ReadTxn& txn, LogNumber log);

  /// Leaves, the unindexed ones included.
  [[nodiscard]] core::Result<TreeSize> size();
  [[nodiscard]] core::Result<IndexEntry> entry(TreeSize seq);
  /// The row of a record; the view is valid while the transaction is. Checks that it is this log's record `seq`.
  [[nodiscard]] core::Result<Row> row(TreeSize seq);
  /// As row, when the entry is known already.
  [[nodiscard]] core::Result<Row> row_of(const IndexEntry& entry, TreeSize seq);
  /// Seq of the first record at or after `time`; size() when there is none.
  [[nodiscard]] core::Result<TreeSize> first_at_or_after(core::Instant time);
  /// Root of the perfect subtree [start, start + 2^height), which lies below size().
  [[nodiscard]] core::Result<Hash> subtree_root(TreeSize start, unsigned height);

 private:
  LogView(LogNumber log, VaultView vault, TreeSize indexed, Cursor index, Cursor rows, Cursor nodes)
      : log_(log),
        vault_(vault),
        indexed_(indexed),
        index_(std::move(index)),
        rows_(std::move(rows)),
        nodes_(std::move(nodes)) {}
  [[nodiscard]] core::Result<void> read_tail();
  /// The entry with this key: the next one, if it is that.
  [[nodiscard]] static core::Result<std::optional<Entry>> seek(Cursor& cursor, bool next, std::string_view key);

  LogNumber log_;
  VaultView vault_;
  TreeSize indexed_;
  std::optional<std::vector<IndexEntry>> tail_;  ///< leaves not hashed until needed
  std::vector<bool> tail_hashed_;
  Cursor index_, rows_, nodes_;
  std::optional<TreeSize> index_at_;  ///< the seq at which the index's cursor stands
  std::optional<Position> row_at_;    ///< and the rows'
};

/// The log and seq of a record, by id: the ids table, then the unindexed rows. nullopt: no such record.
struct FoundRecord {
  LogNumber log{};
  TreeSize seq = 0;
};
[[nodiscard]] core::Result<std::optional<FoundRecord>> find_record(const ReadTxn& txn, const core::EvidenceId& id);

}  // namespace talon::vault
