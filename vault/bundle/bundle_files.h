// The files of a bundle, whether they lie in a `.talon` tar or in a folder: names and sizes, and readers for them.
// What is wrong with the container itself is collected here and becomes the checks `file` and `sums`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/bundle/byte_source.h"

namespace talon::vault {

struct BundleEntry {
  std::string path;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;  ///< of the data in the tar
};

/// Something wrong, and the file it is wrong with.
struct FileProblem {
  std::string file;
  std::string what;
};

/// Reading is const and may be done from several threads.
class BundleFiles {
 public:
  /// A `.talon` file or a folder. Error: Code::bundle_unreadable when it is neither.
  [[nodiscard]] static core::Result<BundleFiles> open(const std::filesystem::path& path);
  /// The bytes of a `.talon`, which must outlive the object.
  [[nodiscard]] static core::Result<BundleFiles> in_memory(std::string_view bytes);

  /// In path order, each path once (of two members of a tar the first), names as evidence.md §5 wants them. What is no
  /// regular file, whatever its name, is not among them.
  [[nodiscard]] const std::vector<BundleEntry>& entries() const noexcept { return entries_; }
  [[nodiscard]] const BundleEntry* find(std::string_view path) const noexcept;
  [[nodiscard]] core::Result<ByteReader> reader(const BundleEntry& entry) const;
  /// The whole content of a file known to be small.
  [[nodiscard]] core::Result<std::string> read(const BundleEntry& entry) const;

  /// First of its kind: tar form, links, paths (check `file`).
  [[nodiscard]] const std::optional<FileProblem>& file_problem() const noexcept { return file_problem_; }
  /// A name in a folder that no bundle file has (check `sums`).
  [[nodiscard]] const std::optional<FileProblem>& name_problem() const noexcept { return name_problem_; }

 private:
  [[nodiscard]] core::Result<void> read_tar();
  [[nodiscard]] core::Result<bool> read_tar_member(std::uint64_t& offset);
  [[nodiscard]] core::Result<void> read_folder();
  [[nodiscard]] core::Result<bool> zeros(std::uint64_t offset, std::uint64_t size) const;
  void sort_entries();
  void file_is_wrong(std::string_view file, std::string_view what);

  std::filesystem::path folder_;     ///< or empty
  std::unique_ptr<ByteSource> tar_;  ///< or nothing
  std::vector<BundleEntry> entries_;
  std::optional<FileProblem> file_problem_, name_problem_;
};

}  // namespace talon::vault
