// The injected source of randomness. Thread rule: an instance belongs to one thread unless it says
// otherwise.
#pragma once

#include <cstddef>
#include <span>

namespace talon::core {

class Random {
 public:
  virtual ~Random() = default;
  /// Fills `out` with unpredictable bytes; never fails (the process ends if the system cannot).
  virtual void fill(std::span<std::byte> out) noexcept = 0;
};

/// getrandom(2). Thread-safe.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) noexcept override;
};

}  // namespace talon::core
