// Space allocated ahead of what the store uses (posix_fallocate), so that "disk full" is met before a commit and not
// inside one, where LMDB reports it as EIO and it cannot be told from a broken disk.
#pragma once

#include <cstdint>

namespace talon::vault {

class Reserve {
 public:
  /// `descriptor` is the data file's; it outlives this.
  Reserve(int descriptor, std::uint64_t bytes) : descriptor_(descriptor), bytes_(bytes) {}

  /// Makes sure that `bytes` are allocated beyond `used`. False: there is no room (disk, quota or file size limit).
  /// Asks the kernel only when the last answer does not cover it. Other errors count as no room too: the file
  /// system says why on the next commit.
  [[nodiscard]] bool ensure(std::uint64_t used) noexcept;
  /// Writes zeros a little ahead of `used`, inside what is allocated. A commit into blocks that were written before
  /// costs a flush; into blocks only allocated it costs the file system's own commit as well (a third of the time,
  /// measured). Only the store's writer may call this, between its transactions: nothing committed lies behind `used`.
  void warm(std::uint64_t used) noexcept;
  /// Allocated beyond `used` at the last successful call.
  [[nodiscard]] std::uint64_t ahead_of(std::uint64_t used) const noexcept { return end_ > used ? end_ - used : 0; }

 private:
  int descriptor_;
  std::uint64_t bytes_;
  std::uint64_t end_ = 0;   ///< everything before it is allocated
  std::uint64_t warm_ = 0;  ///< everything from the used part to here was written
};

}  // namespace talon::vault
