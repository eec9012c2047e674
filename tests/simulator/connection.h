// One accepted connection: bytes that came in, the steps of the answer under way. Plain data; server.cpp drives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulator/plan.h"
#include "tests/simulator/request.h"

namespace talon::simulator {

struct Connection {
  /// `end`: the answer is out, the peer's bytes are thrown away until it closes.
  enum class Wants { request, writable, timer, release, nothing, end };

  int fd = -1;
  std::uint64_t id = 0;  /// also what epoll and timers carry: a reused fd is not mistaken
  std::string in;        /// received, not yet parsed
  Request request;       /// the request being read or answered; buffers are reused
  bool continue_sent = false;
  std::vector<Step> steps;  /// the answer; empty between answers
  std::size_t step = 0;
  std::size_t sent = 0;  /// of the current `bytes` step
  bool early = false;    /// answers before the body was read
  bool counts = false;   /// the answer counts as in flight
  Wants wants = Wants::request;
  std::uint32_t watched = 0;               /// events epoll watches now
  Step::Kind on_next = Step::Kind::bytes;  /// close_next or reset_next is armed; `bytes`: nothing is
};

}  // namespace talon::simulator
