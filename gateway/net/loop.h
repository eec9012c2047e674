// Loop: one worker's event loop over epoll(7), with one coarse timer. Every descriptor is registered
// once, edge-triggered, for its whole life; a wait costs no system call (measured against Asio's reactor,
// which pays an epoll_ctl for each: four system calls a call instead of six).
//
// Thread rule: post() and stop() on any thread, everything else on the loop's.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "core/time.h"

namespace talon::gateway {

/// Milliseconds of the monotonic clock, as the loop's last tick read it. 0: never.
struct Deadline {
  std::int64_t at = 0;
};
inline constexpr Deadline k_no_deadline{};

class Deferred;
class Parking;
struct SocketState;

class Loop {
 public:
  static constexpr std::chrono::milliseconds k_tick{100};

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs on the calling thread until stop().
  void run();
  void stop();
  /// `work` runs on the loop's thread, in the order posted; never, when the loop has ended.
  void post(std::move_only_function<void()> work);
  /// The same, but what was taken will run: false when the loop has ended.
  [[nodiscard]] bool post_if_running(std::move_only_function<void()> work);
  /// Runs at every tick, after waits that passed their deadline were woken. Set before run().
  void on_tick(std::move_only_function<void()> work) { tick_ = std::move(work); }

  /// A deadline that is never early and at most two ticks late. Per operation timers would cost more
  /// than the operation (performance.md); this costs an addition.
  [[nodiscard]] Deadline in(std::chrono::milliseconds time) const noexcept {
    return {now_ms_ + time.count() + k_tick.count()};
  }
  [[nodiscard]] bool passed(Deadline deadline) const noexcept { return deadline.at != 0 && deadline.at <= now_ms_; }
  /// Of the last tick.
  [[nodiscard]] std::int64_t now_ms() const noexcept { return now_ms_; }

  /// For who is about to send: goes on when the sockets of this turn have had their say. Sends of one turn then leave
  /// one right after the other, and a peer that sleeps is woken by the first of them, not by each: a wake-up and the
  /// preemption that often follows cost as much as the send.
  class TurnsEnd {
   public:
    explicit TurnsEnd(Loop& loop) noexcept : loop_(loop) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) const { loop_.resume_soon(waiter); }
    void await_resume() const noexcept {}

   private:
    Loop& loop_;
  };
  [[nodiscard]] TurnsEnd turns_end() noexcept { return TurnsEnd(*this); }

  /// How long deferred work waits.
  static constexpr std::chrono::microseconds k_moment{2'000};
  /// `work` runs k_moment after this turn began, and what was deferred meanwhile with it; unless it is forgotten first.
  void defer(Deferred& work) noexcept;
  void forget(Deferred& work) noexcept;
  /// Since `work` was deferred, which it may be no longer.
  [[nodiscard]] static core::Micros waited(const Deferred& work) noexcept;

  // For Socket and Parking.
  void add(SocketState& socket);
  void remove(SocketState& socket) noexcept;
  void link(Parking& parking) noexcept;
  void unlink(Parking& parking) noexcept;
  /// Resumes `waiter` from the loop, not from inside this call.
  void resume_soon(std::coroutine_handle<> waiter) { soon_.push_back(waiter); }

 private:
  void dispatch();
  [[nodiscard]] std::int64_t longest_wait_us() const noexcept;
  void run_deferred();
  void sweep() noexcept;
  void run_posted();
  void run_soon();

  int epoll_;
  int wakeup_;  ///< an eventfd: something was posted
  SocketState* sockets_ = nullptr;
  Parking* parked_ = nullptr;
  Deferred* oldest_ = nullptr;
  Deferred* newest_ = nullptr;
  std::vector<std::coroutine_handle<>> soon_;
  std::vector<std::coroutine_handle<>> now_;  ///< of soon_, being resumed
  std::vector<SocketState*> batch_;           ///< sockets with events not yet delivered; a removed one becomes nullptr
  std::move_only_function<void()> tick_;
  std::int64_t turn_us_ = 0;  ///< when this turn began
  std::int64_t now_ms_ = 0;
  std::int64_t next_tick_ms_ = 0;

  std::mutex mutex_;
  std::vector<std::move_only_function<void()>> posted_;  ///< under mutex_
  bool stopping_ = false;                                ///< under mutex_
  bool ended_ = false;                                   ///< under mutex_: no turn comes any more
};

}  // namespace talon::gateway
