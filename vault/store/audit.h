// StoreAudit: everything in the store against its rows (`audit verify` without arguments).
//
// Rows are immutable and only grow, so they are read in slices while a server writes. Roll-ups change: each slice of
// them is compared inside a transaction up to whose last row the recount has been brought first.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "vault/journal/recovery.h"
#include "vault/ledger/recount.h"
#include "vault/log/crew.h"
#include "vault/store/log_view.h"

namespace talon::vault {

class StoreAudit {
 public:
  StoreAudit(const Environment& environment, const KeyRing& keys) : environment_(environment), keys_(keys) {}

  struct Log {
    core::LogName name = core::LogName::unattributed();
    LogTree tree;
    core::Instant newest;
    std::optional<StoredFrontier> frontier;  ///< as stored when the audit began
    std::string problem;                     ///< the first; empty: none
  };

  /// Reads it all. Error: only what keeps it from reading; what it finds wrong is in the answers below.
  [[nodiscard]] core::Result<void> run();

  [[nodiscard]] const std::vector<Log>& logs() const noexcept { return logs_; }
  [[nodiscard]] bool seal_ok() const noexcept { return seal_ok_; }
  [[nodiscard]] bool rollups_ok() const noexcept { return rollups_ok_; }
  [[nodiscard]] std::int64_t records() const noexcept { return records_; }
  [[nodiscard]] std::size_t open_intents() const noexcept { return open_.size(); }
  [[nodiscard]] const std::vector<std::string>& problems() const noexcept { return problems_; }

 private:
  /// A row copied out of its transaction, and what can be found out about it alone: that is done by several threads.
  struct ReadRow {
    std::size_t offset = 0, size = 0;  ///< in Rows::bytes
    std::optional<Row> row;            ///< nullopt: damaged
    Hash leaf{}, row_leaf{};
    std::optional<core::Result<core::RecordSummary>> summary;  ///< of a record
  };
  /// A slice of them, from `first` on. Two take turns: one is read and examined while the other is checked.
  struct Rows {
    Position first = 0;
    std::string bytes;
    std::vector<ReadRow> rows;
  };
  [[nodiscard]] core::Result<SealedState> sealed_state(const ReadTxn& txn, std::string_view name);
  [[nodiscard]] core::Result<std::uint64_t> rows_now() const;
  [[nodiscard]] core::Result<void> read_logs();
  [[nodiscard]] core::Result<void> read_rows_to(std::uint64_t end);
  [[nodiscard]] static core::Result<void> copy_rows(const ReadTxn& txn, Position first, std::uint64_t end, Rows& out);
  /// Begins to examine what was copied; crew_.finish() before it is looked at.
  void examine(Rows& rows);
  [[nodiscard]] core::Result<void> check_rows(const ReadTxn& txn, const Rows& rows);
  struct Derived {
    const ReadTxn& txn;
    Cursor index, ids;
    bool indexed = false;  ///< `index` stands on an entry
  };
  [[nodiscard]] core::Result<void> check_row(Derived& derived, const ReadRow& row);
  [[nodiscard]] core::Result<void> check_ids(Derived& derived, const Rows& rows);
  void check_record(const Row& row, const core::RecordSummary& summary, Log& log);
  [[nodiscard]] core::Result<void> check_derived(Derived& derived, const RowHeader& header, Position position,
                                                 const Hash& leaf, Log& log);
  [[nodiscard]] core::Result<void> compare_table(Table table);
  /// For the recount: nullopt also where it cannot be read, which the rows' own checks say.
  [[nodiscard]] std::optional<Recount::Earlier> earlier_record(const IdBytes& id) const;
  void problem(std::string text);
  void problem(Log& log, std::string text);

  const Environment& environment_;
  const KeyRing& keys_;
  std::vector<Log> logs_;  ///< by number, from 1
  Recount recount_;
  Hash chain_{};
  Position next_ = 0;
  std::uint64_t indexed_ = 0;
  core::Instant time_;
  OpenIntents open_;
  std::int64_t records_ = 0;
  bool seal_ok_ = true, rollups_ok_ = true;
  std::vector<std::string> problems_;
  std::array<Rows, 2> slices_;
  std::vector<std::pair<IdBytes, std::size_t>> by_id_;
  Crew crew_;  ///< declared last: its threads end before what they work on goes
};

}  // namespace talon::vault
