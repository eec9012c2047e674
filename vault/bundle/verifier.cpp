// The verifier's table of contents: the checks of evidence.md §6 in order, then what they amount to.
#include "vault/bundle/verifier.h"

#include <algorithm>
#include <future>

#include "core/text.h"
#include "vault/bundle/opened_bundle.h"
#include "vault/bundle/record_pass.h"
#include "vault/bundle/sums.h"
#include "vault/bundle/verdict.h"

namespace talon::vault {
namespace {

/// What the lines must lead to: the signed checkpoint, or, when that is not to be trusted, bundle.json.
struct ExpectedRoot {
  TreeSize size = 0;
  Hash root{};
};

std::optional<ExpectedRoot> expected_root(const std::optional<Checkpoint>& checkpoint, const ReadManifest& manifest) {
  if (checkpoint) return ExpectedRoot{checkpoint->size, checkpoint->root};
  if (manifest.size && manifest.root) return ExpectedRoot{*manifest.size, *manifest.root};
  return std::nullopt;
}

/// Lines and counts of `meta`.
void check_counts(const ReadManifest& manifest, const RecordPass& pass, CheckList& checks) {
  const auto wrong = [&checks](std::string what) {
    checks.fail(CheckId::meta, {std::string(k_manifest_file), std::move(what)});
  };
  if (manifest.first && manifest.last && *manifest.first <= *manifest.last &&
      *manifest.last - *manifest.first + 1 != pass.lines) {
    wrong("first and last do not fit the " + std::to_string(pass.lines) + " lines of records.jsonl");
  }
  if (manifest.count && pass.typed && static_cast<TreeSize>(*manifest.count) != pass.in_period) {
    wrong("count is not the number of records in the period, " + std::to_string(pass.in_period));
  }
}

/// `leaf`: the changed record is named when leaves.bin itself leads to the root.
core::Result<void> check_leaves(const OpenedBundle& bundle, const BundleEntry& leaves, const RecordPass& pass,
                                const std::optional<ExpectedRoot>& expected, CheckList& checks) {
  if (!pass.leaf) {
    checks.pass(CheckId::leaf);
    return {};
  }
  const auto& manifest = bundle.manifest;
  bool list_is_right = false;
  if (expected && bundle.range && manifest.first) {
    TALON_TRY(root, root_of_leaves(bundle.files, leaves, *manifest.first, expected->size, *bundle.range));
    list_is_right = root == expected->root;
  }
  const std::string place = "record " + std::to_string(manifest.first.value_or(0) + pass.leaf->position);
  if (!list_is_right) {
    checks.fail(CheckId::leaf, {leaves.path, "it is not the list of the records' hashes (first at " + place +
                                                 "), and does not lead to the root itself"});
  } else if (leaves.size != pass.lines * sizeof(Hash) || pass.leaf->record.empty()) {
    checks.fail(CheckId::leaf, {place, "from here on, records are missing or were added"});
  } else {
    checks.fail(CheckId::leaf, {pass.leaf->record, "it is not the record that the log holds: it was changed"});
  }
  return {};
}

void check_root(const OpenedBundle& bundle, const RecordPass& pass, const std::optional<ExpectedRoot>& expected,
                CheckList& checks) {
  if (!bundle.manifest.is_usable()) return;
  if (bundle.range_form) {
    checks.fail(CheckId::root, *bundle.range_form);
    return;
  }
  if (!pass.tree || !expected) return;
  const auto root = pass.tree->root(expected->size, bundle.range->right);
  if (!root) {
    checks.fail(CheckId::root, {std::string(bundle.has_range_file ? k_range_file : k_records_file),
                                "the numbers of records and hashes do not fit a log of " +
                                    std::to_string(expected->size) + " records"});
  } else if (*root != expected->root) {
    checks.fail(CheckId::root, {std::string(k_records_file), "the records do not lead to the signed root"});
  } else {
    checks.pass(CheckId::root);
  }
}

std::optional<std::string> period_problem(const ReadManifest& manifest, const RecordPass& pass) {
  const bool at_start = *manifest.first == 0;
  const bool at_end = *manifest.last + 1 == *manifest.size;
  if (manifest.from && pass.before_from != 1 && !(pass.before_from == 0 && at_start)) {
    return "not exactly one record stands before the period";
  }
  if (manifest.to && pass.at_or_after_to != 1 && !(pass.at_or_after_to == 0 && at_end)) {
    return "not exactly one record stands after the period";
  }
  if (!manifest.from && !at_start) return "without from, the log's first record is missing";
  if (!manifest.to && !at_end) return "without to, the log's last record is missing";
  return std::nullopt;
}

void check_period(const ReadManifest& manifest, const RecordPass& pass, CheckList& checks) {
  if (!manifest.has_range() || !pass.typed) return;
  std::optional<Finding> finding;
  if (auto problem = period_problem(manifest, pass))
    finding = Finding{std::string(k_records_file), std::move(*problem)};
  checks.settle(CheckId::period, std::move(finding));
}

/// Everything that reads records.jsonl.
core::Result<std::optional<RecordPass>> check_records(const OpenedBundle& bundle,
                                                      const std::optional<Checkpoint>& checkpoint, CheckList& checks) {
  const BundleEntry* const records = bundle.files.find(k_records_file);
  const BundleEntry* const leaves = bundle.files.find(k_leaves_file);
  if (records == nullptr) return std::nullopt;
  TALON_TRY(pass, pass_over_records(bundle.files, *records, leaves, bundle.manifest, bundle.range));
  checks.settle(CheckId::canonical, pass.canonical);
  if (pass.canonical) return std::nullopt;
  const auto expected = expected_root(checkpoint, bundle.manifest);
  check_counts(bundle.manifest, pass, checks);
  // Both compare with bundle.json; `order` and `period` also need the types that `record` looks at.
  if (bundle.manifest.is_usable()) {
    checks.settle(CheckId::record, pass.record);
    if (pass.typed) checks.settle(CheckId::order, pass.order);
  }
  if (leaves != nullptr) TALON_TRY_VOID(check_leaves(bundle, *leaves, pass, expected, checks));
  check_root(bundle, pass, expected, checks);
  check_period(bundle.manifest, pass, checks);
  return std::optional(std::move(pass));
}

bool is_large(const BundleFiles& files) {
  constexpr std::uint64_t k_large = 1 << 20;
  const BundleEntry* const records = files.find(k_records_file);
  return records != nullptr && records->size >= k_large;
}

core::Result<VerifyReport> verify_files(const BundleFiles& files, const VerifyOptions& options) {
  const BundleEntry* const manifest_entry = files.find(k_manifest_file);
  if (manifest_entry == nullptr) {
    return core::fail(core::Code::bundle_unreadable,
                      "there is no bundle.json in it: it is not a Talon bundle, or was cut");
  }
  CheckList checks;
  OpenedBundle bundle(files);
  if (manifest_entry->size > k_max_small_file) {
    checks.fail(CheckId::file, {manifest_entry->path, "it is larger than such a file may be"});
    return conclude(bundle, std::nullopt, {}, options, checks);
  }
  TALON_TRY(manifest_text, files.read(*manifest_entry));
  TALON_TRY_VOID(check_readable(manifest_text));
  // Beyond this point the exit is 0, 1 or 4, unless a file cannot be read.

  TALON_TRY_VOID(read_small_files(manifest_text, bundle, checks));
  // The files are hashed for SHA256SUMS while the records are checked: two halves of the work, where there are two
  // cores. Without a thread to be had, or for little work, one after the other.
  std::future<core::Result<SumsResult>> sums;
  if (bundle.sums) {
    const auto policy = is_large(files) ? std::launch::async | std::launch::deferred : std::launch::deferred;
    sums = std::async(policy, [&] { return check_sums(files, *bundle.sums); });
  }
  check_minisig(bundle, checks);
  check_meta(bundle, checks);
  check_key(bundle, options.pinned, checks);
  const auto checkpoint = check_checkpoint(bundle, checks);
  TALON_TRY(pass, check_records(bundle, checkpoint, checks));
  SumsResult listed;
  if (sums.valid()) {
    TALON_TRY(result, sums.get());
    listed = std::move(result);
    checks.settle(CheckId::sums, listed.finding);
  }
  return conclude(bundle, pass, listed, options, checks);
}

}  // namespace

core::Result<VerifyReport> verify_bundle(const std::filesystem::path& path, const VerifyOptions& options) {
  TALON_TRY(files, BundleFiles::open(path));
  auto report = verify_files(files, options);
  if (!report && !report.error().place) report.error().place = core::Place{path.string()};
  return report;
}

core::Result<VerifyReport> verify_bundle_bytes(std::string_view talon, const VerifyOptions& options) {
  TALON_TRY(files, BundleFiles::in_memory(talon));
  return verify_files(files, options);
}

}  // namespace talon::vault
