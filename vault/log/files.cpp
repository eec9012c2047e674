#include "vault/log/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace talon::vault {
namespace {

std::unexpected<core::Error> cannot(std::string_view what, const std::filesystem::path& path, int error_number) {
  auto code = core::Code::write_failed;
  if (error_number == EEXIST) code = core::Code::vault_exists;
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) code = core::Code::vault_permission;
  return core::fail(core::Error{code, std::string(what) + ' ' + path.string() + ": " + system_message(error_number),
                                core::Place{path.string()}});
}

core::Result<void> sync(int descriptor, const std::filesystem::path& path) {
  if (::fsync(descriptor) != 0) return cannot("cannot sync", path, errno);
  return {};
}

}  // namespace

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
FileHandle::~FileHandle() {
  if (is_open()) ::close(descriptor_);
}
int FileHandle::release() noexcept { return std::exchange(descriptor_, -1); }

std::string system_message(int error_number) { return std::generic_category().message(error_number); }

core::Result<void> write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return core::fail(core::Error{core::Code::write_failed,
                                    "cannot write " + path.string() + ": " + system_message(errno),
                                    core::Place{path.string()}});
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

core::Result<void> create_file(const std::filesystem::path& path, std::string_view bytes, unsigned mode) {
  const FileHandle file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.is_open()) return cannot("cannot create", path, errno);
  if (::fchmod(file.get(), mode) != 0) return cannot("cannot set the permissions of", path, errno);
  TALON_TRY_VOID(write_all(file.get(), bytes, path));
  return sync(file.get(), path);
}

core::Result<void> create_directory(const std::filesystem::path& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) != 0) return cannot("cannot create", path, errno);
  if (::chmod(path.c_str(), mode) != 0) return cannot("cannot set the permissions of", path, errno);
  return {};
}

core::Result<void> sync_directory(const std::filesystem::path& directory) {
  const FileHandle handle(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.is_open()) return cannot("cannot open", directory, errno);
  return sync(handle.get(), directory);
}

}  // namespace talon::vault
