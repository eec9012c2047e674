#include "vault/bundle/opened_bundle.h"

#include <algorithm>

#include "core/text.h"
#include "vault/bundle/json_shape.h"

namespace talon::vault {
namespace {

std::uint64_t bound_of(std::string_view path) noexcept {
  return path == k_sums_file ? k_max_sums_file : k_max_small_file;
}

/// The text of a small file, or nullopt (and a failed `file`) when it is missing or over its bound.
core::Result<std::optional<std::string>> read_small(const BundleFiles& files, std::string_view path,
                                                    CheckList& checks) {
  const BundleEntry* const entry = files.find(path);
  if (entry == nullptr) {
    checks.fail(CheckId::file, {std::string(path), "it is missing"});
    return std::nullopt;
  }
  if (entry->size > bound_of(path)) {
    checks.fail(CheckId::file, {std::string(path), "it is larger than such a file may be"});
    return std::nullopt;
  }
  TALON_TRY(text, files.read(*entry));
  return std::optional(std::move(text));
}

void check_present(const BundleFiles& files, std::string_view path, CheckList& checks) {
  if (files.find(path) == nullptr) checks.fail(CheckId::file, {std::string(path), "it is missing"});
}

/// One canonical line with its LF.
std::optional<core::CanonicalValue> read_json_file(std::string_view path, std::string_view text, CheckList& checks) {
  if (!text.ends_with('\n')) {
    checks.fail(CheckId::canonical, {std::string(path), "it does not end with LF"});
    return std::nullopt;
  }
  auto value = core::parse_canonical(text.substr(0, text.size() - 1));
  if (!value) {
    checks.fail(CheckId::canonical, {std::string(path), value.error().message});
    return std::nullopt;
  }
  if (value->object() == nullptr) {
    checks.fail(CheckId::canonical, {std::string(path), "it is not an object"});
    return std::nullopt;
  }
  checks.pass(CheckId::canonical);
  return std::move(*value);
}

core::Result<void> read_range_file(OpenedBundle& bundle, CheckList& checks) {
  const ReadManifest& manifest = bundle.manifest;
  const bool there = bundle.files.find(k_range_file) != nullptr;
  if (manifest.has_range() && manifest.is_whole_log()) {
    if (there) checks.fail(CheckId::file, {std::string(k_range_file), "it stands beside a whole log"});
    bundle.range.emplace();
    return {};
  }
  // Without well-typed first, last and size nobody can tell whether it has to be there.
  if (!there && !manifest.has_range()) return {};
  TALON_TRY(text, read_small(bundle.files, k_range_file, checks));
  if (!text || !read_json_file(k_range_file, *text, checks)) return {};
  bundle.has_range_file = true;
  auto range = read_range(std::string_view(*text).substr(0, text->size() - 1));
  if (range) {
    bundle.range = std::move(*range);
  } else {
    bundle.range_form = Finding{std::string(k_range_file), range.error().message};
  }
  return {};
}

std::string in_quotes(std::string_view text) { return '"' + core::terminal_text(text) + '"'; }

}  // namespace

core::Result<void> check_readable(std::string_view manifest_text) {
  const auto shape = read_manifest_shape(manifest_text);
  if (!shape) return core::fail(core::Code::bundle_unreadable, "bundle.json is not a JSON object");
  if (shape->format != k_bundle_format) {
    return core::fail(core::Code::not_supported, "bundle.json says format " + in_quotes(shape->format.value_or("")) +
                                                     "; this version of Talon knows " + in_quotes(k_bundle_format));
  }
  // What may stand in `needs` arrives with rotation and pruning; this version knows neither.
  if (shape->needs) {
    return core::fail(core::Code::not_supported, "bundle.json needs " + in_quotes(shape->needs->front()) +
                                                     " to be understood, which this version of Talon does not; "
                                                     "verify it with a newer one");
  }
  return {};
}

core::Result<void> read_small_files(std::string_view manifest_text, OpenedBundle& bundle, CheckList& checks) {
  const BundleFiles& files = bundle.files;
  if (files.file_problem()) checks.fail(CheckId::file, {files.file_problem()->file, files.file_problem()->what});
  if (const auto value = read_json_file(k_manifest_file, manifest_text, checks)) {
    read_manifest(*value->object(), bundle.manifest);
  }
  if (const BundleEntry* const readme = files.find(k_readme_file);
      readme != nullptr && readme->size > k_max_small_file) {
    checks.fail(CheckId::file, {readme->path, "it is larger than such a file may be"});
  }
  for (const auto path : {k_readme_file, k_leaves_file, k_records_file}) check_present(files, path, checks);
  TALON_TRY(sums, read_small(files, k_sums_file, checks));
  TALON_TRY(signature, read_small(files, k_signature_file, checks));
  TALON_TRY(note, read_small(files, k_checkpoint_file, checks));
  bundle.sums = std::move(sums);
  bundle.signature = std::move(signature);
  bundle.note = std::move(note);
  if (bundle.note) {
    const auto text = signed_text(*bundle.note);
    auto claimed = text ? read_checkpoint_text(*text) : core::Result<Checkpoint>(std::unexpected(text.error()));
    if (claimed) bundle.claimed = std::move(*claimed);
  }
  TALON_TRY_VOID(read_range_file(bundle, checks));
  checks.pass(CheckId::file);
  return {};
}

void check_minisig(const OpenedBundle& bundle, CheckList& checks) {
  const ReadManifest& manifest = bundle.manifest;
  const auto comment = manifest.trusted_comment();
  if (!bundle.sums || !bundle.signature || !comment || !manifest.origin_parts || !manifest.export_key) return;
  const auto verified =
      verify_minisign(*bundle.signature, *bundle.sums, manifest.origin_parts->vault, *comment, *manifest.export_key);
  if (verified) {
    checks.pass(CheckId::minisig);
  } else {
    checks.fail(CheckId::minisig, {std::string(k_signature_file), verified.error().message});
  }
}

void check_meta(const OpenedBundle& bundle, CheckList& checks) {
  if (!bundle.manifest.is_read) return;
  const ReadManifest& manifest = bundle.manifest;
  const auto wrong = [&checks](std::string what) {
    checks.fail(CheckId::meta, {std::string(k_manifest_file), std::move(what)});
  };
  if (manifest.problem) wrong(*manifest.problem);
  if (const auto& claimed = bundle.claimed) {
    if (manifest.origin && *manifest.origin != claimed->origin) wrong("its origin is not the checkpoint's");
    if (manifest.size && *manifest.size != claimed->size) wrong("its size is not the checkpoint's");
    if (manifest.root && *manifest.root != claimed->root) wrong("its root is not the checkpoint's");
  }
  if (manifest.origin_parts && manifest.knows_tenant()) {
    const auto is_of = [&](std::string_view log_name) {
      return manifest.origin_parts->log_hash == to_hex(sha256(log_name));
    };
    const bool fits =
        manifest.tenant ? is_of(*manifest.tenant)
                        : is_of(core::LogName::unattributed().bytes()) || is_of(core::LogName::operator_log().bytes());
    if (!fits) wrong("its origin is not that of its tenant");
  }
  if (manifest.first && manifest.last && *manifest.first > *manifest.last) wrong("first is larger than last");
  if (manifest.last && manifest.size && *manifest.last >= *manifest.size) wrong("last is not below size");
  if (manifest.from && manifest.to && *manifest.from >= *manifest.to) wrong("from is not before to");
  checks.pass(CheckId::meta);
}

void check_key(const OpenedBundle& bundle, const std::optional<PinnedKeys>& pinned, CheckList& checks) {
  const ReadManifest& manifest = bundle.manifest;
  const auto wrong = [&checks](std::string what) {
    checks.fail(CheckId::key, {std::string(k_manifest_file), std::move(what)});
  };
  if (manifest.key && manifest.origin_parts) {
    if (manifest.key->name != manifest.origin_parts->vault) wrong("the key's name is not the vault's of the origin");
    checks.pass(CheckId::key);
  }
  if (!pinned) return;
  if (manifest.key && pinned->log_key) {
    if (manifest.key->text() != pinned->log_key->text())
      wrong("its key is not the pinned one, " + pinned->log_key->text());
    checks.pass(CheckId::key);
  }
  if (manifest.export_key && pinned->export_key) {
    if (manifest.export_key->text() != pinned->export_key->text()) {
      wrong("its export_key is not the pinned one, " + pinned->export_key->text());
    }
    checks.pass(CheckId::key);
  }
}

std::optional<Checkpoint> check_checkpoint(const OpenedBundle& bundle, CheckList& checks) {
  if (!bundle.note || !bundle.manifest.key) return std::nullopt;
  auto checkpoint = open_checkpoint(*bundle.note, *bundle.manifest.key);
  if (!checkpoint) {
    checks.fail(CheckId::checkpoint, {std::string(k_checkpoint_file), checkpoint.error().message});
    return std::nullopt;
  }
  checks.pass(CheckId::checkpoint);
  return std::move(*checkpoint);
}

}  // namespace talon::vault
