// What the journal knows in memory, and how it comes back from disk at start: stored frontiers, then a replay of the
// rows behind them (at most k_max_unindexed), under the seal.
#pragma once

#include <cstring>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "vault/journal/log_numbers.h"
#include "vault/journal/log_tree.h"
#include "vault/log/key_ring.h"
#include "vault/store/environment.h"

namespace talon::vault {

/// One log as the journal keeps it.
struct OpenLog {
  core::LogName name = core::LogName::unattributed();
  std::uint64_t next_seq = 0;
  core::Instant newest;  ///< of its newest record
  bool newest_is_mark = false;
  LogTree tree;  ///< up to the indexed point
};

/// A record that the derived tables do not hold yet.
struct PendingRecord {
  LogNumber log{};
  std::uint64_t seq = 0;
  Position position = 0;
  core::Instant time;
  IdBytes id{};
  Hash leaf{};
};

struct IdHash {
  std::size_t operator()(const IdBytes& id) const noexcept {
    std::size_t value = 0;  // the low half of a ULID is random
    std::memcpy(&value, id.data() + 8, sizeof value);
    return value;
  }
};
using OpenIntents = std::unordered_map<IdBytes, Position, IdHash>;

struct JournalState {
  SealedState sealed;
  std::vector<OpenLog> logs;  ///< by number, from 1
  LogNumbers numbers;
  OpenIntents open_intents;
  std::set<IdBytes> stored_open_intents;  ///< what Table::open_intents holds
  std::vector<PendingRecord> pending;
  std::uint64_t indexed_rows = 0;

  [[nodiscard]] std::optional<LogNumber> number_of(const core::LogName& name) const {
    return numbers.find(name, [this](LogNumber number) -> const core::LogName& {
      return logs[static_cast<std::uint32_t>(number) - 1].name;
    });
  }
  /// False: the name has a number already.
  [[nodiscard]] bool add_number(const core::LogName& name, LogNumber number) {
    return numbers.add(name, number, [this](LogNumber other) -> const core::LogName& {
      return logs[static_cast<std::uint32_t>(other) - 1].name;
    });
  }
  [[nodiscard]] OpenLog& log(LogNumber number) { return logs[static_cast<std::uint32_t>(number) - 1]; }
  [[nodiscard]] std::uint64_t unindexed() const noexcept { return sealed.rows - indexed_rows; }
};

/// Reads the state and checks it: seals, chain and sequence of the unindexed rows, frontiers against index, numbers of
/// rows and logs. Error: vault_corrupt naming what contradicts what; nothing is changed.
[[nodiscard]] core::Result<JournalState> recover_state(const Environment& environment, const KeyRing& keys);

/// First c of the chain, bound to the vault's name.
[[nodiscard]] Hash chain_start(std::string_view vault_name);

}  // namespace talon::vault
