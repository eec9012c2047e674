// Just enough of any JSON (RFC 8259, canonical or not) to tell whether bundle.json is one at all and whether this
// version may judge it: its `format` and `needs`. Everything else reads the canonical form only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace talon::vault {

struct ManifestShape {
  std::optional<std::string> format;  ///< nullopt: absent or no string
  /// nullopt: absent, or not a sorted, unrepeated, non-empty array of strings (the check `meta` says so).
  std::optional<std::vector<std::string>> needs;
};

/// nullopt: not one JSON object in valid UTF-8 without byte order mark, or one that nests deeper than 256 (itself being
/// 1). Of repeated names the last counts.
[[nodiscard]] std::optional<ManifestShape> read_manifest_shape(std::string_view text);

}  // namespace talon::vault
