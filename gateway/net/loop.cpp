// See loop.h.
#include "gateway/net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/net/parking.h"
#include "gateway/net/socket_state.h"

namespace talon::gateway {
namespace {

constexpr std::size_t k_events = 256;

std::int64_t monotonic_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), wakeup_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  now_ms_ = monotonic_ms();
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

void Loop::dispatch() {
  std::array<epoll_event, k_events> events;
  const auto until_tick = std::clamp<std::int64_t>(next_tick_ms_ - monotonic_ms(), 0, k_tick.count());
  const int timeout = soon_.empty() ? static_cast<int>(until_tick) : 0;
  const int count = epoll_wait(epoll_, events.data(), k_events, timeout);
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
    if (const auto now = monotonic_ms(); now >= next_tick_ms_) {
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
