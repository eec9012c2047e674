// Every table of the store, its key and its value. All integers are big-endian and fixed in width.
//
// A tenant's rows are reached through its log's number, which is the first key component of each tenant table; the
// number comes from the log's name alone (log_names), so nobody reads a tenant's rows without its TenantId.
//
//   table         key                                   value
//   meta          "format" | "name" | "ledger"          text
//                 "state" | "indexed"                   SealedState
//   logs          log                                   LogRow
//   log_names     SHA-256(log name)                     log
//   rows          position                              RowHeader (38) payload          append-only; see RowKind
//   index         log seq                               IndexEntry                      derived
//   ids           id (16)                               position                        derived
//   nodes         log level n                           hash of leaves n·256^level …    derived; level ≥ 1, perfect
//   frontiers     log                                   StoredFrontier                  derived
//   open_intents  id (16)                               position                        open at "indexed"
//   content_keys  log number                            nonce (24) sealed key (48)
//   rollups       log day dimension SHA-256(name)[0:16] Rollup, see vault/ledger/rollup.h
//   sessions      space SHA-256(session id)[0:16]       SessionRow, see vault/ledger/rollup.h (so all with its name)
//   accounts      log                                   AccountRow, see vault/registry/row_codec.h (so all below)
//   api_keys      log id (16)                           ApiKeyRow
//   provider_keys log SHA-256(provider)[0:16]           ProviderKeyRow
//   virtual_keys  log id (16)                           VirtualKeyRow                   log 0: of no tenant
//   keys          keyed digest (32)                     KeyRow                          the keys that are in force
//   answers       SHA-256(key)                          Idempotent and when             kept for 24 hours
//   session_times log first session key                 empty
//   session_uids  uid (16) | hash of id, space          session key
//   session_calls session key, position                 empty
//   loose_calls   position                              empty
//
// Tables from `accounts` on are younger than the format: the writer adds them to a store that has none, readers take a
// missing one as empty.
//
// `rows` is the only source: what is marked derived is written by the journal every 4,096 rows at most, or after a
// second of idleness, and rebuilt from rows at start where it lags (evidence.md §4).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/ids.h"
#include "core/secret.h"
#include "core/tenant_id.h"
#include "core/time.h"
#include "vault/log/merkle.h"
#include "vault/store/bytes.h"

namespace talon::vault {

enum class Table : std::uint8_t {
  meta,
  logs,
  log_names,
  rows,
  index,
  ids,
  nodes,
  frontiers,
  open_intents,
  content_keys,
  rollups,
  sessions,
  accounts,
  api_keys,
  provider_keys,
  virtual_keys,
  keys,
  answers,
  session_times,
  session_uids,
  session_calls,
  loose_calls,
};
inline constexpr std::size_t k_table_count = 22;
/// Those before it are in every store.
inline constexpr Table k_first_added_table = Table::accounts;
[[nodiscard]] const char* table_name(Table table) noexcept;

inline constexpr std::string_view k_format = "talon-vault/1";
inline constexpr std::string_view k_meta_format = "format";
inline constexpr std::string_view k_meta_name = "name";
inline constexpr std::string_view k_meta_state = "state";      ///< of each commit
inline constexpr std::string_view k_meta_ledger = "ledger";    ///< the form of roll-ups and sessions
inline constexpr std::string_view k_ledger_form = "2";         ///< none: of an earlier version, made anew by the writer
inline constexpr std::string_view k_meta_indexed = "indexed";  ///< up to where the derived tables reach

/// No more rows than this lie behind "indexed": readers merge them, start-up replays them.
inline constexpr std::uint64_t k_max_unindexed = 4096;

/// A log's number in this store, from 1 in the order of opening.
enum class LogNumber : std::uint32_t {};
[[nodiscard]] inline SmallBytes key_of(LogNumber log) { return SmallBytes().number(static_cast<std::uint32_t>(log)); }

/// Place in the global sequence, from 0.
using Position = std::uint64_t;

/// A ULID as its 128 bits.
using IdBytes = std::array<char, 16>;
[[nodiscard]] IdBytes id_bytes(const core::EvidenceId& id) noexcept;
[[nodiscard]] core::EvidenceId evidence_id(const IdBytes& bytes) noexcept;
[[nodiscard]] inline std::string_view view(const IdBytes& id) noexcept { return {id.data(), id.size()}; }

enum class RowKind : std::uint8_t {
  intent = 1,  ///< payload: StoredIntent. A call may have gone to a provider
  record = 2,  ///< payload: the canonical line, one leaf of its log
};
/// What a record's line does not say about the roll-ups.
inline constexpr std::uint8_t k_flag_request = 1;           ///< counts as a request: the call was admitted
inline constexpr std::uint8_t k_flag_unpriced = 2;          ///< counts as unpriced
inline constexpr std::uint8_t k_flag_session = 4;           ///< the line's session was named by the client
inline constexpr std::uint8_t k_flag_operator_session = 8;  ///< the session is one of the operator's id space
inline constexpr std::uint8_t k_flag_makes_session = 16;  ///< no call: the line's `target` is a session made by itself
inline constexpr std::uint8_t k_flag_adopts_call =
    32;  ///< its session begins with the earlier call that it is named by

struct RowHeader {
  static constexpr std::size_t k_size = 38;
  RowKind kind = RowKind::record;
  std::uint8_t flags = 0;
  LogNumber log{};
  std::uint64_t seq = 0;  ///< leaf index; 0 for an intent
  core::Instant time;
  IdBytes id{};

  [[nodiscard]] SmallBytes encode() const;
};
struct Row {
  RowHeader header;
  std::string_view header_bytes, payload;
};
/// nullopt: not a row.
[[nodiscard]] std::optional<Row> decode_row(std::string_view value) noexcept;
[[nodiscard]] inline SmallBytes row_key(Position position) { return SmallBytes().number(position); }

struct LogRow {
  core::LogName name = core::LogName::unattributed();
  Position opened = 0;  ///< its genesis
  [[nodiscard]] std::string encode() const;
  [[nodiscard]] static std::optional<LogRow> decode(std::string_view value);
};
/// The LogName of stored bytes; nullopt when they are no log's name.
[[nodiscard]] std::optional<core::LogName> log_name_of(std::string_view bytes);
[[nodiscard]] SmallBytes log_name_key(const core::LogName& name);

struct IndexEntry {
  Position position = 0;
  core::Instant time;
  Hash leaf{};
  [[nodiscard]] SmallBytes encode() const;
  [[nodiscard]] static std::optional<IndexEntry> decode(std::string_view value) noexcept;
};
[[nodiscard]] inline SmallBytes index_key(LogNumber log, std::uint64_t seq) {
  return SmallBytes().number(static_cast<std::uint32_t>(log)).number(seq);
}
/// Hash of the leaves [n·256^level, (n+1)·256^level), the tlog-tiles hash (level, n).
[[nodiscard]] inline SmallBytes node_key(LogNumber log, unsigned level, std::uint64_t n) {
  return SmallBytes().number(static_cast<std::uint32_t>(log)).number(static_cast<std::uint8_t>(level)).number(n);
}

/// State of the whole vault after a commit, under BLAKE2b keyed with the vault secret.
struct SealedState {
  std::uint64_t rows = 0;
  Hash chain{};            ///< c over all rows
  core::Instant time;      ///< the newest `time`: none is ever below it
  core::Day marked;        ///< the UTC day whose marks are all written
  std::uint32_t logs = 0;  ///< opened so far
  std::uint64_t open_intents = 0;
  bool clean = false;  ///< written by an orderly stop

  [[nodiscard]] std::string encode(std::string_view label, const core::Secret& vault_secret) const;
  /// nullopt: not a state. The seal is checked only by `sealed`.
  [[nodiscard]] static std::optional<SealedState> decode(std::string_view value);
  [[nodiscard]] static bool sealed(std::string_view value, std::string_view label, const core::Secret& vault_secret);
};

/// A log's tree at the point up to which the derived tables reach.
struct StoredFrontier {
  TreeSize size = 0;
  std::vector<Hash> peaks;
  std::uint64_t rows = 0;  ///< of the whole vault at that point, and its chain
  Hash chain{};
  core::Instant newest;  ///< time of the newest record
  bool newest_is_mark = false;

  [[nodiscard]] std::string encode(LogNumber log, const core::Secret& vault_secret) const;
  [[nodiscard]] static std::optional<StoredFrontier> decode(std::string_view value);
  [[nodiscard]] static bool sealed(std::string_view value, LogNumber log, const core::Secret& vault_secret);
};

/// c = hash(c || leaf(row)), row being its header and the leaf hash of its payload (which binds the payload).
[[nodiscard]] Hash extend_chain(const Hash& chain, const Hash& row_leaf) noexcept;
[[nodiscard]] Hash row_leaf(std::string_view header, const Hash& payload_leaf) noexcept;

}  // namespace talon::vault
