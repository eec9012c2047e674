// What the verifier looks at in a record, taken from its line in one strict pass, without building values: the common
// members (evidence.md §1) and those of a genesis.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/canonical_scan.h"

namespace talon::vault {

/// A string member as it stands in the line.
struct RawText {
  std::string_view raw;
  bool escaped = false;
  [[nodiscard]] std::string text() const { return core::unescape(raw, escaped); }
  /// Compares with text that is not escaped.
  [[nodiscard]] bool is(std::string_view other) const { return escaped ? text() == other : raw == other; }
};

/// The 128 bits of a ULID.
using UlidBits = std::array<std::uint64_t, 2>;
/// `ev_[0-7][0-9A-HJKMNP-TV-Z]{25}`.
[[nodiscard]] std::optional<UlidBits> evidence_id_bits(std::string_view text) noexcept;

/// Views into the line.
struct RecordFields {
  std::optional<std::int64_t> v, seq, time, clock;
  std::optional<RawText> id, kind, tenant;
  std::optional<RawText> origin, key, export_key;
  std::optional<UlidBits> id_bits;
  bool has_clock = false, has_tenant = false;

  /// What is wrong with the types of the common members, or nullptr.
  [[nodiscard]] const char* type_problem() const noexcept;
  /// What is wrong with `v` and `clock` though their types are right, or nullptr. Precondition: !type_problem().
  [[nodiscard]] const char* value_problem() const noexcept;
};

/// False when the line is not a canonical object: `scanner` tells why.
[[nodiscard]] bool read_record_fields(core::CanonicalScanner& scanner, RecordFields& fields) noexcept;

}  // namespace talon::vault
