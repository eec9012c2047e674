#include "vault/bundle/layout.h"

#include <algorithm>

#include "core/canonical_json.h"
#include "vault/log/note.h"

namespace talon::vault {
namespace {

using core::CanonicalArray;
using core::CanonicalObject;
using core::CanonicalValue;

bool is_alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_path_segment(std::string_view segment) noexcept {
  return !segment.empty() && is_alphanumeric(segment.front()) &&
         std::all_of(segment.begin(), segment.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

CanonicalValue integer(std::uint64_t value) { return CanonicalValue(static_cast<std::int64_t>(value)); }

CanonicalValue hashes(const std::vector<Hash>& list) {
  CanonicalArray array;
  for (const Hash& hash : list) array.emplace_back(to_base64(hash));
  return CanonicalValue(std::move(array));
}

std::string line_of(CanonicalObject object) {
  std::string out;
  core::write_canonical(CanonicalValue(std::move(object)), out);
  return out + '\n';
}

}  // namespace

bool is_bundle_path(std::string_view path) noexcept {
  if (path.empty() || path.size() > k_max_path) return false;
  for (;;) {
    const auto slash = path.find('/');
    if (!is_path_segment(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

std::string to_file(const Manifest& manifest) {
  CanonicalObject object{
      {"format", CanonicalValue(std::string(k_bundle_format))},
      {"origin", CanonicalValue(manifest.origin)},
      {"key", CanonicalValue(manifest.key)},
      {"export_key", CanonicalValue(manifest.export_key)},
      {"first", integer(manifest.first)},
      {"last", integer(manifest.last)},
      {"size", integer(manifest.size)},
      {"root", CanonicalValue(to_base64(manifest.root))},
      {"count", CanonicalValue(manifest.count)},
      {"writer", CanonicalValue(manifest.writer)},
  };
  if (manifest.tenant) object.emplace("tenant", CanonicalValue(*manifest.tenant));
  if (manifest.from) object.emplace("from", CanonicalValue(manifest.from->micros));
  if (manifest.to) object.emplace("to", CanonicalValue(manifest.to->micros));
  return line_of(std::move(object));
}

std::string to_file(const RangeProof& range) {
  return line_of({{"left", hashes(range.left)}, {"right", hashes(range.right)}});
}

std::optional<OriginParts> split_origin(std::string_view origin) noexcept {
  constexpr std::string_view k_mark = "/t/";
  constexpr std::size_t k_hex = 64;
  if (origin.size() <= k_mark.size() + k_hex) return std::nullopt;
  const auto vault = origin.substr(0, origin.size() - k_mark.size() - k_hex);
  const auto hash = origin.substr(origin.size() - k_hex);
  const bool is_hex =
      std::all_of(hash.begin(), hash.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!is_hex || origin.substr(vault.size(), k_mark.size()) != k_mark || !check_vault_name(vault)) return std::nullopt;
  return OriginParts{vault, hash};
}

std::string trusted_comment(const Manifest& manifest) {
  std::string text(k_bundle_format);
  if (manifest.tenant) text += " tenant=" + core::percent_encode(*manifest.tenant);
  text += " origin=" + manifest.origin;
  text += " records=" + std::to_string(manifest.first) + '-' + std::to_string(manifest.last);
  text += " size=" + std::to_string(manifest.size);
  return text + " root=" + to_base64(manifest.root);
}

}  // namespace talon::vault
