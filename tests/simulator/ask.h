// What a request body asks for, as far as the simulator's answers depend on it. The scanner walks the
// top-level object without a tree, accepts every legal JSON text and some that are not.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace talon::simulator {

struct Ask {
  bool is_object = false;  /// the body is one JSON object from first to last byte
  std::string model;       /// unescaped
  bool stream = false;
  bool include_usage = false;
  std::size_t choices = 1;       /// `n`
  std::size_t inputs = 1;        /// texts in an embeddings `input`
  bool base64_vectors = false;   /// `encoding_format` is base64, as SDKs ask by default
  std::string first_tool;        /// name of the first tool, empty without `tools`
  bool has_tool_result = false;  /// a message answers a tool call already
};

[[nodiscard]] Ask read_ask(std::string_view body);

/// Writes `text` as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace talon::simulator
