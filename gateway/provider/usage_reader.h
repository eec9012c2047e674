// Reading a `usage` object where a cursor stands; shared by whole answers and stream chunks.
#pragma once

#include <optional>

#include "core/evidence_record.h"

namespace talon::gateway {

class JsonCursor;

/// Takes the value; `into` is set when it is an object with counts (OpenAI's names) that make sense; negative,
/// fractional and absurd ones do not. False: malformed.
[[nodiscard]] bool read_usage(JsonCursor& cursor, std::optional<core::Usage>& into);

}  // namespace talon::gateway
