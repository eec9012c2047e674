// The verifier's list of checks, in the order of evidence.md §6. A check nobody spoke about stays skipped; the first
// failure of each is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/bundle/verifier.h"

namespace talon::vault {

enum class CheckId : std::uint8_t {
  file,
  sums,
  minisig,
  meta,
  key,
  checkpoint,
  canonical,
  record,
  order,
  leaf,
  root,
  period,
};

/// What a check found wrong, and with what: a record or a file.
struct Finding {
  std::string where;
  std::string what;
};

class CheckList {
 public:
  CheckList();
  void pass(CheckId id);
  void fail(CheckId id, Finding finding);
  /// Passes without a finding.
  void settle(CheckId id, std::optional<Finding> finding);
  [[nodiscard]] bool passed(CheckId id) const { return of(id).status == CheckStatus::pass; }
  [[nodiscard]] bool any_failed() const;
  [[nodiscard]] std::vector<Check> take() { return std::move(checks_); }

 private:
  [[nodiscard]] const Check& of(CheckId id) const { return checks_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] Check& of(CheckId id) { return checks_[static_cast<std::size_t>(id)]; }
  std::vector<Check> checks_;
};

}  // namespace talon::vault
