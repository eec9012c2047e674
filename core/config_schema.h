// Schema: which keys a YAML file may hold, and in which shape. One table serves the check for
// unknown and later keys, the "did you mean", and the restoring of a lost indentation.
#pragma once

#include <span>
#include <string_view>

#include "core/config_report.h"
#include "core/yaml.h"

namespace talon::core {

enum class Shape {
  scalar,
  list,     ///< of scalars; with `members`, an entry may also be a mapping
  mapping,  ///< with the keys of `members`
  names,    ///< a mapping with names of the user's choice, each value a mapping with `members`
  rows,     ///< a list of mappings with `members`
};

enum class Since { now, later };

struct SchemaKey {
  std::string_view name;
  Shape shape = Shape::scalar;
  Since since = Since::now;
  std::span<const SchemaKey> members{};
};
using Schema = std::span<const SchemaKey>;

[[nodiscard]] const SchemaKey* find_key(Schema schema, std::string_view name) noexcept;

/// Every key of talon.yaml, those of later versions included.
[[nodiscard]] Schema config_schema() noexcept;
/// Every key of core/tiers.yaml: `tiers:` alone.
[[nodiscard]] Schema tier_schema() noexcept;
/// Every key of a pricing file.
[[nodiscard]] Schema pricing_schema() noexcept;

/// How far a text is from what the schema describes, for the one who wonders whether its indentation
/// was lost: unfamiliar = unknown or later keys; broken = keys that belong elsewhere, other shapes.
enum class Structure { sound, unfamiliar, broken };

/// Reports unknown keys (with a suggestion), keys of later versions and values of another shape,
/// at every depth. A key with nothing behind it counts as not written.
[[nodiscard]] Structure check_keys(const YamlNode& root, Schema schema, Report& report);

}  // namespace talon::core
