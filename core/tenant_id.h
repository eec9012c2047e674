// TenantId: the name of one customer, and LogName: which evidence log a record belongs to.
//
// A tenant id is 1–128 Unicode code points of valid UTF-8 without control, bidi or line-separator
// characters and without white space at either end. It is compared by bytes and never normalised.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace talon::core {

class TenantId {
 public:
  /// Error: Code::invalid_tenant_id, with a sentence naming what is wrong.
  [[nodiscard]] static Result<TenantId> parse(std::string_view text);

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  /// Upper-case percent-encoding of every byte outside A-Za-z0-9._~- (file names, headers, comments).
  [[nodiscard]] std::string percent_encoded() const;

  friend auto operator<=>(const TenantId&, const TenantId&) = default;

 private:
  explicit TenantId(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string bytes_;
};

/// Percent-encodes as TenantId::percent_encoded does; for texts that are not tenant ids.
[[nodiscard]] std::string percent_encode(std::string_view text);
void append_percent_encoded(std::string& out, std::string_view text);
/// Decodes %XX once. Error: Code::invalid_request for a broken escape.
[[nodiscard]] Result<std::string> percent_decode(std::string_view text);

/// Name of one evidence log (evidence.md §2): a tenant's, the unattributed bucket's, or the operator's.
class LogName {
 public:
  [[nodiscard]] static LogName of(const TenantId& tenant) { return LogName(tenant.bytes()); }
  [[nodiscard]] static LogName unattributed() { return LogName({}); }
  [[nodiscard]] static LogName operator_log() { return LogName(std::string(1, '\0')); }

  /// The tenant id's bytes; empty for unattributed; one zero byte for the operator's log.
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool is_tenant() const noexcept { return !bytes_.empty() && bytes_[0] != '\0'; }
  [[nodiscard]] bool is_unattributed() const noexcept { return bytes_.empty(); }
  [[nodiscard]] bool is_operator() const noexcept { return bytes_.size() == 1 && bytes_[0] == '\0'; }

  friend auto operator<=>(const LogName&, const LogName&) = default;

 private:
  explicit LogName(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string bytes_;
};

}  // namespace talon::core

template <>
struct std::hash<talon::core::TenantId> {
  std::size_t operator()(const talon::core::TenantId& id) const noexcept {
    return std::hash<std::string>{}(id.bytes());
  }
};
template <>
struct std::hash<talon::core::LogName> {
  std::size_t operator()(const talon::core::LogName& name) const noexcept {
    return std::hash<std::string>{}(name.bytes());
  }
};
