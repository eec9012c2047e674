#include "core/random.h"

#include <cerrno>
#include <cstdlib>

#include <sys/random.h>

namespace talon::core {

void SystemRandom::fill(std::span<std::byte> out) noexcept {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // Without randomness no id, salt or key may be made.
    }
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace talon::core
