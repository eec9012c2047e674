// Parking: a place where one coroutine waits for something that is no socket: a pooled connection, a
// look-up, another thread's answer. Whoever has it calls wake(); a deadline or an interruption may come
// first.
//
//   Parking parking(loop);
//   queue.push_back(&parking);
//   const Wake wake = co_await parking.wait(deadline, &interrupts);
//
// Thread rule: the loop's thread; other threads post to the loop and call wake() there.
#pragma once

#include <coroutine>

#include "gateway/net/loop.h"
#include "gateway/net/socket.h"

namespace talon::gateway {

class Parking final : public Waiting {
 public:
  explicit Parking(Loop& loop) noexcept : loop_(loop) {}
  ~Parking() = default;
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  class Wait {
   public:
    [[nodiscard]] bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> waiter) noexcept;
    [[nodiscard]] Wake await_resume() noexcept;

   private:
    friend class Parking;
    Wait(Parking& parking, Deadline deadline, Interrupts* interrupts) noexcept
        : parking_(parking), deadline_(deadline), interrupts_(interrupts) {}
    Parking& parking_;
    Deadline deadline_;
    Interrupts* interrupts_;
  };
  /// Ends at once when wake() was called before.
  [[nodiscard]] Wait wait(Deadline deadline, Interrupts* interrupts) noexcept { return {*this, deadline, interrupts}; }
  /// Resumes the waiter from the loop, not from inside this call.
  void wake() noexcept { finish(Wake::ready); }
  void interrupt(Wake why) noexcept override { finish(why); }

 private:
  friend class Loop;
  void finish(Wake why) noexcept;
  Loop& loop_;
  std::coroutine_handle<> waiter_;
  Wake wake_ = Wake::ready;
  bool finished_ = false;
  Deadline deadline_;
  Parking* previous_ = nullptr;
  Parking* next_ = nullptr;
};

}  // namespace talon::gateway
