// From a worker to the journal and back: the port that wakes the worker once per commit, and the wait of
// a request for its item.
//
//   JournalWrite record(port, journal);
//   if (!co_await record.submit(item)) …refused…        // waits only when the queue is full
//   const auto result = co_await record.committed();    // strict
//
// Thread rule: everything on the worker's loop but CompletionPort::completed.
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "gateway/net/loop.h"
#include "gateway/net/task.h"
#include "vault/journal/journal.h"

namespace talon::gateway {

class JournalPort final : public vault::CompletionPort {
 public:
  explicit JournalPort(Loop& loop) noexcept : loop_(loop) {}
  void completed(std::vector<std::unique_ptr<vault::JournalItem>> items) noexcept override;
  /// Items submitted and not yet seen complete. The worker ends when there are none.
  [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_; }
  /// For an item nobody waits for; `done` may be empty. Not queued: the item stays with the caller.
  [[nodiscard]] vault::Submit submit(vault::Journal& journal, std::unique_ptr<vault::JournalItem>& item) noexcept;
  void expect_room() noexcept { ++outstanding_; }
  /// The last item that was to be submitted found no room.
  [[nodiscard]] bool full() const noexcept { return full_; }

 private:
  void run_completed();
  Loop& loop_;
  std::size_t outstanding_ = 0;
  bool full_ = false;
  std::mutex mutex_;
  std::vector<std::unique_ptr<vault::JournalItem>> waiting_;  ///< completed, not yet run; under mutex_
};

/// Waits until the queue has room again.
class RoomWait {
 public:
  RoomWait(vault::Journal& journal, JournalPort& port) noexcept : journal_(journal), port_(port) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const {
    port_.expect_room();
    journal_.wait_for_room(port_, [waiter](const vault::ItemResult&) { waiter.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  vault::Journal& journal_;
  JournalPort& port_;
};

/// One item that its submitter waits for. Must stay where it is until committed() was awaited.
class JournalWrite {
 public:
  JournalWrite(JournalPort& port, vault::Journal& journal) noexcept : port_(port), journal_(journal) {}
  JournalWrite(const JournalWrite&) = delete;
  JournalWrite& operator=(const JournalWrite&) = delete;

  /// Takes the item. Anything but `queued`: nothing was taken.
  [[nodiscard]] vault::Submit try_submit(std::unique_ptr<vault::JournalItem>& item) noexcept;
  /// Waits for room as often as it takes. False: refused.
  [[nodiscard]] Task<bool> submit(std::unique_ptr<vault::JournalItem>& item);
  [[nodiscard]] bool pending() const noexcept { return submitted_ && result_.state == vault::ItemState::waiting; }

  class Committed {
   public:
    explicit Committed(JournalWrite& write) noexcept : write_(write) {}
    [[nodiscard]] bool await_ready() const noexcept { return !write_.pending(); }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { write_.waiter_ = waiter; }
    [[nodiscard]] vault::ItemResult await_resume() const noexcept { return write_.result_; }

   private:
    JournalWrite& write_;
  };
  /// Ends when the commit that holds the item is synced, or failed. At once if nothing was submitted.
  [[nodiscard]] Committed committed() noexcept { return Committed(*this); }

 private:
  JournalPort& port_;
  vault::Journal& journal_;
  vault::ItemResult result_;
  std::coroutine_handle<> waiter_;
  bool submitted_ = false;
};

}  // namespace talon::gateway
