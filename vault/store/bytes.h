// Fixed-width big-endian integers in table keys and values, so that LMDB's byte order is number order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace talon::vault {

template <class T>
inline void put_big_endian(char* out, T value) noexcept {
  for (std::size_t i = sizeof(T); i-- > 0;) {
    out[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * (sizeof(T) - 1 - i)) & 0xff);
  }
}

template <class T>
[[nodiscard]] inline T get_big_endian(const char* in) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = value << 8 | static_cast<unsigned char>(in[i]);
  return static_cast<T>(value);
}

/// A key or a small value built on the stack. At most 128 bytes.
class SmallBytes {
 public:
  template <class T>
  SmallBytes& number(T value) noexcept {
    put_big_endian(bytes_.data() + size_, value);
    size_ += sizeof(T);
    return *this;
  }
  SmallBytes& bytes(std::string_view text) noexcept {
    std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ += text.size();
    return *this;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }
  operator std::string_view() const noexcept { return view(); }  // NOLINT: it is its bytes

 private:
  std::array<char, 128> bytes_;
  std::size_t size_ = 0;
};

template <class T>
inline void append_number(std::string& out, T value) {
  char buffer[sizeof(T)];
  put_big_endian(buffer, value);
  out.append(buffer, sizeof(T));
}

/// Reads what the writers above wrote. After a read past the end ok() is false and every answer is empty or 0.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  template <class T>
  T number() noexcept {
    if (rest_.size() < sizeof(T)) {
      fail();
      return T{};
    }
    const T value = get_big_endian<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view bytes(std::size_t size) noexcept {
    if (rest_.size() < size) {
      fail();
      return {};
    }
    const auto out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  /// Everything was there and nothing is left.
  [[nodiscard]] bool ended() const noexcept { return ok_ && rest_.empty(); }

 private:
  void fail() noexcept {
    ok_ = false;
    rest_ = {};
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace talon::vault
