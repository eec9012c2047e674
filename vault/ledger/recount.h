// Recount: the roll-ups as the records themselves give them, to compare with what is stored.
#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "vault/ledger/rollup.h"
#include "vault/store/environment.h"

namespace talon::vault {

class Recount {
 public:
  /// One record row, in global order. Error: vault_corrupt when its line is no record.
  [[nodiscard]] core::Result<void> add(const RowHeader& header, const core::RecordSummary& summary);

  /// What a stored row ought to hold; nullopt: no such row ought to exist. Marks it as seen.
  [[nodiscard]] std::optional<std::string> expected_rollup(std::string_view key);
  [[nodiscard]] std::optional<std::string> expected_session(std::string_view key);
  /// Keys that nobody has asked for: rows that ought to exist and were not met.
  [[nodiscard]] std::vector<std::string> unseen_rollups() const;
  [[nodiscard]] std::vector<std::string> unseen_sessions() const;

 private:
  template <class T>
  struct Counted {
    T sums;
    bool seen = false;
  };
  std::unordered_map<std::string, Counted<Lifetime>> lifetimes_;  ///< by stored key, as are the others
  std::unordered_map<std::string, Counted<DayCell>> cells_;
  std::unordered_map<std::string, Counted<SessionRow>> sessions_;
  std::unordered_map<std::string, std::string> name_keys_;  ///< hashed names, so that each is hashed once
  /// The cell of the record before, for each dimension: mostly the same one again.
  struct Recent {
    std::string spelled;
    Counted<DayCell>* cell = nullptr;
  };
  std::array<Recent, 4> recent_;
  std::string scratch_;
};

}  // namespace talon::vault
