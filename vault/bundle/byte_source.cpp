#include "vault/bundle/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace talon::vault {
namespace {

namespace fs = std::filesystem;

std::unexpected<core::Error> unreadable(const fs::path& path, std::string_view why) {
  return core::fail(
      core::Error{core::Code::bundle_unreadable, path.string() + ": " + std::string(why), core::Place{path.string()}});
}

class FileBytes final : public ByteSource {
 public:
  FileBytes(FileHandle file, std::uint64_t size, fs::path path)
      : file_(std::move(file)), size_(size), path_(std::move(path)) {}
  std::uint64_t size() const noexcept override { return size_; }
  core::Result<void> read_at(std::uint64_t offset, std::span<char> out) const override {
    while (!out.empty()) {
      const auto got = ::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return unreadable(path_, "cannot be read: " + system_message(errno));
      if (got == 0) return unreadable(path_, "became shorter while it was read");
      out = out.subspan(static_cast<std::size_t>(got));
      offset += static_cast<std::uint64_t>(got);
    }
    return {};
  }

 private:
  FileHandle file_;
  std::uint64_t size_;
  fs::path path_;
};

class MemoryBytes final : public ByteSource {
 public:
  explicit MemoryBytes(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t size() const noexcept override { return bytes_.size(); }
  core::Result<void> read_at(std::uint64_t offset, std::span<char> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) return unreadable("bundle", "is too short");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

 private:
  std::string_view bytes_;
};

}  // namespace

core::Result<std::unique_ptr<ByteSource>> open_bytes(const fs::path& path) {
  // O_NONBLOCK: a FIFO must not hold the verifier up; it is refused below.
  FileHandle file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) return unreadable(path, "cannot be opened: " + system_message(errno));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return unreadable(path, "cannot be read: " + system_message(errno));
  if (!S_ISREG(status.st_mode)) return unreadable(path, "is not a regular file");
  return std::make_unique<FileBytes>(std::move(file), static_cast<std::uint64_t>(status.st_size), path);
}

std::unique_ptr<ByteSource> memory_bytes(std::string_view bytes) { return std::make_unique<MemoryBytes>(bytes); }

core::Result<std::size_t> ByteReader::read(std::span<char> out) {
  const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), end_ - at_));
  TALON_TRY_VOID(source_->read_at(at_, out.first(size)));
  at_ += size;
  return size;
}

}  // namespace talon::vault
