#include "vault/bundle/sums.h"

#include <algorithm>
#include <array>

#include "core/text.h"
#include "vault/bundle/layout.h"

namespace talon::vault {
namespace {

constexpr std::size_t k_hex = 64;
constexpr std::size_t k_max_named = 100;
constexpr std::array<std::string_view, 6> k_known_files{k_readme_file, k_manifest_file, k_checkpoint_file,
                                                        k_leaves_file, k_range_file,    k_records_file};

bool is_unlisted(std::string_view path) noexcept { return path == k_sums_file || path == k_signature_file; }

struct SumLine {
  std::string_view hex, path;
};

/// `<64 hex>  <path>`
std::optional<SumLine> parse_line(std::string_view line) noexcept {
  if (line.size() < k_hex + 2) return std::nullopt;
  const SumLine parsed{line.substr(0, k_hex), line.substr(k_hex + 2)};
  const bool is_hex = std::all_of(parsed.hex.begin(), parsed.hex.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!is_hex || line.substr(k_hex, 2) != "  " || !is_bundle_path(parsed.path) || is_unlisted(parsed.path)) {
    return std::nullopt;
  }
  return parsed;
}

core::Result<std::string> hex_of(const BundleFiles& files, const BundleEntry& entry, std::string& buffer) {
  constexpr std::uint64_t k_buffer = 256 * 1024;
  TALON_TRY(reader, files.reader(entry));
  if (const auto wanted = std::min(k_buffer, entry.size + 1); buffer.size() < wanted) buffer.resize(wanted);
  Sha256 hash;
  for (;;) {
    TALON_TRY(got, reader.read(buffer));
    if (got == 0) return to_hex(hash.finish());
    hash.update(std::string_view(buffer).substr(0, got));
  }
}

/// Lists in one order are compared like two sorted piles of cards: `next` walks the files there are, each line the
/// ones there should be.
class SumsCheck {
 public:
  SumsCheck(const BundleFiles& files, SumsResult& result) : files_(files), result_(result) {}

  core::Result<void> line(std::size_t number, std::string_view text) {
    const auto sum = parse_line(text);
    if (!sum) {
      find({std::string(k_sums_file), "line " + std::to_string(number) + " is not a hash, two spaces and a path"});
      return {};
    }
    if (sum->path <= previous_) {
      find({std::string(k_sums_file), "line " + std::to_string(number) + " is not in path order"});
      return {};
    }
    previous_ = sum->path;
    pass_unlisted(sum->path);
    if (next_ == files_.entries().size() || files_.entries()[next_].path != sum->path) {
      find({std::string(sum->path), "it is listed in SHA256SUMS but not there"});
      return {};
    }
    const BundleEntry& entry = files_.entries()[next_++];
    TALON_TRY(hex, hex_of(files_, entry, buffer_));
    if (hex != sum->hex) find({entry.path, "its SHA-256 is not the one in SHA256SUMS"});
    note_unknown(entry.path);
    return {};
  }

  void end() { pass_unlisted({}); }

 private:
  void find(Finding finding) {
    if (!result_.finding) result_.finding = std::move(finding);
  }

  /// Everything before `path` (or the end) that no line names.
  void pass_unlisted(std::string_view path) {
    for (; next_ < files_.entries().size(); ++next_) {
      const std::string& there = files_.entries()[next_].path;
      if (!path.empty() && there >= path) return;
      if (!is_unlisted(there)) find({there, "it is not listed in SHA256SUMS"});
    }
  }

  void note_unknown(const std::string& path) {
    if (std::find(k_known_files.begin(), k_known_files.end(), path) != k_known_files.end()) return;
    if (result_.unchecked.size() < k_max_named) {
      result_.unchecked.push_back(path);
    } else {
      ++result_.more_unchecked;
    }
  }

  const BundleFiles& files_;
  SumsResult& result_;
  std::string buffer_;
  std::string_view previous_;
  std::size_t next_ = 0;
};

}  // namespace

core::Result<SumsResult> check_sums(const BundleFiles& files, std::string_view text) {
  SumsResult result;
  if (files.name_problem()) result.finding = Finding{files.name_problem()->file, files.name_problem()->what};
  SumsCheck check(files, result);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) {
      if (!result.finding) result.finding = Finding{std::string(k_sums_file), "its last line does not end"};
      break;
    }
    TALON_TRY_VOID(check.line(number, text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
  check.end();
  return result;
}

}  // namespace talon::vault
