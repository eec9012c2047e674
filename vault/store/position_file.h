// <data dir>/journal.pos: how far the journal of a running `serve` is, for readers in other processes.
//
// In batched durability a response may end before its record is committed. A reader takes `submitted` when it starts
// and waits until `committed` has reached it; both count journal items since the writer started. The numbers mean
// something only while a living process holds the writer's lock: after kill -9 the file is stale and nobody waits.
//
// Layout (native order, one machine): "TALONPOS", epoch, submitted, committed, halted; each 8 bytes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>

#include "core/error.h"

namespace talon::vault {

class PositionFile {
 public:
  struct Shared {
    char magic[8];
    std::atomic<std::uint64_t> epoch;  ///< of this writer; 0 while it is being set up
    std::atomic<std::uint64_t> submitted;
    std::atomic<std::uint64_t> committed;
    std::atomic<std::uint64_t> halted;  ///< 1: the journal has failed, nothing more will be committed
  };

  /// The writer's, zeroed; a file that is there is used again, so that a full disk keeps nobody from starting.
  /// Error: vault_permission, write_failed.
  [[nodiscard]] static core::Result<PositionFile> make(const std::filesystem::path& data_dir, std::uint64_t epoch);
  PositionFile(PositionFile&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  PositionFile& operator=(PositionFile&&) = delete;
  ~PositionFile();
  [[nodiscard]] Shared& shared() const noexcept { return *shared_; }

 private:
  explicit PositionFile(Shared* shared) : shared_(shared) {}
  Shared* shared_;
};

/// A reader of another process: waits until all that a living writer has queued by now is committed.
/// Error: vault_unavailable when that takes longer than `deadline`.
[[nodiscard]] core::Result<void> wait_for_writer(const std::filesystem::path& data_dir,
                                                 std::chrono::milliseconds deadline);

}  // namespace talon::vault
