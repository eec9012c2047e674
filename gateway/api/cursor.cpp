#include "gateway/api/cursor.h"

#include "core/text.h"

namespace talon::gateway {

std::string encode_cursor(ListOf list, std::string_view place) {
  std::string bytes(1, static_cast<char>(list));
  bytes += place;
  return core::hex_encode(bytes);
}

std::optional<std::string> decode_cursor(ListOf list, std::string_view cursor) {
  auto bytes = core::hex_decode(cursor);
  if (!bytes || bytes->size() < 2 || bytes->front() != static_cast<char>(list)) return std::nullopt;
  return bytes->substr(1);
}

}  // namespace talon::gateway
