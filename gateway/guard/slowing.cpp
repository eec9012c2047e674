// See slowing.h.
#include "gateway/guard/slowing.h"

#include <algorithm>
#include <span>

namespace talon::gateway {
namespace {

/// splitmix64's finaliser: every bit of the input moves every bit of the output.
std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

Slowing::Slowing(core::Random& random) { random.fill(std::as_writable_bytes(std::span(&seed_, 1))); }

std::chrono::milliseconds Slowing::failed(std::string_view peer, core::Micros now) noexcept {
  std::uint64_t hash = mix(seed_ ^ peer.size());
  for (const char byte : peer) hash = mix(hash ^ static_cast<unsigned char>(byte));
  std::int64_t& until = until_[hash % k_slots];
  until = std::max(until, now.count) + k_interval.count;
  const std::int64_t over = until - now.count - k_burst * k_interval.count;
  if (over <= 0) return std::chrono::milliseconds{0};
  // Who goes on is not owed more waiting than the longest wait: after a pause all begins anew.
  until = std::min(until, now.count + k_burst * k_interval.count + k_longest.count);
  return std::chrono::milliseconds{std::min(over, k_longest.count) / 1'000};
}

}  // namespace talon::gateway
