// Lost indentation: YAML copied from a web page often arrives with every line at the left edge. The
// keys are still known and still in order, so where each belongs can be told from the schema; this
// is done line by line, over the text, because such a text is no YAML (or another one) any more.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/config_schema.h"

namespace talon::core {

struct Restored {
  struct Misplaced {
    std::string key;
    std::string owner;  ///< the key it belongs under; empty at the top level
    int line = 0;
    int column = 0;
  };
  struct Merged {
    std::string key;
    int first_line = 0;
    int line = 0;
    int column = 0;
  };
  struct Origin {
    int line = 0;   ///< of the file as it is; 0 for a line that was added
    int shift = 0;  ///< column there − column here
  };

  std::string text;                  ///< the file re-indented, two spaces a level
  std::vector<Misplaced> misplaced;  ///< keys that stand too far left for where they belong
  std::vector<Merged> merged;        ///< mappings and lists that were begun twice, now one
  std::optional<Place> odd_space;    ///< the first line indented with tabs or no-break spaces
  std::vector<Origin> origins;       ///< one for each line of `text`

  /// Where a place in `text` is in the file as it is.
  [[nodiscard]] Place original(Place place) const;
  [[nodiscard]] bool changed() const noexcept { return !misplaced.empty() || !merged.empty() || odd_space.has_value(); }
};

/// nullopt when the text holds something whose place cannot be told (block scalars, flow values over
/// several lines, nested lists, text that is no `key: value`).
[[nodiscard]] std::optional<Restored> restore_indentation(std::string_view yaml, Schema schema);

/// What to say about it, the restored file as the suggestion. Precondition: restored.changed().
[[nodiscard]] std::vector<Problem> diagnose(const Restored& restored, std::string_view file);

}  // namespace talon::core
