#include "vault/store/reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace talon::vault {

bool Reserve::ensure(std::uint64_t used) noexcept {
  const auto wanted = used + bytes_;
  if (end_ >= wanted) return true;
  // A step beyond what is needed, so that one call serves many commits.
  const auto step = std::clamp(bytes_ / 4, std::uint64_t{1} << 20, std::uint64_t{64} << 20);
  for (const auto target : {wanted + step, wanted}) {
    int error = EINTR;
    while (error == EINTR) {
      error = ::posix_fallocate(descriptor_, static_cast<off_t>(end_), static_cast<off_t>(target - end_));
    }
    if (error == 0) {
      end_ = target;
      return true;
    }
  }
  return false;
}

void Reserve::warm(std::uint64_t used) noexcept {
  static constexpr std::uint64_t k_chunk = 256 << 10;
  static constexpr std::array<char, k_chunk> k_zeros{};
  warm_ = std::max(warm_, used);
  if (warm_ - used >= 2 * k_chunk || warm_ + k_chunk > end_) return;
  if (::pwrite(descriptor_, k_zeros.data(), k_chunk, static_cast<off_t>(warm_)) != static_cast<ssize_t>(k_chunk))
    return;
  // Started now, it is mostly done when the next commit flushes.
  ::sync_file_range(descriptor_, static_cast<off_t>(warm_), static_cast<off_t>(k_chunk), SYNC_FILE_RANGE_WRITE);
  warm_ += k_chunk;
}

}  // namespace talon::vault
