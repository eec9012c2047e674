#include "vault/store/log_view.h"

#include <fmt/format.h>

namespace talon::vault {
namespace {

using core::Code;
using core::Result;

std::unexpected<core::Error> damaged(std::string what) {
  return core::fail(Code::vault_corrupt,
                    "the vault contradicts itself: " + std::move(what) + "; run talon audit verify");
}

Result<SealedState> read_state(const Txn& txn, std::string_view name) {
  TALON_TRY(value, txn.get(Table::meta, name));
  const auto state = value ? SealedState::decode(*value) : std::nullopt;
  if (!state) return damaged(fmt::format("its {} is damaged", name));
  return *state;
}

}  // namespace

Result<VaultView> VaultView::of(const Txn& txn) {
  VaultView view;
  TALON_TRY(state, read_state(txn, k_meta_state));
  TALON_TRY(indexed, read_state(txn, k_meta_indexed));
  view.state = state;
  view.indexed = indexed;
  return view;
}

Result<std::optional<LogNumber>> find_log(const Txn& txn, const core::LogName& name) {
  TALON_TRY(value, txn.get(Table::log_names, log_name_key(name)));
  if (!value) return std::optional<LogNumber>();
  ByteReader in(*value);
  const auto number = in.number<std::uint32_t>();
  if (!in.ended()) return damaged("a log's number is damaged");
  return std::optional(LogNumber{number});
}

Result<LogView> LogView::of(const ReadTxn& txn, LogNumber log) {
  TALON_TRY(vault, VaultView::of(txn));
  TALON_TRY(value, txn.get(Table::frontiers, key_of(log)));
  TreeSize indexed = 0;
  if (value) {
    const auto frontier = StoredFrontier::decode(*value);
    if (!frontier) return damaged("a frontier is damaged");
    indexed = frontier->size;
  }
  TALON_TRY(index, txn.cursor(Table::index));
  TALON_TRY(rows, txn.cursor(Table::rows));
  TALON_TRY(nodes, txn.cursor(Table::nodes));
  return LogView(log, vault, indexed, std::move(index), std::move(rows), std::move(nodes));
}

Result<std::optional<Entry>> LogView::seek(Cursor& cursor, bool next, std::string_view key) {
  if (next) {
    TALON_TRY(found, cursor.next());
    if (found && found->key == key) return found;
  }
  return cursor.at(key);
}

Result<void> LogView::read_tail() {
  if (tail_) return {};
  row_at_.reset();
  tail_.emplace();
  if (vault_.indexed.rows == vault_.state.rows) return {};
  auto entry = rows_.at_or_after(row_key(vault_.indexed.rows));
  for (Position position = vault_.indexed.rows; entry && *entry; ++position, entry = rows_.next()) {
    const auto row = decode_row((*entry)->value);
    if (!row) return damaged(fmt::format("row {} is damaged", position));
    if (row->header.log != log_ || row->header.kind != RowKind::record) continue;
    if (row->header.seq != indexed_ + tail_->size()) return damaged(fmt::format("row {} is out of order", position));
    tail_->push_back({.position = position, .time = row->header.time, .leaf = {}});
  }
  tail_hashed_.resize(tail_->size());
  if (!entry) return core::fail(entry.error());
  return {};
}

Result<TreeSize> LogView::size() {
  TALON_TRY_VOID(read_tail());
  return TreeSize{indexed_ + tail_->size()};
}

Result<IndexEntry> LogView::entry(TreeSize seq) {
  if (seq < indexed_) {
    const auto key = index_key(log_, seq);
    // Whoever reads on needs no search.
    TALON_TRY(found, seek(index_, index_at_ && *index_at_ + 1 == seq, key));
    index_at_ = seq;
    if (!found) index_at_.reset();
    const auto entry = found ? IndexEntry::decode(found->value) : std::nullopt;
    if (!entry) return damaged(fmt::format("the index has no record {} of its log", seq));
    return *entry;
  }
  TALON_TRY_VOID(read_tail());
  const auto at = static_cast<std::size_t>(seq - indexed_);
  if (at >= tail_->size()) return core::fail(Code::internal_error, "a record beyond the log's end was asked for");
  auto& entry = (*tail_)[at];
  if (!tail_hashed_[at]) {
    row_at_.reset();
    TALON_TRY(found, rows_.at(row_key(entry.position)));
    const auto row = found ? decode_row(found->value) : std::nullopt;
    if (!row) return damaged(fmt::format("row {} is damaged", entry.position));
    entry.leaf = leaf_hash(row->payload);
    tail_hashed_[at] = true;
  }
  return entry;
}

Result<Row> LogView::row(TreeSize seq) {
  TALON_TRY(found, entry(seq));
  return row_of(found, seq);
}

Result<Row> LogView::row_of(const IndexEntry& entry, TreeSize seq) {
  TALON_TRY(found, seek(rows_, row_at_ && *row_at_ + 1 == entry.position, row_key(entry.position)));
  row_at_ = entry.position;
  if (!found) row_at_.reset();
  const auto row = found ? decode_row(found->value) : std::nullopt;
  if (!row || row->header.kind != RowKind::record || row->header.log != log_ || row->header.seq != seq) {
    return damaged(fmt::format("row {} is not record {} of its log", entry.position, seq));
  }
  return *row;
}

Result<TreeSize> LogView::first_at_or_after(core::Instant time) {
  TALON_TRY(total, size());
  TreeSize low = 0;
  TreeSize high = total;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    core::Instant at;
    if (middle >= indexed_) {
      at = (*tail_)[static_cast<std::size_t>(middle - indexed_)].time;
    } else {
      TALON_TRY(found, entry(middle));
      at = found.time;
    }
    if (at < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Result<Hash> LogView::subtree_root(TreeSize start, unsigned height) {
  if (height == 0) {
    TALON_TRY(leaf, entry(start));
    return leaf.leaf;
  }
  if (height % 8 == 0 && start + (TreeSize{1} << height) <= indexed_) {
    TALON_TRY(found, nodes_.at(node_key(log_, height / 8, start >> height)));
    if (!found || found->value.size() != sizeof(Hash)) return damaged("a stored tree hash is missing");
    Hash hash;
    std::memcpy(hash.data(), found->value.data(), hash.size());
    return hash;
  }
  TALON_TRY(left, subtree_root(start, height - 1));
  TALON_TRY(right, subtree_root(start + (TreeSize{1} << (height - 1)), height - 1));
  return node_hash(left, right);
}

Result<std::optional<FoundRecord>> find_record(const ReadTxn& txn, const core::EvidenceId& id) {
  const auto wanted = id_bytes(id);
  TALON_TRY(indexed, txn.get(Table::ids, view(wanted)));
  TALON_TRY(rows, txn.cursor(Table::rows));
  if (indexed) {
    TALON_TRY(found, rows.at(*indexed));
    const auto row = found ? decode_row(found->value) : std::nullopt;
    if (!row || row->header.id != wanted) return damaged("an id leads to another record");
    return std::optional(FoundRecord{row->header.log, row->header.seq});
  }
  TALON_TRY(vault, VaultView::of(txn));
  auto entry = rows.at_or_after(row_key(vault.indexed.rows));
  for (; entry && *entry; entry = rows.next()) {
    const auto row = decode_row((*entry)->value);
    if (row && row->header.kind == RowKind::record && row->header.id == wanted) {
      return std::optional(FoundRecord{row->header.log, row->header.seq});
    }
  }
  if (!entry) return core::fail(entry.error());
  return std::optional<FoundRecord>();
}

}  // namespace talon::vault
