#include "vault/log/sodium_ready.h"

#include <sodium.h>

#include <cstdio>
#include <cstdlib>

namespace talon::vault {

void sodium_ready() noexcept {
  static const bool ready = sodium_init() >= 0;
  if (!ready) {
    std::fputs("talon: libsodium cannot be initialised\n", stderr);
    std::abort();
  }
}

}  // namespace talon::vault
