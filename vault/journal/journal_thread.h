// The journal's thread around the Writer: natural group commit, the three states, completion, housekeeping.
//
//   loop: wait for items (strict: no longer than that; batched: 2 ms after the first) → make sure of the reserve →
//         write all in one transaction → complete each port once → index, marks, dead readers when due
//
// States (evidence.md §4): full while the reserve cannot be had, retried each second; failed after any error of the
// writer, for good.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>

#include "core/config.h"
#include "vault/journal/queue.h"
#include "vault/journal/writer.h"
#include "vault/store/position_file.h"
#include "vault/store/reserve.h"

namespace talon::vault {

struct JournalOptions {
  core::Durability durability = core::Durability::strict;
  core::Priority priority = core::Priority::normal;
  std::uint64_t reserve_bytes = 64ull << 20;
  std::function<void(const core::Error&)> on_failure;
};

class JournalThread final : public Journal {
 public:
  /// The writer has been started. Everything handed in outlives this; the thread runs until stop().
  JournalThread(Environment& environment, Writer& writer, PositionFile position, JournalOptions options);
  ~JournalThread() override;

  [[nodiscard]] Submit submit(std::unique_ptr<JournalItem>& item) noexcept override;
  void wait_for_room(CompletionPort& port, std::move_only_function<void(const ItemResult&)> room) override;
  [[nodiscard]] bool accepting() const noexcept override;

  void stop();
  [[nodiscard]] JournalStats stats() const;
  /// Blocks until everything queued by now is committed. Error: vault_unavailable after `deadline` or failure.
  [[nodiscard]] core::Result<void> wait_committed(std::chrono::milliseconds deadline);

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  void run();
  [[nodiscard]] core::Result<void> turn();
  [[nodiscard]] core::Result<void> write_batch(JournalQueue::Items items);
  [[nodiscard]] core::Result<void> housekeeping();
  void check_reserve();
  void watch_readers();
  void complete(JournalQueue::Items items, ItemState state);
  void fail_all(JournalQueue::Items items, const core::Error& error);
  [[nodiscard]] SteadyTime next_wake() const;
  void note_commit(std::chrono::steady_clock::duration took, const WriteCounts& counts);

  Environment& environment_;
  Writer& writer_;
  PositionFile position_;
  JournalOptions options_;
  Reserve reserve_;
  JournalQueue queue_;
  std::atomic<JournalStats::State> state_{JournalStats::State::ok};
  std::atomic<bool> stopping_{false};
  std::unique_ptr<core::Error> failure_;
  JournalQueue::Items in_hand_;  ///< taken and not completed

  SteadyTime retry_reserve_at_{}, readers_at_{}, busy_at_{};
  std::deque<std::pair<std::uint64_t, SteadyTime>> commit_times_;  ///< transaction, when; about one a second

  mutable std::mutex stats_guard_;
  JournalStats stats_;
  std::array<std::int64_t, 1024> latencies_{};  ///< µs of the newest commits, a ring

  std::mutex committed_guard_;
  std::condition_variable committed_wake_;
  std::atomic<int> committed_waiters_{0};

  std::mutex stop_guard_;
  std::thread thread_;
};

}  // namespace talon::vault
