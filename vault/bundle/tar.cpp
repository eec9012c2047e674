#include "vault/bundle/tar.h"

#include <algorithm>

namespace talon::vault {
namespace {

// POSIX.1-1988 ustar: offsets of the fields that are not all NUL.
constexpr std::size_t k_name = 0, k_mode = 100, k_uid = 108, k_gid = 116, k_size = 124, k_mtime = 136, k_checksum = 148,
                      k_type = 156, k_magic = 257, k_version = 263, k_device_major = 329, k_device_minor = 337;

void put(TarBlock& block, std::size_t at, std::string_view text) noexcept {
  std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(at));
}

void put_octal(TarBlock& block, std::size_t at, std::uint64_t value, std::size_t digits) noexcept {
  for (std::size_t i = digits; i-- > 0; value >>= 3) block[at + i] = static_cast<char>('0' + (value & 7));
}

}  // namespace

TarBlock tar_header(std::string_view name, std::uint64_t size) noexcept {
  TarBlock block{};
  put(block, k_name, name);
  put(block, k_mode, "0000644");
  for (const auto field : {k_uid, k_gid, k_device_major, k_device_minor}) put(block, field, "0000000");
  put_octal(block, k_size, size, 11);
  put_octal(block, k_mtime, 0, 11);
  block[k_type] = '0';
  put(block, k_magic, "ustar");
  put(block, k_version, "00");
  // The checksum is summed over the header with spaces in its own place.
  put(block, k_checksum, "        ");
  std::uint64_t sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put_octal(block, k_checksum, sum, 6);
  block[k_checksum + 6] = '\0';
  return block;
}

}  // namespace talon::vault
