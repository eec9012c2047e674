// What the checks of a bundle amount to: facts, exit, and the sentences beside them (evidence.md §6, §7).
#pragma once

#include <optional>

#include "vault/bundle/opened_bundle.h"
#include "vault/bundle/record_pass.h"
#include "vault/bundle/sums.h"
#include "vault/bundle/verifier.h"

namespace talon::vault {

/// `pass`: nullopt when the records could not be looked at.
[[nodiscard]] VerifyReport conclude(const OpenedBundle& bundle, const std::optional<RecordPass>& pass,
                                    const SumsResult& sums, const VerifyOptions& options, CheckList& checks);

}  // namespace talon::vault
