// The one tar a `.talon` file is (evidence.md §5): ustar, files only, in path order, every field fixed but name, size
// and checksum. So the verifier can rewrite a header and compare.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace talon::vault {

inline constexpr std::uint64_t k_tar_block = 512;
/// 11 octal digits.
inline constexpr std::uint64_t k_tar_max_file = (1ULL << 33) - 1;

using TarBlock = std::array<char, k_tar_block>;

/// The header of one file. `name` has at most 100 bytes, `size` at most k_tar_max_file.
[[nodiscard]] TarBlock tar_header(std::string_view name, std::uint64_t size) noexcept;

/// NULs between the end of `size` bytes of data and the next block.
[[nodiscard]] constexpr std::uint64_t tar_padding(std::uint64_t size) noexcept {
  return (k_tar_block - size % k_tar_block) % k_tar_block;
}

}  // namespace talon::vault
