// Whether a call that did not go well at the provider is tried again, and after which pause. Decisions only: the
// waiting is exchange_forward.cpp's.
//
// Tried again are answers that say "later" or "my fault" (408, 409, 429, 5xx) and connections that did not come to be;
// never a request that may have been worked on without an answer (a cut connection, a silence), and nothing once a byte
// of an answer went to the client. The last answer is the client's, as it came.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/random.h"
#include "core/time.h"
#include "gateway/http/message.h"

namespace talon::gateway {

/// Every try, and every fresh connection in place of a dead one, stands in the record.
inline constexpr std::size_t k_max_attempts = 32;
inline constexpr int k_most_retries = 10;

[[nodiscard]] bool may_retry_status(int status) noexcept;
/// `error` is what came of connecting; of a provider's place, not of ours.
[[nodiscard]] bool may_retry_connect(core::Code error) noexcept;

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date, from which `now` is subtracted. nullopt: none, or unreadable.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const Fields& fields, core::Instant now);

struct RetryState {
  int max_retries = 0;
  int retries_made = 0;
  std::chrono::milliseconds time_left{0};  ///< of the call's deadline
};
/// The pause before the next try; nullopt: there is none. `asked`: the provider's Retry-After, kept to exactly; a wait
/// that does not fit into the time left is not begun. Else 0.5 s, doubled with each retry up to 8 s, less up to a
/// quarter of it by chance, so that those who failed together do not come back together.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_pause(const RetryState& state,
                                                                   std::optional<std::chrono::milliseconds> asked,
                                                                   core::Random& random);

}  // namespace talon::gateway
