// What the loop and a socket share about one descriptor: for loop.cpp and socket.cpp only.
#pragma once

#include <coroutine>

#include "gateway/net/socket.h"

namespace talon::gateway {

/// Readiness as the edges told it and reads and writes used it up.
struct SocketState final : Waiting {
  SocketState(Loop& on, int fd) : loop(on), descriptor(fd) {}

  void interrupt(Wake why) noexcept override;
  /// New edges, as epoll reports them.
  void edges(std::uint32_t events) noexcept;

  Loop& loop;
  int descriptor;
  bool can_read = false;
  bool can_write = false;
  bool peer_closed = false;  ///< it sends no more
  std::coroutine_handle<> waiter;
  bool waits_to_read = false;
  Wake wake = Wake::ready;
  Deadline deadline;
  Interrupts* when_peer_closes = nullptr;
  SocketState* previous = nullptr;
  SocketState* next = nullptr;
};

}  // namespace talon::gateway
