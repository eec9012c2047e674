// epoll and a heap of timers; see waiting.h.
#include "tests/simulator/waiting.h"

#include <algorithm>

namespace talon::simulator {
namespace {

constexpr std::size_t k_events_at_once = 512;
constexpr std::int64_t k_longest_ms = 60'000;

}  // namespace

Waiting::Waiting() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

void Waiting::add(int fd, std::uint64_t id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void Waiting::change(int fd, std::uint64_t id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void Waiting::set_timer(std::uint64_t id, std::uint32_t ms) {
  timers_.push({std::chrono::steady_clock::now() + std::chrono::milliseconds(ms), id});
}

const std::vector<epoll_event>& Waiting::ready() {
  int timeout = -1;
  if (!timers_.empty()) {
    const auto left = timers_.top().when - std::chrono::steady_clock::now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    timeout = static_cast<int>(std::clamp<std::int64_t>(ms, 0, k_longest_ms));
  }
  events_.resize(k_events_at_once);
  const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout);
  events_.resize(static_cast<std::size_t>(std::max(count, 0)));
  return events_;
}

std::vector<std::uint64_t> Waiting::due() {
  std::vector<std::uint64_t> ids;
  if (timers_.empty()) return ids;
  const auto now = std::chrono::steady_clock::now();
  for (; !timers_.empty() && timers_.top().when <= now; timers_.pop()) ids.push_back(timers_.top().id);
  return ids;
}

}  // namespace talon::simulator
