// See parking.h.
#include "gateway/net/parking.h"

namespace talon::gateway {

void Parking::finish(Wake why) noexcept {
  if (finished_) return;
  finished_ = true;
  wake_ = why;
  if (!waiter_) return;
  loop_.unlink(*this);
  loop_.resume_soon(waiter_);
  waiter_ = {};
}

bool Parking::Wait::await_ready() noexcept {
  if (interrupts_ != nullptr && interrupts_->reason()) parking_.finish(*interrupts_->reason());
  return parking_.finished_;
}

void Parking::Wait::await_suspend(std::coroutine_handle<> waiter) noexcept {
  parking_.waiter_ = waiter;
  parking_.deadline_ = deadline_;
  parking_.loop_.link(parking_);
  if (interrupts_ != nullptr) interrupts_->begin(&parking_);
}

Wake Parking::Wait::await_resume() noexcept {
  if (interrupts_ != nullptr) interrupts_->end();
  parking_.finished_ = false;
  return parking_.wake_;
}

}  // namespace talon::gateway
