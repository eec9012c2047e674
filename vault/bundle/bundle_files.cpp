#include "vault/bundle/bundle_files.h"

#include <algorithm>
#include <array>
#include <system_error>

#include "core/text.h"
#include "vault/bundle/layout.h"
#include "vault/bundle/tar.h"

namespace talon::vault {
namespace {

namespace fs = std::filesystem;

/// More names than SHA256SUMS can list within its bound.
constexpr std::size_t k_max_entries = 1'000'000;
constexpr std::size_t k_size_at = 124, k_size_digits = 11, k_type_at = 156, k_magic_at = 257;

std::unexpected<core::Error> unreadable(const fs::path& path, std::string_view why) {
  return core::fail(
      core::Error{core::Code::bundle_unreadable, path.string() + ": " + std::string(why), core::Place{path.string()}});
}

bool is_ustar(const TarBlock& block) noexcept {
  return std::string_view(block.data() + k_magic_at, 6) == std::string_view("ustar\0", 6);
}

/// 11 octal digits and NUL.
std::optional<std::uint64_t> member_size(const TarBlock& block) noexcept {
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < k_size_digits; ++i) {
    const char digit = block[k_size_at + i];
    if (digit < '0' || digit > '7') return std::nullopt;
    size = size << 3 | static_cast<std::uint64_t>(digit - '0');
  }
  if (block[k_size_at + k_size_digits] != '\0') return std::nullopt;
  return size;
}

std::string_view member_name(const TarBlock& block) noexcept {
  const std::string_view field(block.data(), k_max_path);
  return field.substr(0, field.find('\0'));
}

std::string shown(std::string_view name) { return name.empty() ? "(no name)" : core::terminal_text(name); }

}  // namespace

core::Result<BundleFiles> BundleFiles::open(const fs::path& path) {
  BundleFiles files;
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) {
    return unreadable(path,
                      error && status.type() != fs::file_type::not_found ? error.message() : "there is no such file");
  }
  if (fs::is_directory(status)) {
    files.folder_ = path;
    TALON_TRY_VOID(files.read_folder());
    return files;
  }
  // The argument itself may be a link; only links inside a bundle are refused.
  const fs::path real = fs::canonical(path, error);
  if (error) return unreadable(path, error.message());
  TALON_TRY(bytes, open_bytes(real));
  files.tar_ = std::move(bytes);
  TALON_TRY_VOID(files.read_tar());
  return files;
}

core::Result<BundleFiles> BundleFiles::in_memory(std::string_view bytes) {
  BundleFiles files;
  files.tar_ = memory_bytes(bytes);
  TALON_TRY_VOID(files.read_tar());
  return files;
}

const BundleEntry* BundleFiles::find(std::string_view path) const noexcept {
  const auto it =
      std::lower_bound(entries_.begin(), entries_.end(), path,
                       [](const BundleEntry& entry, std::string_view wanted) { return entry.path < wanted; });
  return it != entries_.end() && it->path == path ? &*it : nullptr;
}

core::Result<ByteReader> BundleFiles::reader(const BundleEntry& entry) const {
  if (tar_) return ByteReader(*tar_, entry.offset, entry.size);
  TALON_TRY(bytes, open_bytes(folder_ / entry.path));
  if (bytes->size() != entry.size) return unreadable(folder_ / entry.path, "changed while the bundle was read");
  return ByteReader(std::move(bytes), entry.size);
}

core::Result<std::string> BundleFiles::read(const BundleEntry& entry) const {
  TALON_TRY(bytes, reader(entry));
  std::string text(static_cast<std::size_t>(entry.size), '\0');
  TALON_TRY(got, bytes.read(text));
  text.resize(got);
  return std::move(text);
}

void BundleFiles::file_is_wrong(std::string_view file, std::string_view what) {
  if (!file_problem_) file_problem_ = FileProblem{shown(file), std::string(what)};
}

core::Result<bool> BundleFiles::zeros(std::uint64_t offset, std::uint64_t size) const {
  std::array<char, 2 * k_tar_block> bytes;
  const auto part = std::span(bytes).first(static_cast<std::size_t>(size));
  TALON_TRY_VOID(tar_->read_at(offset, part));
  return std::all_of(part.begin(), part.end(), [](char c) { return c == '\0'; });
}

core::Result<void> BundleFiles::read_tar() {
  TarBlock first{};
  if (tar_->size() >= k_tar_block) TALON_TRY_VOID(tar_->read_at(0, first));
  if (!is_ustar(first)) return unreadable("bundle", "is neither a .talon file (a ustar archive) nor a folder");
  for (std::uint64_t offset = 0;;) {
    TALON_TRY(more, read_tar_member(offset));
    if (!more) break;
  }
  sort_entries();
  return {};
}

/// One header with its data. False when the tar has ended or cannot be followed any further.
core::Result<bool> BundleFiles::read_tar_member(std::uint64_t& offset) {
  const std::uint64_t left = tar_->size() - offset;
  if (left < k_tar_block) {
    file_is_wrong("(tar)", "the archive does not end with two zero blocks: it was cut");
    return false;
  }
  TALON_TRY(at_end, zeros(offset, k_tar_block));
  if (at_end) {
    const bool complete = left == 2 * k_tar_block && zeros(offset, 2 * k_tar_block).value_or(false);
    if (!complete) file_is_wrong("(tar)", "the archive does not end with exactly two zero blocks");
    return false;
  }
  TarBlock block;
  TALON_TRY_VOID(tar_->read_at(offset, block));
  const std::string_view name = member_name(block);
  const auto size = member_size(block);
  if (!size) {
    file_is_wrong(name, "its size in the archive is not 11 octal digits");
    return false;
  }
  if (*size > left - k_tar_block) {
    file_is_wrong(name, "its data passes the end of the archive");
    return false;
  }
  if (entries_.size() == k_max_entries) {
    file_is_wrong(name, "the archive holds too many files");
    return false;
  }
  if (!is_bundle_path(name)) {
    file_is_wrong(name, "no file of a bundle has such a path");
  } else if (block[k_type_at] != '0') {
    file_is_wrong(name, "it is a link, a folder or a device, not a file");
  } else {
    if (!entries_.empty() && name <= std::string_view(entries_.back().path)) {
      file_is_wrong(name, "the archive is not in path order, or holds a path twice");
    }
    entries_.push_back({std::string(name), *size, offset + k_tar_block});
  }
  if (block != tar_header(name, *size)) file_is_wrong(name, "its header differs from the one way to write it");
  offset += k_tar_block + *size;
  const std::uint64_t padding = tar_padding(*size);
  const std::uint64_t there = std::min(padding, tar_->size() - offset);
  TALON_TRY(clean, zeros(offset, there));
  if (!clean) file_is_wrong(name, "the bytes between it and the next file are not NUL");
  offset += there;
  return true;
}

void BundleFiles::sort_entries() {
  // Of two members with one name the first counts, as tar's own readers do not agree on one.
  const auto by_path = [](const BundleEntry& a, const BundleEntry& b) {
    return a.path != b.path ? a.path < b.path : a.offset < b.offset;
  };
  const auto same_path = [](const BundleEntry& a, const BundleEntry& b) { return a.path == b.path; };
  std::sort(entries_.begin(), entries_.end(), by_path);
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same_path), entries_.end());
}

core::Result<void> BundleFiles::read_folder() {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    const auto status = it->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status)) continue;  // an empty folder is ignored
    const std::string name = it->path().lexically_relative(folder_).generic_string();
    if (!fs::is_regular_file(status)) {
      file_is_wrong(name, "it is a link or a device, not a file");
    } else if (!is_bundle_path(name)) {
      if (!name_problem_) name_problem_ = FileProblem{shown(name), "no file of a bundle has such a path"};
    } else if (entries_.size() == k_max_entries) {
      file_is_wrong(name, "the folder holds too many files");
      break;
    } else {
      const auto size = it->file_size(error);
      if (error) break;
      entries_.push_back({name, size, 0});
    }
  }
  if (error) return unreadable(folder_, error.message());
  sort_entries();
  return {};
}

}  // namespace talon::vault
