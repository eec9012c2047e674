#include "vault/store/preflight.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "vault/config_files.h"

namespace talon::vault {
namespace {

using core::Code;
using core::Result;

std::string user_name(uid_t uid) {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->pw_name;
  return std::to_string(uid);
}

/// The meta page of LMDB 0.9 on a 64-bit little-endian machine (mdb.c: MDB_page, MDB_meta), written in native order.
struct MetaPage {
  std::uint64_t number;
  std::uint16_t pad, flags;
  std::uint32_t bounds;
  std::uint32_t magic, version;
  std::uint64_t address, map_size;
  struct {
    std::uint32_t pad;  // of the first: the page size
    std::uint16_t flags, depth;
    std::uint64_t branches, leaves, overflow, entries, root;
  } tables[2];
  std::uint64_t last_page, transaction;
};
static_assert(sizeof(MetaPage) == 152);
constexpr std::uint32_t k_magic = 0xBEEFC0DE;
constexpr std::uint32_t k_version = 1;
constexpr std::uint16_t k_flag_meta = 0x08;
constexpr std::uint64_t k_no_page = ~std::uint64_t{0};

class File {
 public:
  explicit File(const std::filesystem::path& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

std::string owner_remedy(const std::filesystem::path& path) {
  struct stat info{};
  // The nearest parent that may be looked at tells whose place it is.
  for (auto at = path; !at.empty(); at = at.parent_path()) {
    if (::stat(at.c_str(), &info) == 0) break;
    if (at == at.parent_path()) break;
  }
  const auto user = user_name(info.st_uid);
  if (info.st_uid == ::geteuid()) return fmt::format("belongs to you ({}), but its mode forbids it", user);
  return fmt::format("belongs to user {}; try: sudo -u {} talon …", user, user);
}

Result<void> check_data_dir(const std::filesystem::path& data_dir) {
  struct stat info{};
  if (::stat(data_dir.c_str(), &info) != 0) {
    if (errno == EACCES) {
      return core::fail(Code::vault_permission, data_dir.string() + " " + owner_remedy(data_dir));
    }
    return core::fail(Code::vault_missing, fmt::format("no vault in {}; create one: talon init", data_dir.string()));
  }
  if (!S_ISDIR(info.st_mode)) {
    return core::fail(Code::vault_missing, fmt::format("{} is not a directory", data_dir.string()));
  }
  if (info.st_uid != ::geteuid()) {
    return core::fail(Code::vault_permission, data_dir.string() + " " + owner_remedy(data_dir));
  }
  struct stat file{};
  if (::stat((data_dir / k_data_file).c_str(), &file) != 0) {
    if (errno == EACCES) {
      return core::fail(Code::vault_permission,
                        fmt::format("{} cannot be entered; try: chmod 700 {}", data_dir.string(), data_dir.string()));
    }
    return core::fail(Code::vault_missing, fmt::format("no vault in {}; create one: talon init", data_dir.string()));
  }
  if ((info.st_mode & 077) != 0) {
    return core::fail(Code::vault_permission, fmt::format("{} is open to other users (mode {:04o}); try: chmod 700 {}",
                                                          data_dir.string(), info.st_mode & 07777u, data_dir.string()));
  }
  if ((info.st_mode & 0700) != 0700) {
    return core::fail(Code::vault_permission, fmt::format("{} has mode {:04o}; try: chmod 700 {}", data_dir.string(),
                                                          info.st_mode & 07777u, data_dir.string()));
  }
  return {};
}

Result<void> check_data_file(const std::filesystem::path& data_dir) {
  const auto path = data_dir / k_data_file;
  const File file(path);
  if (file.descriptor() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return core::fail(Code::vault_missing, fmt::format("no vault in {}; create one: talon init", data_dir.string()));
    }
    return core::fail(Code::vault_permission, fmt::format("{} cannot be read ({}); it {}", path.string(),
                                                          std::strerror(errno), owner_remedy(path)));
  }
  struct stat info{};
  if (::fstat(file.descriptor(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return core::fail(Code::vault_corrupt, path.string() + " is not a regular file");
  }
  const auto corrupt = [&](std::string_view why) {
    return core::fail(Code::vault_corrupt, fmt::format("{} {}; restore the vault from a backup", path.string(), why));
  };
  std::uint64_t page_size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::uint64_t last_page = 0;
  MetaPage newest{};
  for (std::uint64_t i = 0; i < 2; ++i) {
    MetaPage page{};
    const auto at = static_cast<off_t>(i * page_size);
    if (::pread(file.descriptor(), &page, sizeof page, at) != static_cast<ssize_t>(sizeof page)) {
      return corrupt("is shorter than its two meta pages");
    }
    if (page.magic != k_magic || (page.flags & k_flag_meta) == 0) return corrupt("does not begin with two meta pages");
    if (page.version != k_version) {
      return core::fail(Code::vault_version, fmt::format("{} has store version {}; this program reads version {}",
                                                         path.string(), page.version, k_version));
    }
    if (i == 0) page_size = page.tables[0].pad;
    if (page_size < 512 || page_size > 65536 || (page_size & (page_size - 1)) != 0 || page.tables[0].pad != page_size) {
      return corrupt("has an impossible page size");
    }
    last_page = std::max(last_page, page.last_page);
    if (i == 0 || page.transaction > newest.transaction) newest = page;
  }
  // Only the newest: where a flush fails, LMDB leaves new roots under old numbers in the other, so that it is not read.
  for (const auto& table : newest.tables) {
    if (table.root != k_no_page && table.root > newest.last_page) return corrupt("has a root beyond its last page");
  }
  // Asked for after the pages were read: a server may be making the file longer meanwhile.
  if (::fstat(file.descriptor(), &info) != 0) return corrupt("cannot be measured");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (last_page >= size / page_size) {
    return corrupt(
        fmt::format("is cut off: its last page needs {} bytes and it has {}", (last_page + 1) * page_size, size));
  }
  return {};
}

Result<void> become_owner(const std::filesystem::path& data_dir) {
  if (::geteuid() != 0) return {};
  struct stat info{};
  if (::stat(data_dir.c_str(), &info) != 0 || info.st_uid == 0) return {};
  const auto user = user_name(info.st_uid);
  if (::initgroups(user.c_str(), info.st_gid) != 0 && ::setgroups(0, nullptr) != 0) {
    return core::fail(Code::vault_permission, fmt::format("cannot become user {} (owner of {}): {}", user,
                                                          data_dir.string(), std::strerror(errno)));
  }
  if (::setgid(info.st_gid) != 0 || ::setuid(info.st_uid) != 0) {
    return core::fail(Code::vault_permission, fmt::format("cannot become user {} (owner of {}): {}", user,
                                                          data_dir.string(), std::strerror(errno)));
  }
  return {};
}

}  // namespace talon::vault
