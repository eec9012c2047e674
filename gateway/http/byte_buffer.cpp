// See byte_buffer.h.
#include "gateway/http/byte_buffer.h"

#include <algorithm>
#include <cstring>

namespace talon::gateway {

void ByteBuffer::grow(std::size_t capacity) {
  std::unique_ptr<char[]> larger(new char[capacity + k_slack]);
  const std::size_t kept = size();
  if (kept > 0) std::memcpy(larger.get(), bytes_.get() + begin_, kept);
  std::memset(larger.get() + capacity, 0, k_slack);
  bytes_ = std::move(larger);
  begin_ = 0;
  end_ = kept;
  capacity_ = capacity;
}

void ByteBuffer::reserve(std::size_t capacity) {
  if (capacity > capacity_) grow(capacity);
}

std::span<char> ByteBuffer::room(std::size_t least) {
  if (capacity_ - end_ < least) {
    if (capacity_ - size() >= least) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, size());
      end_ -= begin_;
      begin_ = 0;
    } else {
      grow(std::max(size() + least, capacity_ * 2));
    }
  }
  return room_left();
}

void ByteBuffer::append(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(room(bytes.size()).data(), bytes.data(), bytes.size());
  end_ += bytes.size();
}

void ByteBuffer::consume(std::size_t count) noexcept {
  begin_ += count;
  if (begin_ == end_) begin_ = end_ = 0;
}

void ByteBuffer::shrink(std::size_t most) {
  if (capacity_ <= most) return;
  bytes_.reset();
  begin_ = end_ = capacity_ = 0;
}

}  // namespace talon::gateway
