// Canonical JSON lines (evidence.md §1; inside this profile RFC 8785, `jq -cS` and Python's
// json.dumps(sort_keys=True, ensure_ascii=False, separators=(",", ":")) give the same bytes).
//
// Names [a-z0-9_]+ in byte order, none twice; objects, arrays, strings, true, false, integers with
// |n| < 2^53; never null or fractions; no control characters; only \" and \\ are escaped; depth ≤ 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.h"

namespace talon::core {

class CanonicalValue;
using CanonicalArray = std::vector<CanonicalValue>;
using CanonicalObject = std::map<std::string, CanonicalValue, std::less<>>;

/// A parsed canonical value. Plain data.
class CanonicalValue {
 public:
  using Variant = std::variant<bool, std::int64_t, std::string, CanonicalArray, CanonicalObject>;
  CanonicalValue() : value_(false) {}
  CanonicalValue(Variant value) : value_(std::move(value)) {}  // NOLINT: a value is its content

  [[nodiscard]] const bool* boolean() const noexcept { return std::get_if<bool>(&value_); }
  [[nodiscard]] const std::int64_t* integer() const noexcept { return std::get_if<std::int64_t>(&value_); }
  [[nodiscard]] const std::string* string() const noexcept { return std::get_if<std::string>(&value_); }
  [[nodiscard]] const CanonicalArray* array() const noexcept { return std::get_if<CanonicalArray>(&value_); }
  [[nodiscard]] const CanonicalObject* object() const noexcept { return std::get_if<CanonicalObject>(&value_); }
  /// The member of an object, or nullptr (also when this is no object).
  [[nodiscard]] const CanonicalValue* find(std::string_view name) const noexcept;
  friend bool operator==(const CanonicalValue& a, const CanonicalValue& b) { return a.value_ == b.value_; }

 private:
  Variant value_;
};

inline constexpr std::size_t k_max_line = 65'535;
inline constexpr int k_max_depth = 8;
inline constexpr std::int64_t k_max_integer = (std::int64_t{1} << 53) - 1;

/// Parses one canonical line (without newline): one value of any type, so who needs an object asks
/// for object(). Any other spelling is an error (Code::invalid_json) naming the byte offset and
/// the rule. Bounded: never more than `max_bytes` in, never deeper than k_max_depth.
[[nodiscard]] Result<CanonicalValue> parse_canonical(std::string_view line, std::size_t max_bytes = k_max_line);
/// Strict about canonical form only, without building values (the verifier's fast pass).
[[nodiscard]] Result<void> check_canonical(std::string_view line, std::size_t max_bytes = k_max_line);
/// Writes a value canonically. Precondition: names and strings keep the profile's rules.
void write_canonical(const CanonicalValue& value, std::string& out);

/// Appends a quoted string: `text` must be valid UTF-8 without forbidden characters (see record_text).
void append_string(std::string& out, std::string_view text);
void append_integer(std::string& out, std::int64_t value);

}  // namespace talon::core
