// Roll-ups: what a log's calls add up to, kept beside the records and changed in their transaction.
//
//   key    log u32 | day u32 | dimension u8 | SHA-256(name)[0:16] (absent where the dimension has no name)
//   value  lifetime: sessions, requests, unpriced i64; cost i64; first, last seen i64 (µs, -1 = never)
//          others:   cost i64, requests i64, name
//
// `day` is the UTC day of the record's time; the lifetime row has day 2^32-1, so that it lies right behind the newest
// day on the same page. For each day: one row for all, one for each caller, provider and model that had a call, and
// each of these three breakdowns adds up to the day (a call without one counts under the empty name).
// A refused call opens no session and counts no request.
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

enum class Dimension : std::uint8_t { all = 0, caller = 1, provider = 2, model = 3 };

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

/// One session that a client named.
struct SessionRow {
  std::int64_t requests = 0, unpriced = 0;
  core::NanoUsd cost;
  core::Instant first, last;
  std::string id;

  [[nodiscard]] std::string encode() const;
  [[nodiscard]] static std::optional<SessionRow> decode(std::string_view value);
  friend bool operator==(const SessionRow&, const SessionRow&) = default;
};

[[nodiscard]] SmallBytes lifetime_key(LogNumber log);
[[nodiscard]] SmallBytes day_key(LogNumber log, core::Day day, Dimension dimension, std::string_view name);
/// Where the rows of a day and dimension begin.
[[nodiscard]] SmallBytes day_prefix(LogNumber log, core::Day day, Dimension dimension);
[[nodiscard]] SmallBytes session_key(LogNumber log, std::string_view session_id);

struct RollupKey {
  LogNumber log{};
  core::Day day;
  Dimension dimension = Dimension::all;
  bool lifetime = false;
};
[[nodiscard]] std::optional<RollupKey> decode_rollup_key(std::string_view key);

/// Whether a record with this change moves any roll-up at all.
[[nodiscard]] inline bool moves_rollups(const RollupChange& change) {
  return change.counts_as_request || change.cost.nano() != 0;
}
/// The flags of a record's row that let a recount be made from the log alone.
[[nodiscard]] std::uint8_t row_flags(const RollupChange& change);
/// The change that a stored record made: its line's summary and its row's flags.
[[nodiscard]] RollupChange change_of(const core::RecordSummary& summary, std::uint8_t flags);

/// The arithmetic of one record, shared by the writer and by every recount. `opens_session`: it is the first of its
/// session, or a session of its own.
void add_to(Lifetime& lifetime, const RollupChange& change, core::Instant time, bool opens_session);
void add_to(DayCell& cell, const RollupChange& change);
void add_to(SessionRow& session, const RollupChange& change, core::Instant time);

}  // namespace talon::vault
