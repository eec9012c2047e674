// See log_directory.h.
#include "gateway/net/log_directory.h"

namespace talon::gateway {

LogDirectory::Key LogDirectory::find(const core::LogName& log) const {
  const std::lock_guard lock(mutex_);
  const auto found = keys_.find(log);
  return found == keys_.end() ? nullptr : found->second;
}

core::Result<LogDirectory::Key> LogDirectory::open(const core::LogName& log) {
  TALON_TRY(key, vault_.content_key(log));
  const std::lock_guard lock(mutex_);
  return keys_.try_emplace(log, std::move(key)).first->second;
}

core::Result<LogDirectory::Key> LogDirectory::open_tagged(const core::LogName& log, std::size_t most) {
  const std::lock_guard one_by_one(opening_);
  if (auto known = find(log)) return known;
  if (!log.is_tenant()) return open(log);
  TALON_TRY_VOID(count_earlier());
  if (!tagged_.contains(log) && tagged_.size() >= most) {
    return core::fail(core::Code::tenant_limit_exceeded,
                      "Too many tenants are known here already; no new tenant id is taken.");
  }
  TALON_TRY(key, open(log));
  tagged_.insert(log);
  return key;
}

/// What the configuration names is known by now; every other tenant in the vault came by tag.
core::Result<void> LogDirectory::count_earlier() {
  if (earlier_counted_) return {};
  TALON_TRY(logs, vault_.logs());
  const std::lock_guard lock(mutex_);
  for (auto& log : logs) {
    if (log.is_tenant() && !keys_.contains(log)) tagged_.insert(std::move(log));
  }
  earlier_counted_ = true;
  return {};
}

}  // namespace talon::gateway
