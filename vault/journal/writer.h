// Writer: what the journal does in the store, without threads or queues: it stamps, chains, seals and commits.
//
// One thread at a time. Every function that answers an error leaves the writer dead: what is in memory may be ahead of
// the disk, so nothing but destruction may follow (evidence.md §4, *failed*).
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/random.h"
#include "vault/journal/journal.h"
#include "vault/journal/recovery.h"
#include "vault/journal/stamper.h"
#include "vault/ledger/mirror.h"

namespace talon::vault {

/// What one commit held.
struct WriteCounts {
  std::uint64_t records = 0, intents = 0;
};

/// When the tables derived from rows are brought up to date: half of what readers may have to merge, so that one more
/// batch, each item of it opening a log, stays within k_max_unindexed.
inline constexpr std::uint64_t k_index_every = k_max_unindexed / 2;
inline constexpr std::size_t k_max_batch_items = k_max_unindexed / 4;
inline constexpr std::size_t k_max_batch_bytes = 16u << 20;

class Writer {
 public:
  /// `keys`, `clock`, `random` and `environment` outlive it.
  Writer(Environment& environment, const KeyRing& keys, JournalState state, std::string version,
         const core::Clock& clock, core::Random& random);

  /// Start-up: due marks, open intents closed as `interrupted`, logs opened, `boot`, index.
  [[nodiscard]] core::Result<void> start(std::span<const core::LogName> known);

  /// One transaction with all items in order; sets each item's result (but not its state). Due marks go before it in
  /// transactions of their own. `drop_settled_intents`: an intent whose outcome is among the items is not written.
  enum class Settled { write, drop };
  [[nodiscard]] core::Result<WriteCounts> write(std::span<const std::unique_ptr<JournalItem>> items, Settled settled);

  /// A UTC day has begun for which marks are due.
  [[nodiscard]] bool marks_due() const noexcept;
  [[nodiscard]] core::Result<void> write_marks();

  [[nodiscard]] std::uint64_t unindexed() const noexcept { return state_.unindexed(); }
  /// Brings the derived tables up to the newest row.
  [[nodiscard]] core::Result<void> index() { return index_as(Ending::no); }
  /// index(), and says that this was an orderly stop.
  [[nodiscard]] core::Result<void> close() { return index_as(Ending::yes); }

  /// After an error: undoes what was begun. A transaction ends on the thread that began it.
  void abandon() { txn_.reset(); }

  [[nodiscard]] const JournalState& state() const noexcept { return state_; }

 private:
  enum class Ending { no, yes };
  [[nodiscard]] core::Result<void> index_as(Ending ending);
  [[nodiscard]] core::Result<void> write_derived(WriteTxn& txn);
  [[nodiscard]] core::Result<void> begin();
  [[nodiscard]] core::Result<void> commit();
  [[nodiscard]] core::Result<void> mark_logs(const Stamp& stamp);
  [[nodiscard]] core::Result<std::int64_t> close_open_intents();
  [[nodiscard]] core::Result<LogNumber> log_number(const core::LogName& name, const Stamp& stamp);
  [[nodiscard]] core::Result<LogNumber> open_log(const core::LogName& name, const Stamp& stamp);
  [[nodiscard]] core::Result<void> append_own(LogNumber log, const Stamp& stamp, core::EvidenceRecord record);
  [[nodiscard]] core::Result<std::uint64_t> append_record(LogNumber log, const Stamp& stamp, const IdBytes& id,
                                                          const core::UnsequencedLine& line, std::uint8_t flags);
  // own_session.cpp
  /// A record is about to be written: a call whose own session was named while it was under way becomes one of that
  /// session; one that makes the session of an earlier call takes it in (change.adopts_call).
  [[nodiscard]] core::Result<void> join_own_session(LogNumber log, const Stamp& stamp, const IdBytes& id,
                                                    RollupChange& change);
  /// The row of a call without a session of this space: recorded, or an intent under way.
  enum class Stage { recorded, under_way };
  [[nodiscard]] core::Result<std::optional<std::pair<Position, Row>>> own_call(const IdBytes& id, LogNumber space,
                                                                               LogNumber unattributed, Stage stage);
  /// The uid of a session that is made: of the call under way that it is named by, or a new one.
  [[nodiscard]] core::Result<IdBytes> uid_of_new(std::string_view name, LogNumber space, LogNumber unattributed,
                                                 core::Instant time);
  /// The session that was just made begins with the call it is named by.
  [[nodiscard]] core::Result<void> adopt_call(RollupMirror::Session& session, LogNumber unattributed);
  // writer_attribution.cpp
  /// The record just written at `position` counts: roll-ups, session, and what it attributes.
  [[nodiscard]] core::Result<void> settle_rollups(LogNumber log, const Stamp& stamp, const IdBytes& id,
                                                  const RollupChange& change, Position position);
  [[nodiscard]] core::Result<void> give_session(RollupMirror::Session& session, LogNumber unattributed,
                                                LogNumber winner, const Stamp& stamp);
  [[nodiscard]] core::Result<void> append_attribution(LogNumber unattributed, LogNumber winner,
                                                      const std::string& session,
                                                      std::vector<core::AttributedCall> calls, const Stamp& stamp);
  [[nodiscard]] core::Result<std::optional<core::Instant>> time_of_loose(const std::optional<Entry>& entry);
  [[nodiscard]] core::Result<LogNumber> unattributed_log(const Stamp& stamp);
  // upgrade_ledger.cpp
  /// A store whose roll-ups are of an earlier version has them made anew from its records, in one commit.
  [[nodiscard]] core::Result<void> upgrade_ledger();

  [[nodiscard]] core::Result<void> append_intent(LogNumber log, const Stamp& stamp, const JournalItem& item);
  [[nodiscard]] core::Result<void> append_row(const RowHeader& header, std::string_view payload, const Hash& leaf);

  Environment* environment_;
  const KeyRing* keys_;
  JournalState state_;
  std::string version_;
  core::Random* random_;
  Stamper stamper_;
  RollupMirror rollups_;
  std::optional<WriteTxn> txn_;
  std::set<IdBytes> named_calls_;  ///< not recorded yet, and a session has been made that may be theirs
  std::string scratch_;
};

}  // namespace talon::vault
