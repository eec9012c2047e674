// The chunked transfer coding (RFC 9112 §7.1), decoded strictly: sizes are plain hexadecimal, lines end
// in CRLF, extensions and trailer fields are checked for form, bounded, and forgotten. Ours instead of
// Beast's, whose 1.81 asserts when the last chunk comes first and in small pieces.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gateway/http/byte_buffer.h"

namespace talon::gateway {

/// For the line before a chunk, and for all trailer fields together.
inline constexpr std::size_t k_max_chunk_line = 16 * 1024;

class ChunkDecoder {
 public:
  enum class State : std::uint8_t { need_more, done, malformed };
  /// Moves decoded bytes from `in` to the end of `out`; after `done` the rest of `in` is the next message's.
  [[nodiscard]] State decode(ByteBuffer& in, ByteBuffer& out);

 private:
  enum class At : std::uint8_t {
    size,
    extension,
    size_line_feed,
    data,
    data_return,
    data_line_feed,
    trailer,
    trailer_field,
    trailer_line_feed,
    last_line_feed
  };
  /// One byte outside of chunk data. False: malformed.
  bool step(char c);
  At at_ = At::size;
  bool done_ = false;
  int digits_ = 0;
  std::uint64_t size_ = 0;
  std::size_t line_ = 0;
};

}  // namespace talon::gateway
