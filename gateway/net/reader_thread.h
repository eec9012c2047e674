// ReaderThread: one thread for what blocks: short LMDB reads, the first record of a new log, changes of accounts. The
// server has several, so that nobody's queue is another's (worker.h, Shared). Workers await their job's end;
// net/export_pipe.h has threads of its own for long exports.
//
//   co_await reader.run(loop, job, Turn::in_order);       // false: too many jobs wait (503 overloaded)
//
// Thread rule: run() on any loop; jobs run on the reader's thread, one after the other: those whose turn is first, then
// the others, each in the order in which they came. It must go before the loops do.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "gateway/net/loop.h"

namespace talon::gateway {

/// Which jobs go before others that wait; each kind has a queue of its own.
enum class Turn : std::uint8_t { first, in_order };

class ReaderThread {
 public:
  static constexpr std::size_t k_queue = 1'024;  ///< of each turn

  ReaderThread();
  /// Runs what waits, then ends.
  ~ReaderThread();

  using Job = std::move_only_function<void()>;
  class Wait {
   public:
    Wait(ReaderThread& reader, Loop& loop, Job& job, Turn turn) noexcept
        : reader_(reader), loop_(loop), job_(job), turn_(turn) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> waiter);
    [[nodiscard]] bool await_resume() const noexcept { return taken_; }

   private:
    ReaderThread& reader_;
    Loop& loop_;
    Job& job_;
    Turn turn_;
    bool taken_ = true;
  };
  /// `job` stays with the caller and is run once.
  [[nodiscard]] Wait run(Loop& loop, Job& job, Turn turn = Turn::in_order) noexcept { return {*this, loop, job, turn}; }

  /// For threads without a loop: nobody waits for it. False: too many jobs wait.
  [[nodiscard]] bool post(Job job, Turn turn = Turn::in_order);

 private:
  struct Entry {
    Job* job;
    Loop* loop;
    std::coroutine_handle<> waiter;
    Job own{};  ///< of post(): `job` is nullptr
  };
  void work();
  [[nodiscard]] bool take(Entry entry, Turn turn);
  [[nodiscard]] std::deque<Entry>& next() noexcept { return first_.empty() ? in_order_ : first_; }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> first_, in_order_;  ///< under mutex_
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace talon::gateway
