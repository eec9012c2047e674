// What the simulator's loop waits for: readiness of descriptors (epoll, level-triggered) and timers, both known
// by a number that is never reused.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <queue>
#include <vector>

namespace talon::simulator {

class Waiting {
 public:
  Waiting();

  void add(int fd, std::uint64_t id, std::uint32_t events);
  void change(int fd, std::uint64_t id, std::uint32_t events);
  /// Fires once, `ms` from now; 0: in the next round, after all that is ready now had its turn.
  void set_timer(std::uint64_t id, std::uint32_t ms);

  /// Waits until something is ready or due, at most a minute. `data.u64` of an event is the id.
  [[nodiscard]] const std::vector<epoll_event>& ready();
  /// Ids whose timers are due; each is told once.
  [[nodiscard]] std::vector<std::uint64_t> due();

 private:
  struct Timer {
    std::chrono::steady_clock::time_point when;
    std::uint64_t id;
    bool operator<(const Timer& other) const { return when > other.when; }  // earliest on top
  };

  int epoll_;
  std::vector<epoll_event> events_;
  std::priority_queue<Timer> timers_;
};

}  // namespace talon::simulator
