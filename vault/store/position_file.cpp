#include "vault/store/position_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
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
    // Renamed into place whole: readers that still map an old file keep seeing the old numbers and the lost lock.
    const auto fresh = data_dir / (std::string(k_position_file) + ".new");
    const FileHandle file(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) {
        return core::fail(core::Code::vault_permission,
                          fmt::format("{} cannot be written: {}", fresh.string(), system_message(errno)));
    }
    if (::posix_fallocate(file.get(), 0, static_cast<off_t>(k_size)) != 0 ||
        ::rename(fresh.c_str(), path.c_str()) != 0) {
        return core::fail(core::Code::write_failed, fmt::format("{} cannot be made", path.string()));
    }
    void* map = ::mmap(nullptr, k_size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (map == MAP_FAILED) {
        return core::fail(core::Code::write_failed, fmt::format("{} cannot be mapped", path.string()));
    }
    auto* shared = new (map) Shared{};
    shared->epoch = epoch;
    std::memcpy(shared->magic, k_magic.data(), k_magic.size());
    return PositionFile(shared);
}

PositionFile::~PositionFile() {
    if (shared_ != nullptr) ::munmap(shared_, k_size);
}

core::Result<void> wait_for_writer(const std::filesystem::path& data_dir, std::chrono::milliseconds deadline) {
    const FileHandle file(::open((data_dir / k_position_file).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return {};
    struct stat info {};
    if (::fstat(file.get(), &info) != 0 || static_cast<std::size_t>(info.st_size) < k_size) return {};
    void* map = ::mmap(nullptr, k_size, PROT_READ, MAP_SHARED, file.get(), 0);
    if (map == MAP_FAILED) return {};
    const auto* shared = static_cast<const PositionFile::Shared*>(map);
    core::Result<void> result;
    if (std::string_view(shared->magic, k_magic.size()) == k_magic) {
        const auto target = shared->submitted.load(std::memory_order_acquire);
        const auto until = std::chrono::steady_clock::now() + deadline;
        auto pause = std::chrono::microseconds(100);
        // The lock is asked for only while waiting: mostly the writer is there already.
        while (shared->committed.load(std::memory_order_acquire) < target && shared->halted.load() == 0 &&
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
