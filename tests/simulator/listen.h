// Opens the simulator's listening socket.
#pragma once

#include <string>

#include "tests/simulator/server.h"

namespace talon::simulator {

/// A non-blocking listening socket, or -1 with errno set. `address` is what to print: HOST:PORT with the real
/// port, or unix:PATH. Raises the soft limit of open files to the hard one on the way.
[[nodiscard]] int open_listener(const Options& options, std::string& address);

}  // namespace talon::simulator
