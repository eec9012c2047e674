// See log_directory.h.
#include "gateway/net/log_directory.h"

namespace talon::gateway {

LogDirectory::Key LogDirectory::find(const core::LogName& log) const {
  const std::lock_guard lock(mutex_);
  const auto found = keys_.find(log);
  return found == keys_.end() ? nullptr : found->second;
}

core::Result<LogDirectory::Key> LogDirectory::open(const core::LogName& log) {
  {
    const std::lock_guard lock(mutex_);
    if (keys_.size() >= k_most && !keys_.contains(log)) {
      return core::fail(core::Code::tenant_limit_exceeded,
                        "Too many tenants are known here already; no new tenant id is taken.");
    }
  }
  auto key = vault_.content_key(log);
  if (!key) return core::fail(key.error());
  const std::lock_guard lock(mutex_);
  return keys_.try_emplace(log, std::move(*key)).first->second;
}

}  // namespace talon::gateway
