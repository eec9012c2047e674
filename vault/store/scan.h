// Walking a whole table in slices: at most 4,096 entries or 20 ms for each read transaction (evidence.md §4).
#pragma once

#include <functional>
#include <string_view>

#include "vault/store/environment.h"

namespace talon::vault {

enum class Walk { on, end };

/// Calls `entry` for the entries from `from` on, in key order, until it answers Walk::end. The transaction handed in
/// is the slice's: other tables may be read in it, and nothing slow may be done. What is added behind the walk while it
/// runs is not seen, what is added before it is.
[[nodiscard]] core::Result<void> walk_table(
    const Environment& environment, Table table, std::string_view from,
    const std::function<core::Result<Walk>(const ReadTxn& txn, const Entry& entry)>& entry);

}  // namespace talon::vault
