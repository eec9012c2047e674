// The roll-up rows that the journal is changing, in memory: each changed row is written once per commit.
//
// The mirror belongs to the journal's thread. It changes before the commit that writes it; a commit that fails ends the
// journal, so nothing ever reads a mirror that disk does not agree with. Bounded: when it holds more than k_max_cells it
// starts over and reads rows again as they are needed. What counts where is the writer's to say
// (journal/writer_attribution.cpp).
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "vault/ledger/rollup.h"
#include "vault/store/environment.h"

namespace talon::vault {

class RollupMirror {
 public:
  /// Rows not in memory are read through `txn`. `sessions`: how many the change opens in this log.
  [[nodiscard]] core::Result<void> count(WriteTxn& txn, LogNumber log, const RollupChange& change, core::Instant time,
                                         int sessions);
  /// Takes away what count() counted, but for first and last.
  [[nodiscard]] core::Result<void> uncount(WriteTxn& txn, LogNumber log, const RollupChange& change,
                                           core::Instant time);
  /// A log's lifetime row, to be changed.
  [[nodiscard]] core::Result<Lifetime*> lifetime_row(WriteTxn& txn, LogNumber log);

  struct Session {
    SessionRow sums;
    SmallBytes key;
    bool exists = false;  ///< stored, or made by this commit
  };
  /// Of this commit: valid until write(), and written by it.
  [[nodiscard]] core::Result<Session*> session(WriteTxn& txn, LogNumber space, std::string_view id);
  /// Writes every changed row; call right before the commit.
  [[nodiscard]] core::Result<void> write(WriteTxn& txn);

 private:
  static constexpr std::size_t k_max_cells = 200'000;
  struct LifetimeCell {
    Lifetime sums;
    LogNumber log{};
    bool changed = false;
  };
  struct Cell {
    DayCell sums;
    SmallBytes key;
    bool changed = false;
  };
  [[nodiscard]] core::Result<LifetimeCell*> lifetime(WriteTxn& txn, LogNumber log);
  [[nodiscard]] core::Result<Cell*> cell(WriteTxn& txn, LogNumber log, core::Day day, Dimension dimension,
                                         std::string_view name);

  std::unordered_map<std::uint32_t, LifetimeCell> lifetimes_;
  std::unordered_map<std::string, Cell> cells_;        ///< log, day, dimension, name
  std::unordered_map<std::string, Session> sessions_;  ///< of this commit only: space, session id
  std::vector<LifetimeCell*> changed_lifetimes_;
  std::vector<Cell*> changed_cells_;
  std::string scratch_, names_;
};

}  // namespace talon::vault
