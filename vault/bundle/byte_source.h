// Bytes at known positions: a regular file, or memory. What the verifier reads a bundle through.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "core/error.h"
#include "vault/log/files.h"

namespace talon::vault {

/// Any thread may read.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
  /// Fills `out` from `offset` on; offset + out.size() ≤ size(). Error: Code::bundle_unreadable.
  [[nodiscard]] virtual core::Result<void> read_at(std::uint64_t offset, std::span<char> out) const = 0;
};

/// A regular file; the last component of `path` is not followed when it is a link.
[[nodiscard]] core::Result<std::unique_ptr<ByteSource>> open_bytes(const std::filesystem::path& path);
/// `bytes` must outlive it.
[[nodiscard]] std::unique_ptr<ByteSource> memory_bytes(std::string_view bytes);

/// Reads a range of a source from front to back.
class ByteReader {
 public:
  /// `source` must outlive the reader.
  ByteReader(const ByteSource& source, std::uint64_t offset, std::uint64_t size) noexcept
      : source_(&source), at_(offset), end_(offset + size) {}
  ByteReader(std::unique_ptr<ByteSource> source, std::uint64_t size) noexcept
      : own_(std::move(source)), source_(own_.get()), at_(0), end_(size) {}
  /// As many bytes as fit and are left; 0 at the end.
  [[nodiscard]] core::Result<std::size_t> read(std::span<char> out);
  [[nodiscard]] std::uint64_t left() const noexcept { return end_ - at_; }

 private:
  std::unique_ptr<ByteSource> own_;
  const ByteSource* source_;
  std::uint64_t at_, end_;
};

}  // namespace talon::vault
