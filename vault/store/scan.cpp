#include "vault/store/scan.h"

#include <chrono>
#include <string>

namespace talon::vault {

core::Result<void> walk_table(const Environment& environment, Table table, std::string_view from,
                              const std::function<core::Result<Walk>(const ReadTxn&, const Entry&)>& entry) {
  std::string resume(from);
  for (;;) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
    TALON_TRY(txn, environment.read());
    TALON_TRY(cursor, txn.cursor(table));
    // LMDB takes no empty key.
    auto at = resume.empty() ? cursor.first() : cursor.at_or_after(resume);
    for (std::size_t seen = 0;; ++seen, at = cursor.next()) {
      if (!at) return core::fail(at.error());
      if (!*at) return {};
      const bool pause = seen >= 4096 || (seen % 64 == 63 && std::chrono::steady_clock::now() >= until);
      if (pause) {
        resume = (*at)->key;
        break;
      }
      TALON_TRY(walk, entry(txn, **at));
      if (walk == Walk::end) return {};
    }
  }
}

}  // namespace talon::vault
