// The simulator's event loop: one thread, epoll, level-triggered. A well-behaved keep-alive request costs one
// recv and one send, so that the simulator can stand as the `direct` baseline of a benchmark.
#pragma once

#include <string>

#include "tests/simulator/state.h"

namespace talon::simulator {

struct Options {
  std::string host = "127.0.0.1";
  unsigned port = 0;      /// 0: any free one
  std::string unix_path;  /// given: a unix socket instead of TCP
  bool keep = false;
};

/// Listens, prints one line `listening HOST:PORT` (or `listening unix:PATH`) on stdout and serves until
/// SIGTERM or SIGINT. Returns the exit code; what went wrong is said on stderr.
[[nodiscard]] int serve(const Options& options);

}  // namespace talon::simulator
