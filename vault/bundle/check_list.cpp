#include "vault/bundle/check_list.h"

#include <algorithm>

namespace talon::vault {

CheckList::CheckList() {
  for (const std::string_view id : {"file", "sums", "minisig", "meta", "key", "checkpoint", "canonical", "record",
                                    "order", "leaf", "root", "period"}) {
    checks_.push_back({std::string(id), CheckStatus::skip, std::nullopt, {}});
  }
}

void CheckList::pass(CheckId id) {
  if (of(id).status == CheckStatus::skip) of(id).status = CheckStatus::pass;
}

void CheckList::fail(CheckId id, Finding finding) {
  Check& check = of(id);
  if (check.status == CheckStatus::fail) return;
  check.status = CheckStatus::fail;
  check.first_bad = std::move(finding.where);
  check.detail = std::move(finding.what);
}

void CheckList::settle(CheckId id, std::optional<Finding> finding) {
  if (finding) {
    fail(id, std::move(*finding));
  } else {
    pass(id);
  }
}

bool CheckList::any_failed() const {
  return std::any_of(checks_.begin(), checks_.end(),
                     [](const Check& check) { return check.status == CheckStatus::fail; });
}

}  // namespace talon::vault
