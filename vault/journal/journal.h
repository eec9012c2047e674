// The journal: the one writer. Anyone hands it items; it takes all that wait, writes them in one LMDB
// transaction, seals and syncs once, and completes each port once (natural group commit).
//
// Contract
//   Order       Items of one port are sequenced and completed in the order they were submitted. Items of
//               different ports are sequenced in the order they reached the queue.
//   Bound       65,536 items or 64 MiB of lines wait at most; beyond that submit answers queue_full and the
//               caller waits for room (wait_for_room) or gives up. The largest item is one line of
//               65,535 bytes.
//   Durability  strict: an item is completed after the commit that holds it is synced. batched: the same
//               completion, but callers need not wait for it; a batch is committed 2 ms after its first
//               item fell due, and an intent whose outcome is in the same batch is not written.
//   Completion  On the journal's thread, after the commit, once per port: the port takes the list and
//               wakes its own thread. The journal touches an item no more after that.
//   Holds       Money held for a call is released by its owner when the item that settles it is
//               completed, never before: what is on disk plus what is held never understates.
//   Full        No space ahead: `accepting()` turns false, no new intent is taken (Submit::refused);
//               what calls in flight submit still commits into the reserve; it recovers by itself.
//   Failed      A commit error is final: all waiting items complete with ItemState::failed, nothing is
//               retried, and the failure handler given to the vault runs once.
//   Shutdown    stop() takes no new items, commits all that wait, completes them, closes. A second
//               stop() is harmless.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/evidence_record.h"
#include "core/ids.h"
#include "core/tenant_id.h"
#include "core/time.h"
#include "vault/store/environment.h"

namespace talon::vault {

enum class ItemKind : std::uint8_t {
  intent,    ///< a call may be sent to a provider once this is committed
  record,    ///< an outcome or a denial: one line in its log
  open_log,  ///< the tenant became known: its log gets its genesis if it has none
  change,    ///< rows outside the ledger: `apply`, and the operator's record of it if it has a line
  barrier,   ///< completes when everything submitted before it is committed and visible to readers
};

enum class ItemState : std::uint8_t { waiting, committed, failed };

/// How a record changes the roll-ups; filled by the worker so that the journal parses nothing.
struct RollupChange {
  bool counts_as_request = false;  ///< admitted calls only; a refused call opens no session
  bool unpriced = false;
  core::NanoUsd cost;
  std::string caller, provider, model;  ///< empty: none
  std::string session;                  ///< empty: the call is a session of its own
  bool operator_session = false;        ///< its session is one of the operator's id space, not of the log's own
  bool makes_session = false;           ///< no call: the session was made by itself (POST /v1/sessions)
  std::uint8_t modality = 0;            ///< of Modality; what the session has seen
  std::string project{};                ///< empty: the default one
  bool adopts_call = false;  ///< the writer's: the session is made by it, and begins with the call it is named by
};

/// What a call carried, as bits of a set.
struct Modality {
  static constexpr std::uint8_t llm = 1, stt = 2, tts = 4;
};

class CompletionPort;

/// What became of an item; set by the journal before completion.
struct ItemResult {
  ItemState state = ItemState::waiting;
  std::uint64_t seq = 0;
  core::Instant time{};  ///< the record's `time`; its UTC day is the day its cost counts on
};

/// One thing to write. Created by a worker, owned by the journal while queued, handed back to the port.
struct JournalItem {
  ItemKind kind = ItemKind::record;
  core::LogName log = core::LogName::unattributed();
  core::EvidenceId id;  ///< of the record; for an intent, of the record it will become
  /// record: the line. intent: the `interrupted` line it becomes if Talon dies (held money as its cost).
  core::UnsequencedLine line;
  RollupChange rollup;         ///< record: its own; intent: that of the interrupted record
  bool closes_intent = false;  ///< record: an intent with the same id was submitted before
  /// intent, batched: the call did not wait for it, and is under way. Taken even while the vault is full, as its outcome
  /// will be.
  bool under_way = false;
  core::Micros waited{};  ///< how long it has been due already: the batch that takes it lingers so much less
  /// change: puts its rows, on the journal's thread, inside the transaction that also opens the log if it is new and
  /// holds the item's own line (absent: `line` is empty). Checks come before submit: an error here is a
  /// failed commit and ends the journal, so it may only come from the store itself. Quick; it holds up every call.
  std::move_only_function<core::Result<void>(WriteTxn& txn, LogNumber log)> apply;

  CompletionPort* port = nullptr;                         ///< who is told; must outlive the journal
  std::move_only_function<void(const ItemResult&)> done;  ///< run by the port on its own thread
  ItemResult result;
};

/// One per worker. `completed` is called on the journal's thread and must not block.
class CompletionPort {
 public:
  virtual ~CompletionPort() = default;
  /// In the order they were submitted. The port runs each item's `done` on its own thread, then drops it.
  virtual void completed(std::vector<std::unique_ptr<JournalItem>> items) noexcept = 0;
};

enum class Submit : std::uint8_t {
  queued,
  queue_full,  ///< try again after wait_for_room
  refused,     ///< an intent while the vault is full, or any item after failure or stop
};

class Journal {
 public:
  virtual ~Journal() = default;
  /// Any thread; never blocks on disk. On anything but `queued` the item stays with the caller.
  [[nodiscard]] virtual Submit submit(std::unique_ptr<JournalItem>& item) noexcept = 0;
  /// Runs `room` on the port (as an item would complete) when the queue is half empty again.
  virtual void wait_for_room(CompletionPort& port, std::move_only_function<void(const ItemResult&)> room) = 0;
  /// False while the vault is full, failed or stopping: admit nothing new (503 vault_unavailable).
  [[nodiscard]] virtual bool accepting() const noexcept = 0;
};

/// For the logs and /readyz. Any thread.
struct JournalStats {
  std::uint64_t queue_items = 0, queue_bytes = 0;
  std::uint64_t commits = 0, records = 0, intents = 0;
  core::Micros last_commit{}, commit_p50{}, commit_p99{};
  core::Micros reader_lag{};
  std::uint64_t reserve_bytes = 0;  ///< allocated ahead on disk
  enum class State : std::uint8_t { ok, full, failed } state = State::ok;
};

}  // namespace talon::vault
