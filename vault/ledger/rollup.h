// Roll-ups: what a log's calls add up to, kept beside the records and changed in their transaction.
//
//   key    log u32 | day u32 | dimension u8 | SHA-256(name)[0:16] (absent where the dimension has no name)
//   value  lifetime: sessions, requests, unpriced i64; cost i64; first, last seen i64 (µs, -1 = never)
//          others:   cost i64, requests i64, name
//
// `day` is the UTC day of the record's time; the lifetime row has day 2^32-1, so that it lies right behind the newest
// day on the same page. For each day: one row for all, one for each caller, provider and model that had a call, and
// each of these three breakdowns adds up to the day (a call without one counts under the empty name).
// A refused call opens no session and counts no request. Calls of a project other than the default one have three rows
// more: the project's, and those of its providers and models (name: project 00 provider); what is left of a day is the
// default project's.
//
// Log number 0 is the whole vault: as a log, without callers. Attribution (journal/writer_attribution.cpp) moves what a
// session's calls add up to from the unattributed log to a tenant's and leaves the whole as it is.
//
// Sessions that a client named, or made with POST /v1/sessions:
//   key    space u32 | SHA-256(id)[0:16]; space: a tenant's log, or the unattributed one for the operator's id space
//   value  02 u8 | requests, unpriced, cost, first, last i64 | tenant u32 (a log; 0: none yet) | uid (16) |
//          modalities u8 | project length u16, project | id
//   A first byte of 00 is the form of an earlier version: requests, unpriced, cost, first, last i64 | id.
//
// A call without a session is one of its own, `ses_` and the ULID of its evidence id; it has no row. When its id is named
// in the space it belongs to (its log's, or the operator's: k_flag_operator_session), the session row that is made begins
// with that call and has its id as uid; the record that makes it says so (k_flag_adopts_call). A call whose session was
// named before its own record stood is written as one of that session.
//
//   session_times  log u32 | first i64 | session key    empty; log: 0, and the one the session counts for
//   session_uids   uid (16)                             session key
//                  SHA-256(id)[0:16] | space u32        session key; finds an id in all spaces
//   session_calls  session key | position               empty; what an unattributed session of the operator's would move
//   loose_calls    position                             empty; what counts in the unattributed log
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/evidence_record.h"
#include "core/money.h"
#include "core/time.h"
#include "vault/journal/journal.h"
#include "vault/store/tables.h"

namespace talon::vault {

enum class Dimension : std::uint8_t {
  all = 0,
  caller = 1,
  provider = 2,
  model = 3,
  project = 4,
  project_provider = 5,
  project_model = 6,
};
inline constexpr std::size_t k_dimensions = 7;

/// The rows of the whole vault.
inline constexpr LogNumber k_whole_vault{0};

/// Sums of one log over all time.
struct Lifetime {
  std::int64_t sessions = 0, requests = 0, unpriced = 0;
  core::NanoUsd cost;
  std::optional<core::Instant> first, last;

  [[nodiscard]] SmallBytes encode() const;
  [[nodiscard]] static std::optional<Lifetime> decode(std::string_view value);
  friend bool operator==(const Lifetime&, const Lifetime&) = default;
};

/// Sums of one day under one name.
struct DayCell {
  core::NanoUsd cost;
  std::int64_t requests = 0;
  std::string name;

  [[nodiscard]] std::string encode() const;
  [[nodiscard]] static std::optional<DayCell> decode(std::string_view value);
  friend bool operator==(const DayCell&, const DayCell&) = default;
};

/// One session that has a row.
struct SessionRow {
  std::int64_t requests = 0, unpriced = 0;
  core::NanoUsd cost;
  core::Instant first, last;
  LogNumber tenant{};  ///< whose it is; 0: nobody's yet (in the operator's space)
  IdBytes uid{};
  std::uint8_t modalities = 0;
  std::string project;  ///< empty: the default one
  std::string id;

  [[nodiscard]] std::string encode() const;
  /// A row of an earlier version has neither tenant nor uid.
  [[nodiscard]] static std::optional<SessionRow> decode(std::string_view value);
  friend bool operator==(const SessionRow&, const SessionRow&) = default;
};

[[nodiscard]] SmallBytes lifetime_key(LogNumber log);
[[nodiscard]] SmallBytes day_key(LogNumber log, core::Day day, Dimension dimension, std::string_view name);
/// Where the rows of a day and dimension begin.
[[nodiscard]] SmallBytes day_prefix(LogNumber log, core::Day day, Dimension dimension);
[[nodiscard]] SmallBytes session_key(LogNumber log, std::string_view session_id);

[[nodiscard]] SmallBytes session_time_key(LogNumber log, core::Instant first, std::string_view session_key);
[[nodiscard]] SmallBytes session_call_key(std::string_view session_key, Position position);

/// The key in session_uids that leads from an id to its session in this space.
[[nodiscard]] SmallBytes session_name_key(std::string_view session_key);

/// The uid as clients see it: `ses_` and a ULID.
[[nodiscard]] std::string uid_text(const IdBytes& uid);
[[nodiscard]] std::optional<IdBytes> parse_uid(std::string_view text);

struct RollupKey {
  LogNumber log{};
  core::Day day;
  Dimension dimension = Dimension::all;
  bool lifetime = false;
};
[[nodiscard]] std::optional<RollupKey> decode_rollup_key(std::string_view key);

/// Whether a record with this change moves any roll-up at all.
[[nodiscard]] inline bool moves_rollups(const RollupChange& change) {
  return change.counts_as_request || change.makes_session || change.cost.nano() != 0;
}
/// The flags of a record's row that let a recount be made from the log alone.
[[nodiscard]] std::uint8_t row_flags(const RollupChange& change);
/// Whether this is the row of an admitted call that is a session of its own.
[[nodiscard]] inline bool is_own_session(const RowHeader& header) {
  return header.kind == RowKind::record && (header.flags & k_flag_request) != 0 && (header.flags & k_flag_session) == 0;
}
/// The id space of such a call.
[[nodiscard]] inline LogNumber space_of_call(const RowHeader& header, LogNumber unattributed) {
  return (header.flags & k_flag_operator_session) != 0 ? unattributed : header.log;
}
/// What the flags say, but for the session's id.
void set_flags(RollupChange& change, std::uint8_t flags);
/// The change that a stored record made: its line's summary and its row's flags.
[[nodiscard]] RollupChange change_of(const core::RecordSummary& summary, std::uint8_t flags);
/// The same into a change that is used again and again.
void change_of(const core::RecordSummary& summary, std::uint8_t flags, RollupChange& change);

/// The arithmetic of one record, shared by the writer and by every recount. `sessions`: how many it opens in this
/// log: 1 when it is the first of its session, or a session of its own.
void add_to(Lifetime& lifetime, const RollupChange& change, core::Instant time, int sessions);
void add_to(DayCell& cell, const RollupChange& change);
void add_to(SessionRow& session, const RollupChange& change, core::Instant time);
/// The opposite, for what is attributed to another log. First and last are the caller's to say.
void take_from(Lifetime& lifetime, const RollupChange& change);
void take_from(DayCell& cell, const RollupChange& change);

/// `visit(dimension, name)` for each row of a day that a change counts in.
template <class Visit>
void each_dimension(LogNumber log, const RollupChange& change, std::string& scratch, Visit visit) {
  visit(Dimension::all, std::string_view{});
  if (log != k_whole_vault) visit(Dimension::caller, std::string_view(change.caller));
  visit(Dimension::provider, std::string_view(change.provider));
  visit(Dimension::model, std::string_view(change.model));
  if (change.project.empty()) return;
  visit(Dimension::project, std::string_view(change.project));
  scratch.assign(change.project).append(1, '\0').append(change.provider);
  visit(Dimension::project_provider, std::string_view(scratch));
  scratch.assign(change.project).append(1, '\0').append(change.model);
  visit(Dimension::project_model, std::string_view(scratch));
}

}  // namespace talon::vault
