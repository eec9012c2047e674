#include "vault/bundle/manifest.h"

#include <algorithm>
#include <array>

#include "core/text.h"

namespace talon::vault {
namespace {

using core::CanonicalArray;
using core::CanonicalObject;
using core::CanonicalValue;

constexpr std::size_t k_max_tenant = 128;  // code points
constexpr std::array<std::string_view, 14> k_members{"count", "export_key", "first", "format", "from",
                                                     "key",   "last",       "needs", "origin", "root",
                                                     "size",  "tenant",     "to",    "writer"};

const CanonicalValue* find(const CanonicalObject& object, std::string_view name) {
  const auto it = object.find(name);
  return it == object.end() ? nullptr : &it->second;
}

/// Reads members one by one and keeps the first complaint.
class MemberReader {
 public:
  MemberReader(const CanonicalObject& object, std::optional<std::string>& problem)
      : object_(object), problem_(problem) {}

  void complain(std::string_view name, std::string_view what) {
    if (!problem_) problem_ = "bundle.json: " + std::string(name) + ' ' + std::string(what);
  }
  std::optional<std::string> text(std::string_view name) {
    const auto* value = find(object_, name);
    if (value != nullptr && value->string() != nullptr) return *value->string();
    complain(name, value == nullptr ? "is missing" : "is not a text");
    return std::nullopt;
  }
  std::optional<std::int64_t> integer(std::string_view name) {
    const auto* value = find(object_, name);
    if (value != nullptr && value->integer() != nullptr) return *value->integer();
    complain(name, value == nullptr ? "is missing" : "is not an integer");
    return std::nullopt;
  }
  std::optional<TreeSize> size(std::string_view name) {
    const auto value = integer(name);
    if (!value) return std::nullopt;
    if (*value >= 0) return static_cast<TreeSize>(*value);
    complain(name, "is negative");
    return std::nullopt;
  }
  std::optional<core::Instant> instant(std::string_view name) {
    if (const auto value = size(name)) return core::Instant{static_cast<std::int64_t>(*value)};
    return std::nullopt;
  }

 private:
  const CanonicalObject& object_;
  std::optional<std::string>& problem_;
};

/// A sorted, unrepeated, non-empty array of texts.
bool is_needs(const CanonicalValue& value) {
  if (value.array() == nullptr || value.array()->empty()) return false;
  const std::string* previous = nullptr;
  for (const auto& word : *value.array()) {
    if (word.string() == nullptr || (previous != nullptr && *word.string() <= *previous)) return false;
    previous = word.string();
  }
  return true;
}

/// One member of a wrong form makes all of bundle.json no input for other checks.
void drop_members(ReadManifest& manifest) {
  manifest.has_tenant = manifest.has_from = manifest.has_to = false;
  manifest.origin_parts.reset();
  for (auto* const text : {&manifest.tenant, &manifest.origin, &manifest.key_text, &manifest.export_key_text}) {
    text->reset();
  }
  manifest.key.reset();
  manifest.export_key.reset();
  for (auto* const number : {&manifest.first, &manifest.last, &manifest.size}) number->reset();
  manifest.root.reset();
  manifest.count.reset();
  manifest.from.reset();
  manifest.to.reset();
  manifest.unknown_members.clear();
}

core::Result<std::vector<Hash>> read_hashes(const CanonicalObject& object, std::string_view name) {
  const auto* value = find(object, name);
  if (value == nullptr || value->array() == nullptr) {
    return core::fail(core::Code::invalid_request, "range.json: " + std::string(name) + " is not an array");
  }
  std::vector<Hash> hashes;
  for (const auto& item : *value->array()) {
    const auto hash = item.string() == nullptr ? std::nullopt : hash_from_base64(*item.string());
    if (!hash) {
      return core::fail(core::Code::invalid_request,
                        "range.json: " + std::string(name) + " holds something else than base64 of 32 bytes");
    }
    hashes.push_back(*hash);
  }
  return hashes;
}

}  // namespace

std::optional<std::string> ReadManifest::trusted_comment() const {
  if (!knows_tenant() || !origin || !has_range() || !root) return std::nullopt;
  Manifest manifest;
  manifest.tenant = tenant;
  manifest.origin = *origin;
  manifest.first = *first;
  manifest.last = *last;
  manifest.size = *size;
  manifest.root = *root;
  return vault::trusted_comment(manifest);
}

void read_manifest(const CanonicalObject& object, ReadManifest& manifest) {
  manifest.is_read = true;
  MemberReader reader(object, manifest.problem);
  manifest.has_tenant = object.contains("tenant");
  if (manifest.has_tenant) {
    manifest.tenant = reader.text("tenant");
    const auto points = manifest.tenant ? core::count_code_points(*manifest.tenant) : std::nullopt;
    if (manifest.tenant && (!points || *points == 0 || *points > k_max_tenant)) {
      reader.complain("tenant", "does not have 1 to 128 characters");
      manifest.tenant.reset();
    }
  }
  manifest.origin = reader.text("origin");
  if (manifest.origin) manifest.origin_parts = split_origin(*manifest.origin);
  if (manifest.origin && !manifest.origin_parts) reader.complain("origin", "is not <vault>/t/<64 hex digits>");

  manifest.key_text = reader.text("key");
  if (manifest.key_text) {
    auto key = VerifierKey::parse(*manifest.key_text);
    if (key) {
      manifest.key = std::move(*key);
    } else {
      reader.complain("key", "cannot be used: " + key.error().message);
    }
  }
  manifest.export_key_text = reader.text("export_key");
  if (manifest.export_key_text) {
    auto key = MinisignKey::parse(*manifest.export_key_text);
    if (key) {
      manifest.export_key = *key;
    } else {
      reader.complain("export_key", "cannot be used: " + key.error().message);
    }
  }
  manifest.first = reader.size("first");
  manifest.last = reader.size("last");
  manifest.size = reader.size("size");
  if (const auto root = reader.text("root")) {
    manifest.root = hash_from_base64(*root);
    if (!manifest.root) reader.complain("root", "is not the base64 of 32 bytes");
  }
  if (const auto count = reader.size("count")) manifest.count = static_cast<std::int64_t>(*count);
  manifest.has_from = object.contains("from");
  manifest.has_to = object.contains("to");
  if (manifest.has_from) manifest.from = reader.instant("from");
  if (manifest.has_to) manifest.to = reader.instant("to");
  if (const auto* needs = find(object, "needs"); needs != nullptr && !is_needs(*needs)) {
    reader.complain("needs", "is not a sorted, non-empty array of different texts");
  }
  (void)reader.text("writer");
  for (const auto& [name, value] : object) {
    if (std::find(k_members.begin(), k_members.end(), name) == k_members.end())
      manifest.unknown_members.push_back(name);
  }
  if (manifest.problem) drop_members(manifest);
}

core::Result<RangeProof> read_range(std::string_view canonical_line) {
  TALON_TRY(value, core::parse_canonical(canonical_line));
  if (value.object() == nullptr || value.object()->size() != 2) {
    return core::fail(core::Code::invalid_request, "range.json is not an object of left and right alone");
  }
  TALON_TRY(left, read_hashes(*value.object(), "left"));
  TALON_TRY(right, read_hashes(*value.object(), "right"));
  return RangeProof{std::move(left), std::move(right)};
}

}  // namespace talon::vault
