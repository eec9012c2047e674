// Query strings and path parameters: decoded once, and never guessed at. Unknown, repeated or malformed
// members are refused, never ignored (interfaces.md §4).
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace talon::gateway {

/// Members of a query, names and values decoded.
class Query {
 public:
  /// `raw` without '?'. Form encoding: `%XX` and '+' for a space. Every member is `name=value`.
  /// Error: invalid_request for broken escapes, invalid UTF-8, a member without '=', a repeated name,
  /// or a name that is not in `known`.
  [[nodiscard]] static core::Result<Query> parse(std::string_view raw, std::span<const std::string_view> known);
  [[nodiscard]] static core::Result<Query> parse(std::string_view raw, std::initializer_list<std::string_view> known) {
    return parse(raw, std::span(known.begin(), known.size()));
  }

  /// nullopt: absent; the empty text: given and empty (the two differ: acceptance.md V20).
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;

 private:
  std::vector<std::pair<std::string, std::string>> members_;
};

/// A path parameter decoded once: valid UTF-8. Error: invalid_request.
[[nodiscard]] core::Result<std::string> decode_path_parameter(std::string_view encoded);

}  // namespace talon::gateway
