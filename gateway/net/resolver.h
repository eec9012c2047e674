// Resolver: getaddrinfo(3) blocks, so names are looked up on threads of their own, a few at a time. A wait
// has a deadline; a look-up that nobody waits for any more finishes by itself.
//
// Thread rule: one resolver for all workers; resolve() may be awaited on any of their loops. It must go
// before the loops do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "gateway/net/address.h"
#include "gateway/net/socket.h"
#include "gateway/net/task.h"

namespace talon::gateway {

class Resolver {
 public:
  static constexpr std::size_t k_threads = 4;
  static constexpr std::size_t k_queue = 1'024;

  Resolver();
  ~Resolver();

  /// Error: provider_error (no such host), overloaded (too many look-ups wait), provider_timeout, cancelled.
  [[nodiscard]] Task<core::Result<std::vector<Address>>> resolve(Loop& loop, std::string host, std::uint16_t port,
                                                                 Deadline deadline, Interrupts& interrupts);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace talon::gateway
