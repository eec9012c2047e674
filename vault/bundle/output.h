// Where the bundle writer puts files, one after the other in path order: into a `.talon` tar or into a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "vault/bundle/writer.h"
#include "vault/log/files.h"
#include "vault/log/hash_behind.h"

namespace talon::vault {

/// One owner, one thread. begin, write (exactly the announced bytes), … , finish.
class BundleOutput {
 public:
  virtual ~BundleOutput() = default;
  [[nodiscard]] virtual core::Result<void> begin(std::string_view path, std::uint64_t size) = 0;
  [[nodiscard]] virtual core::Result<void> write(std::string_view bytes) = 0;
  /// After the last file.
  [[nodiscard]] virtual core::Result<void> finish() = 0;
};

/// Collects small writes, pads, and hashes all that goes to the sink.
class TarOutput final : public BundleOutput {
 public:
  explicit TarOutput(const ByteSink& sink) : sink_(sink) {}
  core::Result<void> begin(std::string_view path, std::uint64_t size) override;
  core::Result<void> write(std::string_view bytes) override;
  core::Result<void> finish() override;
  /// Of the whole tar, hex. After finish(), once.
  [[nodiscard]] std::string sha256() { return to_hex(hash_.finish()); }

 private:
  core::Result<void> flush();
  const ByteSink& sink_;
  std::string buffer_;
  std::uint64_t padding_ = 0;  ///< due before the next header
  HashBehind hash_;
};

/// Fills a folder beside the target and renames it at the end; a failure leaves nothing behind.
class FolderOutput final : public BundleOutput {
 public:
  /// `target` must not exist or be an empty folder. Error: Code::file_exists, write_failed.
  [[nodiscard]] static core::Result<FolderOutput> create(std::filesystem::path target);
  FolderOutput(FolderOutput&& other) noexcept;
  FolderOutput& operator=(FolderOutput&&) = delete;
  ~FolderOutput() override;
  core::Result<void> begin(std::string_view path, std::uint64_t size) override;
  core::Result<void> write(std::string_view bytes) override;
  core::Result<void> finish() override;

 private:
  FolderOutput(std::filesystem::path target, std::filesystem::path working)
      : target_(std::move(target)), working_(std::move(working)) {}
  core::Result<void> flush();
  std::filesystem::path target_, working_;
  std::filesystem::path file_path_;
  FileHandle file_;
  std::string buffer_;
};

}  // namespace talon::vault
