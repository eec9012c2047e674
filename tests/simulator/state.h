// What the simulator remembers across connections: requests received (only with --keep), counters,
// the script of coming answers and the stored objects. One thread uses it; no locks.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tests/simulator/answer.h"
#include "tests/simulator/behaviour.h"
#include "tests/simulator/request.h"

namespace talon::simulator {

struct Kept {
  Request request;
  std::uint64_t connection = 0;
  std::uint64_t number = 0;  /// counts up from 1 since start, never reset
  std::int64_t time_us = 0;  /// Unix time of arrival
};

struct Counters {
  std::uint64_t requests = 0;     /// provider requests read completely, control requests not counted
  std::uint64_t connections = 0;  /// accepted
  std::uint64_t open = 0;         /// connections now, the one asking included
  std::uint64_t inflight = 0;     /// answers begun and not ended
  std::uint64_t held = 0;         /// of these, waiting for /__sim/release
  std::uint64_t answered = 0;     /// answers sent to their planned end
  std::uint64_t aborted = 0;      /// the peer closed while its answer was under way
};

struct State {
  bool keep = false;
  Counters counters;
  std::vector<Kept> kept;
  std::size_t kept_bytes = 0;
  std::uint64_t not_kept = 0;    /// dropped at the bound of 1 GiB
  std::deque<Behaviour> script;  /// one for each coming provider request
  Objects objects;
  bool holds_off = false;  /// `release?forever=1`: hold no longer holds

  void remember(const Request& request, std::uint64_t connection);
};

/// True for targets under `/__sim/`.
[[nodiscard]] bool is_control(const Request& request);

/// Answers a control request. `release` is set to the number of held answers to let go (SIZE_MAX: all).
[[nodiscard]] Answer control(const Request& request, State& state, std::size_t& release);

}  // namespace talon::simulator
