// See loop.h.
#include "gateway/net/loop.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "gateway/net/loop_context.h"

namespace talon::gateway {
namespace {

std::int64_t monotonic_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

void Loop::Context::arm(Loop& loop) {
  timer.expires_after(k_tick);
  timer.async_wait([this, &loop](boost::system::error_code error) {
    if (error) return;
    now_ms = monotonic_ms();
    sweep();
    loop.sweep_parked();
    if (tick) tick();
    arm(loop);
  });
}

Loop::Loop() : context_(std::make_unique<Context>()) {
  context_->now_ms = monotonic_ms();
  context_->arm(*this);
}
Loop::~Loop() = default;

void Loop::run() { context_->io.run(); }
void Loop::stop() { context_->io.stop(); }
void Loop::post(std::move_only_function<void()> work) { boost::asio::post(context_->io, std::move(work)); }
void Loop::on_tick(std::move_only_function<void()> work) { context_->tick = std::move(work); }

Deadline Loop::in(std::chrono::milliseconds time) const noexcept {
  return {context_->now_ms + time.count() + k_tick.count()};
}
bool Loop::passed(Deadline deadline) const noexcept { return deadline.at != 0 && deadline.at <= context_->now_ms; }
std::int64_t Loop::now_ms() const noexcept { return context_->now_ms; }

}  // namespace talon::gateway
