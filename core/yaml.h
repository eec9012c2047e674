// A YAML document as a plain tree in which every value knows its line and column. This is the only
// door to the YAML library, so its types, its silent ways and its exceptions stay behind it.
//
// Refused with a problem, never obeyed: duplicate keys at any depth (both lines are named), anchors,
// aliases, merge keys, tags, keys that are no plain text, a second document, control characters,
// invalid UTF-8. Aliases are never expanded, so an alias bomb costs what its text costs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"

namespace talon::core {

struct YamlMember;

struct YamlNode {
  enum class Kind { null, scalar, sequence, mapping };
  Kind kind = Kind::null;
  std::string text;                 ///< scalar: its text, quotes and escapes undone
  bool quoted = false;              ///< scalar: it stood in quotes
  int line = 0;                     ///< 1-based
  int column = 0;                   ///< 1-based, in code points
  std::vector<YamlNode> items;      ///< sequence
  std::vector<YamlMember> members;  ///< mapping, in file order, without the later one of duplicates

  [[nodiscard]] const YamlMember* find(std::string_view key) const noexcept;
};

struct YamlMember {
  std::string key;
  int line = 0;
  int column = 0;
  YamlNode value;
};

struct YamlDocument {
  YamlNode root;                  ///< what was read before an error; null for an empty file
  std::vector<Problem> problems;  ///< places carry the file's name
  bool complete = false;          ///< the text was read to its end
};

/// Files above this are refused unread.
inline constexpr std::size_t k_max_yaml = std::size_t{16} << 20;

/// Never throws.
[[nodiscard]] YamlDocument read_yaml(std::string_view text, std::string_view name);

}  // namespace talon::core
