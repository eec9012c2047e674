// How one answer is to be given: the grammar of `X-Sim`, of model names and of script lines, as a value.
// README.md beside this file is the reference; k_grammar below is what --help prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace talon::simulator {

enum class Deed { cut, reset, never, hold };

/// A place in the answer. `mid` is half of the body, `end` is after all of the body's payload but before the
/// bytes that tell the reader it is over (last chunk, or the last byte of a length-framed body).
enum class Place { before, head, body, unit, mid, end, after, next };

/// One interruption: `unit` counts bytes of a JSON body and events of a stream.
struct Break {
  Deed deed;
  Place place;
  std::size_t unit = 0;
};

enum class Framing { automatic, length, chunked, close };

struct Behaviour {
  std::uint32_t delay_ms = 0;  /// before the first byte
  bool has_trickle = false;    /// the body leaves in pieces of `step` bytes
  std::uint32_t trickle_ms = 0;
  std::size_t step = 1;
  bool has_trickle_head = false;  /// the head leaves byte by byte
  std::uint32_t trickle_head_ms = 0;
  bool has_interval = false;  /// stream events leave one by one
  std::uint32_t interval_ms = 0;
  std::vector<Break> breaks;  /// in the order in which they were named

  unsigned status = 0;  /// 0: the status that belongs to the answer
  std::string retry_after;
  std::string error_code = "simulated";
  std::string malformed;          /// a kind from README.md
  std::size_t informational = 0;  /// a 1xx response before the real one
  std::vector<std::pair<std::string, std::string>> headers;
  Framing framing = Framing::automatic;
  std::size_t chunk = 0;      /// largest chunk; 0: one chunk per event or one in all
  std::size_t huge_head = 0;  /// bytes of extra header
  bool close_said = false;    /// `Connection: close`, then closed
  bool early = false;         /// answers without reading the body
  std::string type;           /// Content-Type instead of the usual one
  bool has_body = false;      /// `body` replaces the answer's body
  std::string body;
  std::string raw;  /// the complete response, head included, as it is

  std::size_t events = 0;       /// content events of a stream; 0: the default
  std::size_t content = 0;      /// bytes of content; 0: the default
  std::string line_end = "\n";  /// of stream lines
  bool no_done = false;
  bool no_usage = false;
  bool force_usage = false;  /// the usage chunk even when nobody asked
  std::string bad_usage;     /// a kind from README.md
  std::size_t usage_in = 0;
  std::size_t usage_out = 0;
  bool has_usage = false;
  bool tools = false;
  std::size_t error_event = 0;  /// 1-based: this event is an error object
};

/// Adds what `text` ("key=value;key;…") says to `out`. Returns the item that was not understood, or empty.
[[nodiscard]] std::string read_behaviour(std::string_view text, Behaviour& out);

/// The same for a model name "sim-key-value+key-value"; other names say nothing and are fine.
[[nodiscard]] std::string read_model(std::string_view model, Behaviour& out);

extern const char* const k_grammar;

}  // namespace talon::simulator
