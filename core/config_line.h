// One line of a YAML file taken apart without regard to the others: what restore_indentation works
// on. Views point into the text given.
#pragma once

#include <optional>
#include <string_view>

namespace talon::core {

struct ConfigLine {
  enum class Kind { blank, comment, content };
  Kind kind = Kind::content;
  int number = 0;          ///< 1-based
  bool dash = false;       ///< `- …`
  bool has_key = false;    ///< `key: …`, also behind a dash
  bool odd_space = false;  ///< indented with something else than spaces
  int dash_column = 0;
  int column = 0;          ///< of the key or the text, 1-based, in code points
  std::string_view key;    ///< as written, quotes included
  std::string_view value;  ///< behind the colon with its spaces; without a key all there is
};

/// nullopt for lines that cannot stand alone: nested dashes, block scalars, flow or quoted values that
/// go on below, anchors, aliases and tags.
[[nodiscard]] std::optional<ConfigLine> take_apart(std::string_view text, int number);

/// Whether something can follow below: nothing, or only a comment, stands behind the colon.
[[nodiscard]] bool opens_below(std::string_view value);

}  // namespace talon::core
