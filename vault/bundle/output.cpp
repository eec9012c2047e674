#include "vault/bundle/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "vault/bundle/tar.h"

namespace talon::vault {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_buffer = 256 * 1024;

std::unexpected<core::Error> cannot(core::Code code, std::string_view what, const fs::path& path,
                                    std::string_view why) {
  return core::fail(
      core::Error{code, std::string(what) + ' ' + path.string() + ": " + std::string(why), core::Place{path.string()}});
}

}  // namespace

core::Result<void> TarOutput::begin(std::string_view path, std::uint64_t size) {
  buffer_.append(std::exchange(padding_, tar_padding(size)), '\0');
  const TarBlock header = tar_header(path, size);
  return write({header.data(), header.size()});
}

core::Result<void> TarOutput::write(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() < k_buffer) return {};
  return flush();
}

core::Result<void> TarOutput::finish() {
  buffer_.append(padding_ + 2 * k_tar_block, '\0');
  return flush();
}

core::Result<void> TarOutput::flush() {
  TALON_TRY_VOID(sink_(buffer_));
  hash_.give(buffer_);
  return {};
}

core::Result<FolderOutput> FolderOutput::create(fs::path target) {
  if (!target.has_filename()) target = target.parent_path();  // PATH/
  std::error_code error;
  const auto status = fs::symlink_status(target, error);
  if (fs::exists(status) && !(fs::is_directory(status) && fs::is_empty(target, error))) {
    return core::fail(core::Error{core::Code::file_exists, target.string() + " exists and is not an empty folder",
                                  core::Place{target.string()}});
  }
  fs::path working = target;
  working += ".partial-" + std::to_string(::getpid());
  if (::mkdir(working.c_str(), 0777) != 0) {
    return cannot(core::Code::write_failed, "cannot create", working, system_message(errno));
  }
  return FolderOutput(std::move(target), std::move(working));
}

FolderOutput::FolderOutput(FolderOutput&& other) noexcept
    : target_(std::move(other.target_)),
      working_(std::exchange(other.working_, {})),
      file_path_(std::move(other.file_path_)),
      file_(std::move(other.file_)),
      buffer_(std::move(other.buffer_)) {}

FolderOutput::~FolderOutput() {
  std::error_code ignored;
  if (!working_.empty()) fs::remove_all(working_, ignored);
}

core::Result<void> FolderOutput::begin(std::string_view path, std::uint64_t) {
  TALON_TRY_VOID(flush());
  file_path_ = working_ / path;
  file_ = FileHandle(::open(file_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file_.is_open()) return cannot(core::Code::write_failed, "cannot create", file_path_, system_message(errno));
  return {};
}

core::Result<void> FolderOutput::write(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() < k_buffer) return {};
  TALON_TRY_VOID(write_all(file_.get(), buffer_, file_path_));
  buffer_.clear();
  return {};
}

core::Result<void> FolderOutput::flush() {
  if (!file_.is_open()) return {};
  TALON_TRY_VOID(write_all(file_.get(), buffer_, file_path_));
  buffer_.clear();
  if (::fsync(file_.get()) != 0)
    return cannot(core::Code::write_failed, "cannot sync", file_path_, system_message(errno));
  file_ = FileHandle();
  return {};
}

core::Result<void> FolderOutput::finish() {
  TALON_TRY_VOID(flush());
  TALON_TRY_VOID(sync_directory(working_));
  if (::rename(working_.c_str(), target_.c_str()) != 0) {
    return cannot(core::Code::write_failed, "cannot name the folder", target_, system_message(errno));
  }
  working_.clear();
  return {};
}

}  // namespace talon::vault
