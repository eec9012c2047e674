// What is inside a Loop: for loop.cpp and socket.cpp only, which are all that see Asio.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>

#include "gateway/net/loop.h"
#include "gateway/net/socket.h"

namespace talon::gateway {

struct Loop::Context {
  // Hint 1: one thread runs it (others only post).
  boost::asio::io_context io{1};
  boost::asio::steady_timer timer{io};
  std::move_only_function<void()> tick;
  std::int64_t now_ms = 0;
  Socket::Impl* first = nullptr;  ///< all sockets of this loop, for the deadline sweep

  void arm(Loop& loop);
  void sweep();
};

}  // namespace talon::gateway
