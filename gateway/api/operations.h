// Operations: what the admin routes ask of the running server.
#pragma once

#include "core/error.h"
#include "core/tenant_id.h"

namespace talon::gateway {

/// Implemented by Server. Thread rule: the admin thread; each call blocks until it is done.
class Operations {
 public:
  virtual ~Operations() = default;
  /// Reads the configuration again, checks it whole and swaps it in as one generation; what runs keeps the old one.
  /// Error: config_invalid naming file and place, and nothing has changed.
  [[nodiscard]] virtual core::Result<void> reload() = 0;
  /// As SIGTERM: stop accepting, finish what runs, end. Returns at once.
  virtual void drain() = 0;
  /// Something about this tenant's account changed: every worker drops what it keeps of it before this returns, so that
  /// the next request sees the change.
  virtual void tenant_changed(const core::TenantId& tenant) = 0;
};

}  // namespace talon::gateway
