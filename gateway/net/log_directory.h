// LogDirectory: which evidence logs are known, and their content keys. A log that is not known yet gets
// its genesis through the journal first, which blocks: net/reader_thread.h runs open().
//
// Thread rule: any thread; workers keep what they were given.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "core/tenant_id.h"
#include "vault/vault.h"

namespace talon::gateway {

class LogDirectory {
 public:
  explicit LogDirectory(vault::Vault& vault) : vault_(vault) {}
  using Key = std::shared_ptr<const vault::ContentKey>;

  /// nullptr: not known here yet.
  [[nodiscard]] Key find(const core::LogName& log) const;
  /// A log that the configuration names: at the start, before any call. Blocks. Error: what the vault says.
  [[nodiscard]] core::Result<Key> open(const core::LogName& log);
  /// A log that a call names. At most `most` tenants appear by tag (interfaces.md §3, limits.tenants), those
  /// of earlier runs included. Blocks. Error: tenant_limit_exceeded, or what the vault says.
  [[nodiscard]] core::Result<Key> open_tagged(const core::LogName& log, std::size_t most);

 private:
  [[nodiscard]] core::Result<void> count_earlier();

  vault::Vault& vault_;
  mutable std::mutex mutex_;
  std::unordered_map<core::LogName, Key> keys_;  ///< under mutex_
  std::mutex opening_;                           ///< held while one is opened; find() never waits for it
  std::unordered_set<core::LogName> tagged_;     ///< under opening_: tenants' logs that no configuration names
  bool earlier_counted_ = false;                 ///< under opening_
};

}  // namespace talon::gateway
