// ReaderThread: one thread for what blocks: short LMDB reads and the first record of a new log. Workers
// await their job's end; net/export_pipe.h has threads of its own for long exports.
//
//   co_await reader.run(loop, job);       // false: too many jobs wait (503 overloaded)
//
// Thread rule: run() on any loop; jobs run on the reader's thread, one after the other. It must go before
// the loops do.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "gateway/net/loop.h"

namespace talon::gateway {

class ReaderThread {
 public:
  static constexpr std::size_t k_queue = 1'024;

  ReaderThread();
  /// Runs what waits, then ends.
  ~ReaderThread();

  using Job = std::move_only_function<void()>;
  class Wait {
   public:
    Wait(ReaderThread& reader, Loop& loop, Job& job) noexcept : reader_(reader), loop_(loop), job_(job) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> waiter);
    [[nodiscard]] bool await_resume() const noexcept { return taken_; }

   private:
    ReaderThread& reader_;
    Loop& loop_;
    Job& job_;
    bool taken_ = true;
  };
  /// `job` stays with the caller and is run once.
  [[nodiscard]] Wait run(Loop& loop, Job& job) noexcept { return {*this, loop, job}; }

  /// For threads without a loop: nobody waits for it. False: too many jobs wait.
  [[nodiscard]] bool post(Job job);

 private:
  struct Entry {
    Job* job;
    Loop* loop;
    std::coroutine_handle<> waiter;
    Job own{};  ///< of post(): `job` is nullptr
  };
  void work();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> queue_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace talon::gateway
