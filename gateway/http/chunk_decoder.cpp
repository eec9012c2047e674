// See chunk_decoder.h. A machine of one byte a step; only chunk data moves in bulk.
#include "gateway/http/chunk_decoder.h"

#include <algorithm>

namespace talon::gateway {
namespace {

constexpr int k_max_digits = 15;  // 2^60: far beyond any limit, far from overflow

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_text(char c) noexcept { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); }

}  // namespace

bool ChunkDecoder::step(char c) {
  if (++line_ > k_max_chunk_line) return false;
  switch (at_) {
    case At::size:
      if (const int value = hex_value(c); value >= 0) {
        size_ = size_ * 16 + static_cast<std::uint64_t>(value);
        return ++digits_ <= k_max_digits;
      }
      if (digits_ == 0) return false;
      at_ = c == '\r' ? At::size_line_feed : At::extension;
      return c == '\r' || c == ';' || c == ' ' || c == '\t';
    case At::extension:
      if (c == '\r') at_ = At::size_line_feed;
      return c == '\r' || is_text(c);
    case At::size_line_feed:
      at_ = size_ > 0 ? At::data : At::trailer;
      digits_ = 0;
      line_ = 0;
      return c == '\n';
    case At::data_return:
      at_ = At::data_line_feed;
      return c == '\r';
    case At::data_line_feed:
      at_ = At::size;
      line_ = 0;
      return c == '\n';
    case At::trailer:
      at_ = c == '\r' ? At::last_line_feed : At::trailer_field;
      return c == '\r' || is_text(c);
    case At::trailer_field:
      if (c == '\r') at_ = At::trailer_line_feed;
      return c == '\r' || is_text(c);
    case At::trailer_line_feed:
      at_ = At::trailer;
      return c == '\n';
    case At::last_line_feed:
      done_ = true;
      return c == '\n';
    case At::data:
      break;
  }
  return false;
}

ChunkDecoder::State ChunkDecoder::decode(ByteBuffer& in, ByteBuffer& out) {
  const auto bytes = in.view();
  std::size_t used = 0;
  while (used < bytes.size() && !done_) {
    if (at_ == At::data) {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(size_, bytes.size() - used));
      out.append(bytes.substr(used, take));
      used += take;
      size_ -= take;
      if (size_ == 0) at_ = At::data_return;
    } else if (!step(bytes[used++])) {
      return State::malformed;
    }
  }
  in.consume(used);
  return done_ ? State::done : State::need_more;
}

}  // namespace talon::gateway
