#include "vault/store/position_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "vault/log/files.h"
#include "vault/store/writer_lock.h"

namespace talon::vault {
namespace {

constexpr const char* k_position_file = "journal.pos";
constexpr std::string_view k_magic = "TALONPOS";
constexpr std::size_t k_size = sizeof(PositionFile::Shared);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace

core::Result<PositionFile> PositionFile::make(const std::filesystem::path& data_dir, std::uint64_t epoch) {
  const auto path = data_dir / k_position_file;
  const FileHandle file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) {
    return core::fail(core::Code::vault_permission,
                      fmt::format("{} cannot be written: {}", path.string(), system_message(errno)));
  }
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || static_cast<std::size_t>(info.st_size) < k_size) {
    // Written, not only made longer: a block that is missing when the map is touched would be a SIGBUS.
    const std::array<char, k_size> zeros{};
    if (::pwrite(file.get(), zeros.data(), k_size, 0) != static_cast<ssize_t>(k_size)) {
      return core::fail(core::Code::write_failed,
                        fmt::format("{} cannot be written: {}", path.string(), system_message(errno)));
    }
  }
  void* map = ::mmap(nullptr, k_size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (map == MAP_FAILED) {
    return core::fail(core::Code::write_failed, fmt::format("{} cannot be mapped", path.string()));
  }
  // A reader that still waits for the writer before us sees that epoch end.
  auto* shared = static_cast<Shared*>(map);
  shared->epoch.store(0);
  std::memcpy(shared->magic, k_magic.data(), k_magic.size());
  shared->submitted.store(0);
  shared->committed.store(0);
  shared->halted.store(0);
  shared->epoch.store(epoch);
  return PositionFile(shared);
}

PositionFile::~PositionFile() {
  if (shared_ != nullptr) ::munmap(shared_, k_size);
}

core::Result<void> wait_for_writer(const std::filesystem::path& data_dir, std::chrono::milliseconds deadline) {
  const FileHandle file(::open((data_dir / k_position_file).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return {};
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || static_cast<std::size_t>(info.st_size) < k_size) return {};
  void* map = ::mmap(nullptr, k_size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (map == MAP_FAILED) return {};
  const auto* shared = static_cast<const PositionFile::Shared*>(map);
  core::Result<void> result;
  const auto epoch = shared->epoch.load();
  if (std::string_view(shared->magic, k_magic.size()) == k_magic && epoch != 0) {
    const auto target = shared->submitted.load();
    const auto until = std::chrono::steady_clock::now() + deadline;
    auto pause = std::chrono::microseconds(100);
    // The lock is asked for only while waiting: mostly the writer is there already.
    while (shared->committed.load() < target && shared->epoch.load() == epoch && shared->halted.load() == 0 &&
           WriterLock::held(data_dir)) {
      if (std::chrono::steady_clock::now() >= until) {
        result = core::fail(core::Code::vault_unavailable,
                            fmt::format("the server on {} did not write down its finished calls within {} ms; "
                                        "its disk may be stuck",
                                        data_dir.string(), deadline.count()));
        break;
      }
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::microseconds(5000));
    }
  }
  ::munmap(map, k_size);
  return result;
}

}  // namespace talon::vault
