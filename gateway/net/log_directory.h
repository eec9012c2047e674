// LogDirectory: which evidence logs are known, and their content keys. A log that is not known yet gets
// its genesis through the journal first, which blocks: net/reader_thread.h runs open().
//
// Thread rule: any thread; workers keep what they were given.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/error.h"
#include "core/tenant_id.h"
#include "vault/vault.h"

namespace talon::gateway {

class LogDirectory {
 public:
  /// At most so many tenants appear by tag (interfaces.md §3, limits.tenants).
  static constexpr std::size_t k_most = 100'000;

  explicit LogDirectory(vault::Vault& vault) : vault_(vault) {}
  using Key = std::shared_ptr<const vault::ContentKey>;

  /// nullptr: not known here yet.
  [[nodiscard]] Key find(const core::LogName& log) const;
  /// Blocks. Error: tenant_limit_exceeded, or what the vault says.
  [[nodiscard]] core::Result<Key> open(const core::LogName& log);

 private:
  vault::Vault& vault_;
  mutable std::mutex mutex_;
  std::unordered_map<core::LogName, Key> keys_;
};

}  // namespace talon::gateway
