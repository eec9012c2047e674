// An intent as a row's payload: all that its `interrupted` record needs if Talon dies before the outcome.
//
//   4 × u32 length, then the four pieces of the line | u8 flags | i64 cost | 5 × (u32 length, text): caller, provider,
//   model, session, project | u8 modality (an earlier version ends with the session)
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vault/journal/journal.h"

namespace talon::vault {

struct StoredIntent {
  core::UnsequencedLine line;
  RollupChange rollup;
};

void encode_intent(const core::UnsequencedLine& line, const RollupChange& rollup, std::string& out);
/// nullopt: not an intent.
[[nodiscard]] std::optional<StoredIntent> decode_intent(std::string_view payload);

}  // namespace talon::vault
