// libsodium wants sodium_init() before first use, once per process; every user in vault/log calls this.
#pragma once

namespace talon::vault {

/// Any thread, any number of times; cheap after the first. Ends the process when libsodium cannot start
/// (no source of randomness): nothing it would answer afterwards could be trusted.
void sodium_ready() noexcept;

}  // namespace talon::vault
