#include "vault/store/audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "vault/store/scan.h"

namespace talon::vault {
namespace {

using core::Code;
using core::Result;

constexpr std::size_t k_max_problems = 20;

std::string who(const core::LogName& name) {
  if (name.is_unattributed()) return "the unattributed log";
  if (name.is_operator()) return "the operator's log";
  return "the log of tenant " + core::terminal_text(name.bytes());
}

}  // namespace

void StoreAudit::examine(Rows& rows) {
  crew_.start(rows.rows.size(), [&rows](std::size_t i) {
    auto& read = rows.rows[i];
    read.row = decode_row(std::string_view(rows.bytes).substr(read.offset, read.size));
    if (!read.row) return;
    read.leaf = leaf_hash(read.row->payload);
    read.row_leaf = vault::row_leaf(read.row->header_bytes, read.leaf);
    if (read.row->header.kind == RowKind::record) read.summary.emplace(core::summarize(read.row->payload));
  });
}

void StoreAudit::problem(std::string text) {
  if (problems_.size() < k_max_problems) problems_.push_back(std::move(text));
}

void StoreAudit::problem(Log& log, std::string text) {
  problem(who(log.name) + ": " + text);
  if (log.problem.empty()) log.problem = std::move(text);
}

Result<SealedState> StoreAudit::sealed_state(const ReadTxn& txn, std::string_view name) {
  TALON_TRY(value, txn.get(Table::meta, name));
  const auto state = value ? SealedState::decode(*value) : std::nullopt;
  if (!state)
    return core::fail(Code::vault_corrupt, fmt::format("the vault's {} is damaged; restore it from a backup", name));
  if (!SealedState::sealed(*value, name, keys_.vault_secret)) {
    if (seal_ok_) problem(fmt::format("the seal of the vault's {} does not fit", name));
    seal_ok_ = false;
  }
  return *state;
}

Result<void> StoreAudit::read_logs() {
  TALON_TRY_VOID(walk_table(environment_, Table::logs, {}, [&](const ReadTxn& txn, const Entry& entry) -> Result<Walk> {
    const LogNumber number{static_cast<std::uint32_t>(logs_.size() + 1)};
    auto row = LogRow::decode(entry.value);
    if (!row || entry.key != key_of(number).view()) {
      return core::fail(Code::vault_corrupt, fmt::format("log number {} is damaged", logs_.size() + 1));
    }
    auto& log = logs_.emplace_back();
    log.name = std::move(row->name);
    TALON_TRY(found, find_log(txn, log.name));
    if (found != number) problem(log, "its name does not lead to it");
    TALON_TRY(value, txn.get(Table::frontiers, key_of(number)));
    if (!value) return Walk::on;
    log.frontier = StoredFrontier::decode(*value);
    if (!log.frontier || !StoredFrontier::sealed(*value, number, keys_.vault_secret)) {
      problem(log, "the seal of its stored frontier does not fit");
      seal_ok_ = false;
    }
    return Walk::on;
  }));
  return {};
}

/// Index and tree hash of a record that the derived tables reach.
Result<void> StoreAudit::check_derived(Derived& derived, const RowHeader& header, Position position, const Hash& leaf,
                                       Log& log) {
  // A busy log's records follow one another: then the next entry is the one.
  const auto key = index_key(header.log, header.seq);
  std::optional<Entry> found;
  if (derived.indexed) {
    TALON_TRY(next, derived.index.next());
    found = next;
  }
  if (!found || found->key != key.view()) {
    TALON_TRY(searched, derived.index.at(key));
    found = searched;
  }
  derived.indexed = found.has_value();
  const auto entry = found ? IndexEntry::decode(found->value) : std::nullopt;
  if (!entry || entry->position != position || entry->time != header.time) {
    problem(log, fmt::format("the index leads elsewhere for record {}", header.seq));
  } else if (entry->leaf != leaf) {
    problem(log, fmt::format("record {} ({}) was changed: its leaf hash is another", header.seq,
                             evidence_id(header.id).text()));
  }
  return {};
}

/// Every record's id leads to it. In the order of ids, which is nearly the order of the rows: one step for most.
Result<void> StoreAudit::check_ids(Derived& derived, const Rows& rows) {
  by_id_.clear();
  for (std::size_t i = 0; i < rows.rows.size() && rows.first + i < indexed_; ++i) {
    const auto& row = rows.rows[i].row;
    if (row && row->header.kind == RowKind::record) by_id_.emplace_back(row->header.id, i);
  }
  std::sort(by_id_.begin(), by_id_.end());
  std::optional<Entry> at;
  for (const auto& [id, i] : by_id_) {
    if (at) {
      TALON_TRY(next, derived.ids.next());
      at = next;
    }
    if (!at || at->key != view(id)) {
      TALON_TRY(found, derived.ids.at(view(id)));
      at = found;
    }
    if (at && at->value == row_key(rows.first + i).view()) continue;
    const auto& header = rows.rows[i].row->header;
    const auto number = static_cast<std::uint32_t>(header.log);
    if (number == 0 || number > logs_.size()) continue;  // its row is what is wrong
    problem(logs_[number - 1], fmt::format("the id of record {} leads elsewhere", header.seq));
  }
  return {};
}

void StoreAudit::check_record(const Row& row, const core::RecordSummary& summary, Log& log) {
  const auto& header = row.header;
  const bool fits = summary.seq == static_cast<std::int64_t>(header.seq) && summary.time == header.time &&
                    id_bytes(summary.id) == header.id &&
                    summary.tenant == (log.name.is_tenant() ? std::optional(log.name.bytes()) : std::nullopt);
  if (!fits) problem(log, fmt::format("record {} says another place, time, id or tenant than its row", header.seq));
  if ((header.seq == 0) != (summary.kind == "genesis")) problem(log, "the genesis is not its record 0");
}

/// From `first` on, at most as many as a slice holds.
Result<void> StoreAudit::copy_rows(const ReadTxn& txn, Position first, std::uint64_t end, Rows& out) {
  out.first = first;
  out.bytes.clear();
  out.rows.clear();
  TALON_TRY(rows, txn.cursor(Table::rows));
  auto at = rows.at_or_after(row_key(first));
  for (auto position = first;
       position < end && out.rows.size() < k_slice_rows && (out.rows.empty() || out.bytes.size() < k_slice_bytes);
       ++position) {
    if (!at) return core::fail(at.error());
    if (!*at || (*at)->key != row_key(position).view()) {
      return core::fail(Code::vault_corrupt,
                        fmt::format("row {} is missing; restore the vault from a backup", position));
    }
    out.rows.push_back({.offset = out.bytes.size(),
                        .size = (*at)->value.size(),
                        .row = {},
                        .leaf = {},
                        .row_leaf = {},
                        .summary = {}});
    out.bytes += (*at)->value;
    at = rows.next();
  }
  return {};
}

Result<void> StoreAudit::check_rows(const ReadTxn& txn, const Rows& rows) {
  TALON_TRY(index, txn.cursor(Table::index));
  TALON_TRY(ids, txn.cursor(Table::ids));
  Derived derived{.txn = txn, .index = std::move(index), .ids = std::move(ids), .indexed = false};
  for (const auto& row : rows.rows) {
    TALON_TRY_VOID(check_row(derived, row));
    ++next_;
  }
  return check_ids(derived, rows);
}

Result<void> StoreAudit::check_row(Derived& derived, const ReadRow& read_row) {
  const auto& txn = derived.txn;
  const auto position = next_;
  const auto& row = read_row.row;
  const auto number = row ? static_cast<std::uint32_t>(row->header.log) : 0;
  if (!row || number == 0) {
    return core::fail(Code::vault_corrupt,
                      fmt::format("row {} is missing or damaged; restore the vault from a backup", position));
  }
  // Logs that were opened since the list was read.
  while (number > logs_.size()) {
    const LogNumber next{static_cast<std::uint32_t>(logs_.size() + 1)};
    TALON_TRY(value, txn.get(Table::logs, key_of(next)));
    auto log_row = value ? LogRow::decode(*value) : std::nullopt;
    if (!log_row) return core::fail(Code::vault_corrupt, fmt::format("row {} belongs to no log", position));
    logs_.emplace_back().name = std::move(log_row->name);
  }
  const auto& header = row->header;
  const auto& leaf = read_row.leaf;
  chain_ = extend_chain(chain_, read_row.row_leaf);
  if (header.time < time_) problem(fmt::format("row {} is older than the one before it", position));
  time_ = std::max(time_, header.time);
  if (header.kind == RowKind::intent) {
    open_.emplace(header.id, position);
    return {};
  }
  auto& log = logs_[number - 1];
  ++records_;
  open_.erase(header.id);
  if (header.seq != log.tree.size())
    problem(log, fmt::format("record {} stands where {} should", header.seq, log.tree.size()));
  if (position < indexed_) TALON_TRY_VOID(check_derived(derived, header, position, leaf, log));
  core::Result<void> read;
  log.tree.append(leaf, [&](unsigned level, std::uint64_t n, const Hash& hash) {
    if (position >= indexed_ || !read) return;
    const auto stored = txn.get(Table::nodes, node_key(header.log, level, n));
    if (!stored) {
      read = core::fail(stored.error());
    } else if (!*stored || **stored != bytes_of(hash)) {
      problem(log, fmt::format("the stored tree hash ({}, {}) is another", level, n));
    }
  });
  TALON_TRY_VOID(read);
  log.newest = header.time;
  const bool at_frontier = log.frontier && log.frontier->size == log.tree.size();
  if (at_frontier && log.frontier->peaks != log.tree.peaks())
    problem(log, "its lines do not lead to its stored frontier");
  const auto& summary = *read_row.summary;
  if (!summary) {
    problem(log, fmt::format("record {}: {}", header.seq, summary.error().message));
    return {};
  }
  check_record(*row, *summary, log);
  recount_.add(header, *summary, log.name, position);
  return {};
}

Result<void> StoreAudit::read_rows_to(std::uint64_t end) {
  const auto copy = [&](Position first, Rows& out) -> Result<void> {
    if (first >= end) return {};
    TALON_TRY(txn, environment_.read());
    return copy_rows(txn, first, end, out);
  };
  auto* here = &slices_[0];
  auto* ahead = &slices_[1];
  if (next_ >= end) return {};
  TALON_TRY_VOID(copy(next_, *here));
  examine(*here);
  while (next_ < end) {
    const auto after = here->first + here->rows.size();
    const auto copied = copy(after, *ahead);
    crew_.finish();
    TALON_TRY_VOID(copied);
    if (after < end) examine(*ahead);
    const auto checked = [&]() -> Result<void> {
      TALON_TRY(txn, environment_.read());
      return check_rows(txn, *here);
    }();
    if (!checked) crew_.finish();
    TALON_TRY_VOID(checked);
    std::swap(here, ahead);
  }
  return {};
}

Result<std::uint64_t> StoreAudit::rows_now() const {
  TALON_TRY(txn, environment_.read());
  TALON_TRY(view, VaultView::of(txn));
  return view.state.rows;
}

Result<void> StoreAudit::compare_table(Table table) {
  const bool rollups = table == Table::rollups;
  const char* what = rollups ? "a roll-up" : "a session";
  const auto wrong = [&](std::string text) {
    rollups_ok_ = false;
    problem(std::move(text));
  };
  enum class Found { right, other, unknown };
  const auto compare = [&](std::string_view key, std::string_view value) {
    if (rollups) {
      const auto should = recount_.expected_rollup(key);
      return !should ? Found::unknown : *should == value ? Found::right : Found::other;
    }
    const auto fits = recount_.session_fits(key, value);
    return !fits ? Found::unknown : *fits ? Found::right : Found::other;
  };
  std::string resume;
  for (bool more = true; more;) {
    // Most of what was added since goes before, so that little is left for this transaction.
    TALON_TRY(added, rows_now());
    TALON_TRY_VOID(read_rows_to(added));
    TALON_TRY(txn, environment_.read());
    TALON_TRY(now, VaultView::of(txn));
    auto& rows = slices_[0];
    TALON_TRY_VOID(copy_rows(txn, next_, now.state.rows, rows));
    if (next_ + rows.rows.size() < now.state.rows) continue;  // a very busy server: catch up again
    examine(rows);
    crew_.finish();
    TALON_TRY_VOID(check_rows(txn, rows));
    TALON_TRY(cursor, txn.cursor(table));
    auto at = resume.empty() ? cursor.first() : cursor.at_or_after(resume);
    for (std::size_t seen = 0;; ++seen, at = cursor.next()) {
      if (!at) return core::fail(at.error());
      if (!*at) {
        more = false;
        break;
      }
      if (seen >= k_slice_rows) {
        resume = (*at)->key;
        break;
      }
      const auto found = compare((*at)->key, (*at)->value);
      if (found == Found::unknown) {
        wrong(std::string(what) + " is stored that no record accounts for");
      } else if (found == Found::other) {
        wrong(std::string(what) + " differs from a recount of the records");
      }
    }
    if (more) continue;
    // Rows that were added behind the walk while it ran are here, and right; others are missing.
    for (const auto& key : rollups ? recount_.unseen_rollups() : recount_.unseen_sessions()) {
      TALON_TRY(value, txn.get(table, key));
      if (!value || compare(key, *value) != Found::right) wrong(std::string(what) + " is missing");
    }
    if (!rollups) continue;
    for (auto& text : recount_.problems()) wrong(std::move(text));
  }
  return {};
}

std::optional<Recount::Earlier> StoreAudit::earlier_record(const IdBytes& id) const {
  const auto found = [&]() -> Result<std::optional<Recount::Earlier>> {
    TALON_TRY(txn, environment_.read());
    TALON_TRY(record, find_record(txn, evidence_id(id)));
    if (!record) return std::optional<Recount::Earlier>();
    TALON_TRY(log, LogView::of(txn, record->log));
    TALON_TRY(entry, log.entry(record->seq));
    TALON_TRY(row, log.row_of(entry, record->seq));
    TALON_TRY(summary, core::summarize(row.payload));
    return std::optional(Recount::Earlier{row.header, entry.position, std::move(summary)});
  }();
  return found ? *found : std::nullopt;
}

Result<void> StoreAudit::run() {
  recount_.look_up_by([this](const IdBytes& id) { return earlier_record(id); });
  chain_ = chain_start(keys_.vault_name);
  SealedState state;
  {
    TALON_TRY(txn, environment_.read());
    TALON_TRY(committed, sealed_state(txn, k_meta_state));
    TALON_TRY(indexed, sealed_state(txn, k_meta_indexed));
    TALON_TRY(ledger, txn.get(Table::meta, k_meta_ledger));
    if (!ledger) recount_.without_whole();
    TALON_TRY(rows, txn.cursor(Table::rows));
    TALON_TRY(last, rows.last());
    state = committed;
    indexed_ = indexed.rows;
    const auto stored = last ? get_big_endian<std::uint64_t>(last->key.data()) + 1 : 0;
    if (stored != state.rows) {
      problem(fmt::format("{} rows are stored and {} are sealed", stored, state.rows));
      seal_ok_ = false;
    }
  }
  TALON_TRY_VOID(read_logs());
  TALON_TRY_VOID(read_rows_to(state.rows));
  if (chain_ != state.chain) {
    seal_ok_ = false;
    problem(fmt::format("rows 0 to {} do not lead to the seal: one was changed, dropped or added", state.rows));
  }
  if (open_.size() != state.open_intents) {
    problem(fmt::format("{} intents are open and should be {}", open_.size(), state.open_intents));
  }
  TALON_TRY_VOID(compare_table(Table::rollups));
  TALON_TRY_VOID(compare_table(Table::sessions));
  for (auto& log : logs_) {
    if (log.tree.size() == 0) problem(log, "it has no genesis");
    if (log.frontier && log.frontier->size > log.tree.size()) problem(log, "its stored frontier is beyond its records");
  }
  return {};
}

}  // namespace talon::vault
