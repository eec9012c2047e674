// See loop.h.
#include "gateway/net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <span>
#include <utility>

#include "gateway/net/deferred.h"
#include "gateway/net/parking.h"
#include "gateway/net/socket_state.h"

namespace talon::gateway {
namespace {

constexpr std::size_t k_events = 256;

constexpr std::int64_t k_us_per_ms = 1'000;

std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// epoll_wait(2), to the microsecond where the kernel can (Linux 5.11).
int wait_for_events(int epoll, std::span<epoll_event> events, std::int64_t wait_us) noexcept {
  static constinit std::atomic<bool> exact{true};
  const int room = static_cast<int>(events.size());
  if (exact.load(std::memory_order_relaxed)) {
    constexpr std::int64_t k_us_per_s = 1'000'000;
    const timespec wait{wait_us / k_us_per_s, wait_us % k_us_per_s * k_us_per_ms};
    const int count = epoll_pwait2(epoll, events.data(), room, &wait, nullptr);
    if (count >= 0 || errno == EINTR) return count;
    exact.store(false, std::memory_order_relaxed);
  }
  return epoll_wait(epoll, events.data(), room, static_cast<int>((wait_us + k_us_per_ms - 1) / k_us_per_ms));
}

}  // namespace

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), wakeup_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  turn_us_ = monotonic_us();
  now_ms_ = turn_us_ / k_us_per_ms;
  next_tick_ms_ = now_ms_ + k_tick.count();
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event);
}

Loop::~Loop() {
  ::close(wakeup_);
  ::close(epoll_);
}

void Loop::add(SocketState& socket) {
  socket.next = sockets_;
  if (sockets_ != nullptr) sockets_->previous = &socket;
  sockets_ = &socket;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &socket;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.descriptor, &event);
}

void Loop::remove(SocketState& socket) noexcept {
  (socket.previous != nullptr ? socket.previous->next : sockets_) = socket.next;
  if (socket.next != nullptr) socket.next->previous = socket.previous;
  std::replace(batch_.begin(), batch_.end(), &socket, static_cast<SocketState*>(nullptr));
  // A duplicate of the descriptor may live on elsewhere (the listeners'): closing would not be enough.
  epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.descriptor, nullptr);
}

void Loop::link(Parking& parking) noexcept {
  parking.previous_ = nullptr;
  parking.next_ = parked_;
  if (parked_ != nullptr) parked_->previous_ = &parking;
  parked_ = &parking;
}

void Loop::unlink(Parking& parking) noexcept {
  (parking.previous_ != nullptr ? parking.previous_->next_ : parked_) = parking.next_;
  if (parking.next_ != nullptr) parking.next_->previous_ = parking.previous_;
}

Deferred::~Deferred() {
  if (loop_ != nullptr) loop_->forget(*this);
}

void Loop::defer(Deferred& work) noexcept {
  work.loop_ = this;
  work.due_us_ = turn_us_ + k_moment.count();
  work.next_ = nullptr;
  work.previous_ = newest_;
  (newest_ != nullptr ? newest_->next_ : oldest_) = &work;
  newest_ = &work;
}

core::Micros Loop::waited(const Deferred& work) noexcept {
  return {monotonic_us() - (work.due_us_ - k_moment.count())};
}

void Loop::forget(Deferred& work) noexcept {
  (work.previous_ != nullptr ? work.previous_->next_ : oldest_) = work.next_;
  (work.next_ != nullptr ? work.next_->previous_ : newest_) = work.previous_;
  work.loop_ = nullptr;
}

/// With the oldest all that earlier turns deferred: one commit of the journal then serves them together.
void Loop::run_deferred() {
  if (oldest_ == nullptr || oldest_->due_us_ > turn_us_) return;
  while (oldest_ != nullptr && oldest_->due_us_ < turn_us_ + k_moment.count()) {
    Deferred& work = *oldest_;
    forget(work);
    work.run();
  }
}

void Loop::post(std::move_only_function<void()> work) { static_cast<void>(post_if_running(std::move(work))); }

bool Loop::post_if_running(std::move_only_function<void()> work) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    was_empty = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (was_empty) eventfd_write(wakeup_, 1);
  return true;
}

void Loop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(wakeup_, 1);
}

void Loop::run_posted() {
  std::vector<std::move_only_function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (auto& one : work) one();
}

void Loop::run_soon() {
  // What these add waits for the next turn: nobody starves the sockets. Both lists keep their memory.
  now_.swap(soon_);
  for (const auto waiter : now_) waiter.resume();
  now_.clear();
}

/// Deadlines: interrupting only schedules, so the lists do not change under the sweep (but for the one
/// that leaves).
void Loop::sweep() noexcept {
  for (SocketState* socket = sockets_; socket != nullptr; socket = socket->next) {
    if (socket->waiter && passed(socket->deadline)) socket->interrupt(Wake::timeout);
  }
  for (Parking* parking = parked_; parking != nullptr;) {
    Parking* next = parking->next_;
    if (passed(parking->deadline_)) parking->interrupt(Wake::timeout);
    parking = next;
  }
}

std::int64_t Loop::longest_wait_us() const noexcept {
  if (!soon_.empty()) return 0;
  auto until = next_tick_ms_ * k_us_per_ms;
  if (oldest_ != nullptr) until = std::min(until, oldest_->due_us_);
  return std::clamp<std::int64_t>(until - monotonic_us(), 0, k_tick.count() * k_us_per_ms);
}

void Loop::dispatch() {
  std::array<epoll_event, k_events> events;
  const int count = wait_for_events(epoll_, events, longest_wait_us());
  turn_us_ = monotonic_us();
  batch_.clear();
  for (int i = 0; i < count; ++i)
    batch_.push_back(static_cast<SocketState*>(events[static_cast<std::size_t>(i)].data.ptr));
  bool woken = false;
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    // The wake-up's own event has no socket, nor has one that was closed by an earlier event's work.
    woken = woken || events[i].data.ptr == nullptr;
    if (batch_[i] != nullptr) batch_[i]->edges(events[i].events);
  }
  batch_.clear();
  if (!woken) return;
  eventfd_t ignored = 0;
  eventfd_read(wakeup_, &ignored);
  run_posted();
}

void Loop::run() {
  for (;;) {
    dispatch();
    run_soon();
    run_deferred();
    if (const auto now = monotonic_us() / k_us_per_ms; now >= next_tick_ms_) {
      now_ms_ = now;
      next_tick_ms_ = now + k_tick.count();
      sweep();
      if (tick_) tick_();
    }
    const std::lock_guard lock(mutex_);
    ended_ = stopping_;
    if (ended_) break;
  }
  run_posted();  // somebody may wait for what came with the last turn
}

}  // namespace talon::gateway
