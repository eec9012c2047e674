#include "vault/journal/recovery.h"

#include <fmt/format.h>

#include <atomic>
#include <future>
#include <limits>

#include "vault/journal/stored_intent.h"

namespace talon::vault {
namespace {

using core::Code;
using core::Result;

template <class... Args>
std::unexpected<core::Error> contradiction(fmt::format_string<Args...> format, Args&&... args) {
  return core::fail(Code::vault_corrupt,
                    "the vault contradicts itself: " + fmt::format(format, std::forward<Args>(args)...) +
                        "; restore it from a backup, and keep this copy for whoever asks why");
}

Result<SealedState> read_state(const ReadTxn& txn, std::string_view name, const core::Secret& secret) {
  TALON_TRY(value, txn.get(Table::meta, name));
  if (!value) return contradiction("its {} is missing", name);
  const auto state = SealedState::decode(*value);
  if (!state) return contradiction("its {} is damaged", name);
  if (!SealedState::sealed(*value, name, secret)) {
    return contradiction("the seal of its {} does not fit (or keys/vault.secret is another vault's)", name);
  }
  return *state;
}

/// The names of the logs; `state.logs` has a place for each.
Result<void> read_names(const ReadTxn& txn, JournalState& state) {
  TALON_TRY(cursor, txn.cursor(Table::logs));
  state.numbers.reserve(state.logs.size());
  auto entry = cursor.first();
  std::uint32_t number = 1;
  for (; entry && *entry && number <= state.logs.size(); ++number, entry = cursor.next()) {
    auto row = LogRow::decode((*entry)->value);
    if (!row || (*entry)->key != key_of(LogNumber{number}).view())
      return contradiction("log number {} is damaged", number);
    auto& name = state.log(LogNumber{number}).name;
    name = std::move(row->name);
    if (!state.add_number(name, LogNumber{number}))
      return contradiction("log number {} has the name of another", number);
  }
  if (!entry) return core::fail(entry.error());
  if (*entry || number <= state.logs.size()) {
    TALON_TRY(listed, txn.count(Table::logs));
    return contradiction("{} logs are listed and {} were opened", listed, state.logs.size());
  }
  return {};
}

/// The frontiers of the logs from number `from` on and below `end`; not their names.
Result<void> read_frontiers(const ReadTxn& txn, const SealedState& indexed, const core::Secret& secret, LogNumber from,
                            std::uint64_t end, JournalState& state) {
  TALON_TRY(cursor, txn.cursor(Table::frontiers));
  TALON_TRY(index, txn.cursor(Table::index));
  auto entry = from == LogNumber{} ? cursor.first() : cursor.at_or_after(key_of(from));
  for (; entry && *entry; entry = cursor.next()) {
    ByteReader key((*entry)->key);
    const auto number = key.number<std::uint32_t>();
    if (number >= end) return {};
    if (!key.ended() || number == 0 || number > state.logs.size()) return contradiction("a frontier belongs to no log");
    auto frontier = StoredFrontier::decode((*entry)->value);
    if (!frontier || !StoredFrontier::sealed((*entry)->value, LogNumber{number}, secret)) {
      return contradiction("the seal of the frontier of log number {} does not fit", number);
    }
    if (frontier->rows > indexed.rows)
      return contradiction("the frontier of log number {} is ahead of its rows", number);
    // The index must end where the frontier does.
    TALON_TRY(newest, index.at(index_key(LogNumber{number}, frontier->size - 1)));
    TALON_TRY(after, newest ? index.next() : newest);
    if (!newest || (after && after->key.starts_with(key_of(LogNumber{number}).view()))) {
      return contradiction("index and frontier of log number {} end at different records", number);
    }
    auto& log = state.log(LogNumber{number});
    log.next_seq = frontier->size;
    log.newest = frontier->newest;
    log.newest_is_mark = frontier->newest_is_mark;
    log.tree = LogTree(frontier->size, std::move(frontier->peaks));
  }
  if (!entry) return core::fail(entry.error());
  return {};
}

/// Names and frontiers of all logs. Where there are many a second thread helps: the frontiers hold a seal each, the
/// names must be entered one by one, so the frontiers are done in blocks, by whoever is free.
Result<void> read_logs(const Environment& environment, const ReadTxn& txn, const SealedState& indexed,
                       const core::Secret& secret, JournalState& state) {
  constexpr std::uint32_t k_block = 1024;
  // Room for the tenants of the next days: one more shall not move a hundred thousand.
  state.logs.reserve(state.sealed.logs + state.sealed.logs / 4 + k_block);
  state.logs.resize(state.sealed.logs);
  const auto last_block = static_cast<std::uint32_t>(state.logs.size()) / k_block;
  std::atomic<std::uint32_t> next_block{0};
  const auto read_blocks = [&](const ReadTxn& own) -> Result<void> {
    for (auto block = next_block++; block <= last_block; block = next_block++) {
      const auto from = LogNumber{block * k_block};
      // Behind the last log there must be none.
      const auto end =
          block < last_block ? std::uint64_t{block + 1} * k_block : std::numeric_limits<std::uint64_t>::max();
      TALON_TRY_VOID(read_frontiers(own, indexed, secret, from, end, state));
    }
    return {};
  };
  std::optional<ReadTxn> others;
  std::future<Result<void>> other;
  if (last_block > 3) {
    TALON_TRY(second, environment.read());
    others.emplace(std::move(second));
    other = std::async(std::launch::async | std::launch::deferred, [&] { return read_blocks(*others); });
  }
  TALON_TRY_VOID(read_names(txn, state));
  TALON_TRY_VOID(read_blocks(txn));
  return other.valid() ? other.get() : Result<void>();
}

Result<void> read_open_intents(const ReadTxn& txn, const SealedState& indexed, JournalState& state) {
  TALON_TRY(cursor, txn.cursor(Table::open_intents));
  auto entry = cursor.first();
  for (; entry && *entry; entry = cursor.next()) {
    ByteReader value((*entry)->value);
    IdBytes id{};
    const auto position = value.number<Position>();
    if ((*entry)->key.size() != id.size() || !value.ended() || position >= indexed.rows) {
      return contradiction("an open intent is damaged");
    }
    std::copy((*entry)->key.begin(), (*entry)->key.end(), id.begin());
    state.open_intents.emplace(id, position);
    state.stored_open_intents.insert(id);
  }
  if (!entry) return core::fail(entry.error());
  if (state.open_intents.size() != indexed.open_intents) {
    return contradiction("{} open intents are listed and there were {}", state.open_intents.size(),
                         indexed.open_intents);
  }
  return {};
}

/// The rows behind the derived tables, in order.
Result<void> replay(const ReadTxn& txn, const SealedState& indexed, JournalState& state) {
  TALON_TRY(cursor, txn.cursor(Table::rows));
  auto chain = indexed.chain;
  core::Instant time = indexed.time;
  auto entry = cursor.at_or_after(row_key(indexed.rows));
  Position position = indexed.rows;
  for (; entry && *entry; ++position, entry = cursor.next()) {
    if (position >= state.sealed.rows) return contradiction("it has rows beyond its newest one");
    const auto row = decode_row((*entry)->value);
    if (!row || (*entry)->key != row_key(position).view())
      return contradiction("row {} is damaged or missing", position);
    const auto leaf = leaf_hash(row->payload);
    chain = extend_chain(chain, row_leaf(row->header_bytes, leaf));
    const auto& header = row->header;
    const auto number = static_cast<std::uint32_t>(header.log);
    if (number == 0 || number > state.logs.size()) return contradiction("row {} belongs to no log", position);
    if (header.time < time) return contradiction("row {} is older than the one before it", position);
    time = header.time;
    if (header.kind == RowKind::intent) {
      state.open_intents.emplace(header.id, position);
      continue;
    }
    auto& log = state.log(header.log);
    if (header.seq != log.next_seq) {
      return contradiction("row {} is record {} of its log and should be {}", position, header.seq, log.next_seq);
    }
    const auto summary = core::summarize(row->payload);
    if (!summary) return contradiction("row {}: {}", position, summary.error().message);
    ++log.next_seq;
    log.newest = header.time;
    log.newest_is_mark = summary->kind == "mark";
    state.open_intents.erase(header.id);
    state.pending.push_back({header.log, header.seq, position, header.time, header.id, leaf});
  }
  if (!entry) return core::fail(entry.error());
  if (position != state.sealed.rows) {
    return contradiction("it ends at row {} and should at row {}", position, state.sealed.rows);
  }
  if (chain != state.sealed.chain)
    return contradiction("rows {} to {} do not lead to the seal", indexed.rows, position);
  if (state.open_intents.size() != state.sealed.open_intents) {
    return contradiction("{} intents are open and should be {}", state.open_intents.size(), state.sealed.open_intents);
  }
  return {};
}

}  // namespace

Hash chain_start(std::string_view vault_name) {
  std::string text("talon-chain/v1\0", 15);
  text += vault_name;
  return sha256(text);
}

Result<JournalState> recover_state(const Environment& environment, const KeyRing& keys) {
  TALON_TRY(txn, environment.read());
  TALON_TRY(format, txn.get(Table::meta, k_meta_format));
  if (!format || *format != k_format) {
    return core::fail(Code::vault_version,
                      fmt::format("the vault has format {}; this program reads {}", format.value_or("none"), k_format));
  }
  TALON_TRY(name, txn.get(Table::meta, k_meta_name));
  if (!name || *name != keys.vault_name) {
    return contradiction("it is named {} and vault.pub is of {}", name.value_or("nothing"), keys.vault_name);
  }
  JournalState state;
  TALON_TRY(sealed, read_state(txn, k_meta_state, keys.vault_secret));
  TALON_TRY(indexed, read_state(txn, k_meta_indexed, keys.vault_secret));
  state.sealed = sealed;
  state.indexed_rows = indexed.rows;
  if (indexed.rows > sealed.rows) return contradiction("its index is ahead of its rows");
  TALON_TRY_VOID(read_logs(environment, txn, indexed, keys.vault_secret, state));
  TALON_TRY_VOID(read_open_intents(txn, indexed, state));
  TALON_TRY_VOID(replay(txn, indexed, state));
  return state;
}

}  // namespace talon::vault
