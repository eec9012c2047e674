// Loop: one worker's event loop, an io_context with one coarse timer. Asio stays behind it: the rest of
// this room waits on sockets (socket.h) and posts work.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace talon::gateway {

/// Milliseconds of the monotonic clock, as the loop's last tick read it. 0: never.
struct Deadline {
  std::int64_t at = 0;
};
inline constexpr Deadline k_no_deadline{};

class Parking;

class Loop {
 public:
  static constexpr std::chrono::milliseconds k_tick{100};

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs on the calling thread until stop().
  void run();
  /// Any thread.
  void stop();
  /// Any thread; `work` runs on the loop's thread, in the order posted.
  void post(std::move_only_function<void()> work);
  /// Runs at every tick, after waits that passed their deadline were woken. Set before run().
  void on_tick(std::move_only_function<void()> work);

  /// A deadline that is never early and at most two ticks late. Per operation timers would cost more
  /// than the operation (performance.md); this costs an addition.
  [[nodiscard]] Deadline in(std::chrono::milliseconds time) const noexcept;
  [[nodiscard]] bool passed(Deadline deadline) const noexcept;
  /// Of the last tick.
  [[nodiscard]] std::int64_t now_ms() const noexcept;

  /// For Parking: waits with a deadline that are no sockets.
  void link(Parking& parking) noexcept;
  void unlink(Parking& parking) noexcept;

  /// Asio inside; loop_context.h.
  struct Context;
  [[nodiscard]] Context& context() noexcept { return *context_; }

 private:
  void sweep_parked() noexcept;
  Parking* parked_ = nullptr;
  std::unique_ptr<Context> context_;
};

}  // namespace talon::gateway
