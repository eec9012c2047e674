#include "vault/store/writer_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "vault/store/preflight.h"

namespace talon::vault {
namespace {

constexpr const char* k_lock_file = "serve.lock";

struct flock whole_file(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

core::Result<WriterLock> WriterLock::take(const std::filesystem::path& data_dir) {
  const auto path = data_dir / k_lock_file;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    return core::fail(core::Code::vault_permission,
                      fmt::format("{} cannot be written ({}); {} {}", path.string(), std::strerror(errno),
                                  data_dir.string(), owner_remedy(data_dir)));
  }
  WriterLock self(descriptor);
  auto lock = whole_file(F_WRLCK);
  if (::fcntl(descriptor, F_OFD_SETLK, &lock) != 0) {
    std::array<char, 32> text{};
    const auto size = ::pread(descriptor, text.data(), text.size() - 1, 0);
    std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    while (!pid.empty() && pid.back() == '\n') pid.pop_back();
    return core::fail(core::Code::vault_locked,
                      fmt::format("the vault in {} is being served by process {}", data_dir.string(),
                                  pid.empty() ? "of unknown number" : pid));
  }
  const auto pid = std::to_string(::getpid()) + "\n";
  // The pid is for people; without it the lock holds all the same.
  if (::pwrite(descriptor, pid.data(), pid.size(), 0) < 0 ||
      ::ftruncate(descriptor, static_cast<off_t>(pid.size())) != 0) {
    return self;
  }
  return self;
}

WriterLock::~WriterLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool WriterLock::held(const std::filesystem::path& data_dir) noexcept {
  const int descriptor = ::open((data_dir / k_lock_file).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  auto lock = whole_file(F_RDLCK);
  const bool asked = ::fcntl(descriptor, F_OFD_GETLK, &lock) == 0;
  ::close(descriptor);
  return asked && lock.l_type != F_UNLCK;
}

}  // namespace talon::vault
