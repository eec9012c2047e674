// The writer's lock: an advisory lock on <data dir>/serve.lock, which holds the writer's pid as text.
//
// An open-file-description lock (fcntl F_OFD_SETLK): it goes with the process however it dies, and others can ask
// for it without taking it, so that a reader's question never makes a starting writer fail.
#pragma once

#include <filesystem>
#include <memory>

#include "core/error.h"

namespace talon::vault {

class WriterLock {
 public:
  /// Error: vault_locked naming the pid that holds it; vault_permission when the file cannot be written.
  [[nodiscard]] static core::Result<WriterLock> take(const std::filesystem::path& data_dir);
  WriterLock(WriterLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  WriterLock& operator=(WriterLock&&) = delete;
  ~WriterLock();

  /// Whether a living process holds it now.
  [[nodiscard]] static bool held(const std::filesystem::path& data_dir) noexcept;

 private:
  explicit WriterLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace talon::vault
