// Slowing: who tries keys that are not known here waits longer and longer, up to a second an answer. Only attempts that
// fail are slowed; a valid key from the same address never is.
//
//   const auto wait = slowing.failed(peer, now);      // zero for the first k_burst of an address
//
// A fixed table of counters by a keyed hash of the address: memory is bounded, and two addresses that share a counter
// are at worst both slow at failing. One instance per worker. Pure, with injected time.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/random.h"
#include "core/time.h"

namespace talon::gateway {

class Slowing {
 public:
  static constexpr std::int64_t k_burst = 300;         ///< failures at once that are answered at once
  static constexpr core::Micros k_interval{20'000};    ///< and one more for each of these
  static constexpr core::Micros k_longest{1'000'000};  ///< that an answer waits

  explicit Slowing(core::Random& random);

  /// How long the answer to one more failure waits. `peer`: the bytes of an IPv4 address, of an IPv6 network (/64), or
  /// nothing for a local socket.
  [[nodiscard]] std::chrono::milliseconds failed(std::string_view peer, core::Micros now) noexcept;

 private:
  static constexpr std::size_t k_slots = 4'096;
  std::uint64_t seed_ = 0;
  /// When each slot's failures would all have been allowed for (a virtual scheduling clock, as in GCRA).
  std::array<std::int64_t, k_slots> until_{};
};

}  // namespace talon::gateway
