// ByteBuffer: flat bytes between a socket and a parser. Filled at the end, consumed at the front,
// reused from request to request. Not initialised, and always followed by k_slack readable bytes, so
// that simdjson may read a body where it lies (provider/call.h, k_body_padding).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace talon::gateway {

class ByteBuffer {
 public:
  static constexpr std::size_t k_slack = 64;

  ByteBuffer() = default;
  /// One allocation now instead of a small one and a larger one later.
  explicit ByteBuffer(std::size_t capacity) { reserve(capacity); }

  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// Makes room for `capacity` bytes in all. Views into the buffer become invalid when it grows.
  void reserve(std::size_t capacity);
  /// Room behind the bytes, at least `least`. Views become invalid when bytes have to move.
  [[nodiscard]] std::span<char> room(std::size_t least);
  /// All the room there is without moving anything; may be empty.
  [[nodiscard]] std::span<char> room_left() noexcept { return {bytes_.get() + end_, capacity_ - end_}; }
  /// `count` bytes of the room were filled.
  void commit(std::size_t count) noexcept { end_ += count; }
  void append(std::string_view bytes);
  void consume(std::size_t count) noexcept;
  void clear() noexcept { begin_ = end_ = 0; }
  /// Gives the memory back when it grew beyond `most`.
  void shrink(std::size_t most);

 private:
  void grow(std::size_t capacity);
  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;  ///< without the slack
};

}  // namespace talon::gateway
