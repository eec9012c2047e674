// Small files of the vault's directory: read whole, written once, synced. RAII over descriptors.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/error.h"

namespace talon::vault {

/// Owns a descriptor, or nothing.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int descriptor) noexcept : descriptor_(descriptor) {}
  FileHandle(FileHandle&& other) noexcept : descriptor_(other.release()) {}
  FileHandle& operator=(FileHandle&& other) noexcept;
  ~FileHandle();
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] int release() noexcept;

 private:
  int descriptor_ = -1;
};

/// What errno says, as text. Any thread.
[[nodiscard]] std::string system_message(int error_number);

/// Writes all of `bytes`. Error: Code::write_failed naming `path`.
core::Result<void> write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path);

/// Makes `path` with `mode`, whatever the umask says, writes and syncs it. Error: Code::vault_exists when it is
/// there, vault_permission, write_failed.
core::Result<void> create_file(const std::filesystem::path& path, std::string_view bytes, unsigned mode);
/// Makes one directory with `mode`. Error: as create_file.
core::Result<void> create_directory(const std::filesystem::path& path, unsigned mode);
/// So that a name made in `directory` outlives a power cut. Error: Code::write_failed.
core::Result<void> sync_directory(const std::filesystem::path& directory);

}  // namespace talon::vault
