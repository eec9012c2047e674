// JSON written by appending: no document is built for what is written once.
//
//   JsonObject object(out);
//   object.text("name", name);
//   JsonObject inner(object.member("limits")); … inner.end();
//   object.end();
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/money.h"
#include "core/tenant_id.h"
#include "core/time.h"
#include "gateway/http/error_envelope.h"

namespace talon::gateway {

/// One JSON object, member by member. `out` outlives it.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  void end() { out_ += '}'; }

  /// The value follows, appended to what this returns.
  std::string& member(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_quoted(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json_quoted(member(name), value); }
  void number(std::string_view name, std::int64_t value) { member(name) += std::to_string(value); }
  void boolean(std::string_view name, bool value) { member(name) += value ? "true" : "false"; }
  void money(std::string_view name, core::NanoUsd value) { member(name) += value.to_decimal(); }
  void null(std::string_view name) { member(name) += "null"; }
  void text_or_null(std::string_view name, std::string_view value) { value.empty() ? null(name) : text(name, value); }
  /// With milliseconds, null for none.
  void instant(std::string_view name, const std::optional<core::Instant>& at) {
    at ? text(name, core::to_rfc3339_millis(*at)) : null(name);
  }
  /// In whole seconds, as the guides show some.
  void seconds(std::string_view name, const std::optional<core::Instant>& at) {
    at ? text(name, core::to_rfc3339_seconds(*at)) : null(name);
  }
  void tenant(const std::optional<core::TenantId>& tenant) {
    tenant ? text("tenant_id", tenant->bytes()) : null("tenant_id");
  }

 private:
  std::string& out_;
  bool first_ = true;
};

/// Appends the elements of a range, each by `one`, with commas between them.
template <class Range, class One>
void append_list(std::string& out, const Range& range, One&& one) {
  bool first = true;
  for (const auto& element : range) {
    if (!first) out += ',';
    first = false;
    one(element);
  }
}

}  // namespace talon::gateway
