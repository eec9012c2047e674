// The bundle writer: find the period, pass over the lines once for hashes and sizes, check that they lead to the
// tree's root, then write the files in path order, passing over the lines again.
#include "vault/bundle/writer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "vault/bundle/layout.h"
#include "vault/bundle/output.h"
#include "vault/bundle/tar.h"
#include "vault/log/hash_behind.h"

namespace talon::vault {
namespace {

std::unexpected<core::Error> contradiction(std::string_view what) {
  return core::fail(core::Code::vault_corrupt,
                    "the vault contradicts itself, nothing was exported: " + std::string(what));
}

/// First record at or after `edge`, or the log's size.
core::Result<TreeSize> lower_bound(const LogSource& source, core::Instant edge) {
  TreeSize low = 0;
  for (TreeSize count = source.size(); count > 0;) {
    const TreeSize half = count / 2;
    TALON_TRY(time, source.time_of(low + half));
    if (time < edge) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}

/// The records of a period, and those shown with it.
struct Span {
  TreeSize begin = 0, end = 0;   ///< in the period: [begin, end)
  TreeSize first = 0, last = 0;  ///< with the one before and the one after
};

core::Result<Span> find_span(const LogSource& source, const Period& period) {
  const TreeSize size = source.size();
  Span span{0, size, 0, size - 1};
  if (period.from) {
    TALON_TRY(begin, lower_bound(source, *period.from));
    span.begin = begin;
    span.first = begin == 0 ? 0 : begin - 1;
  }
  if (period.to) {
    TALON_TRY(end, lower_bound(source, *period.to));
    span.end = end;
    span.last = std::min(end, size - 1);
  }
  return span;
}

/// What the first pass over the lines finds out.
struct Lines {
  std::uint64_t bytes = 0;
  Hash records_hash{}, leaves_hash{};
};

/// Hashes the lines, and refuses a log whose lines do not lead to its root or whose index of times is wrong where
/// the period begins and ends.
core::Result<Lines> hash_lines(const LogSource& source, const Span& span, const RangeProof& range, const Hash& root) {
  Lines found;
  constexpr std::size_t k_piece = 1 << 20;
  HashBehind records, leaves;
  std::string text, hashes;
  RangeVerifier tree(span.first, range.left);
  TreeSize seq = span.first;
  const auto at_edge = [&span](TreeSize at) {
    return at == span.first || at == span.last || at + 1 == span.begin || at == span.begin || at + 1 == span.end ||
           at == span.end;
  };
  TALON_TRY_VOID(source.lines(span.first, span.last, [&](std::string_view line) -> core::Result<void> {
    if (at_edge(seq)) {
      TALON_TRY(summary, core::summarize(line));
      TALON_TRY(time, source.time_of(seq));
      if (summary.seq != static_cast<std::int64_t>(seq) || summary.time != time) {
        return contradiction("record " + std::to_string(seq) + " is not where the index says");
      }
    }
    const Hash leaf = leaf_hash(line);
    tree.append(leaf);
    hashes += bytes_of(leaf);
    if (hashes.size() >= k_piece) leaves.give(hashes);
    text.append(line) += '\n';
    if (text.size() >= k_piece) records.give(text);
    found.bytes += line.size() + 1;
    ++seq;
    return {};
  }));
  leaves.give(hashes);
  records.give(text);
  if (seq != span.last + 1) return contradiction("record " + std::to_string(seq) + " is missing");
  if (tree.root(source.size(), range.right) != root) {
    return contradiction("the records do not lead to the root of the log");
  }
  found.records_hash = records.finish();
  found.leaves_hash = leaves.finish();
  return found;
}

/// All that is known before the first byte is written. `texts` holds every file but the two streamed ones.
struct Plan {
  Span span;
  Manifest manifest;
  PeriodEnd end = PeriodEnd::closed;
  Lines lines;
  std::map<std::string, std::string, std::less<>> texts;  ///< in path order
  [[nodiscard]] std::uint64_t records() const { return span.last - span.first + 1; }
};

Manifest make_manifest(const core::LogName& log, const KeyRing& keys, const Period& period, std::string_view writer,
                       const Span& span) {
  const PublicKeys published = keys.public_keys();
  Manifest manifest;
  if (log.is_tenant()) manifest.tenant = log.bytes();
  manifest.origin = origin_of(keys.vault_name, log);
  manifest.key = published.log_key.text();
  manifest.export_key = published.export_key.text();
  manifest.first = span.first;
  manifest.last = span.last;
  manifest.count = static_cast<std::int64_t>(span.end - span.begin);
  manifest.from = period.from;
  manifest.to = period.to;
  manifest.writer = writer;
  return manifest;
}

std::string sums_of(const Plan& plan) {
  std::map<std::string, std::string, std::less<>> sums;
  for (const auto& [path, text] : plan.texts) sums.emplace(path, to_hex(sha256(text)));
  sums.emplace(k_leaves_file, to_hex(plan.lines.leaves_hash));
  sums.emplace(k_records_file, to_hex(plan.lines.records_hash));
  std::string file;
  for (const auto& [path, sum] : sums) file.append(sum).append("  ").append(path).append("\n");
  return file;
}

core::Result<Plan> make_plan(const LogSource& source, const core::LogName& log, const KeyRing& keys,
                             const Period& period, std::string_view writer) {
  const TreeSize size = source.size();
  if (size == 0) return contradiction("the log has no genesis record");
  if (period.from && period.to && *period.from >= *period.to) {
    return core::fail(core::Code::usage, "the period ends before it begins: --from must lie before --to");
  }
  Plan plan;
  TALON_TRY(span, find_span(source, period));
  plan.span = span;
  const SubtreeRoot subtree = [&source](TreeSize start, unsigned height) { return source.subtree_root(start, height); };
  TALON_TRY(root, root_of(size, subtree));
  TALON_TRY(range, range_proof(span.first, span.last, size, subtree));
  TALON_TRY(lines, hash_lines(source, span, range, root));
  plan.lines = lines;

  plan.manifest = make_manifest(log, keys, period, writer, span);
  plan.manifest.size = size;
  plan.manifest.root = root;
  if (period.to && span.end == size) plan.end = PeriodEnd::open;
  plan.texts.emplace(k_readme_file, readme(plan.manifest, plan.end));
  plan.texts.emplace(k_manifest_file, to_file(plan.manifest));
  plan.texts.emplace(k_checkpoint_file,
                     sign_checkpoint({plan.manifest.origin, size, root}, keys.vault_name, keys.log_key));
  if (!plan.manifest.is_whole_log()) plan.texts.emplace(k_range_file, to_file(range));
  const std::string sums = sums_of(plan);
  plan.texts.emplace(k_signature_file,
                     minisign(sums, keys.vault_name, trusted_comment(plan.manifest), keys.export_key));
  plan.texts.emplace(k_sums_file, sums);
  return plan;
}

constexpr std::size_t k_leaves_piece = 64 * 1024;

/// Passes over the lines again; `convert` makes a line's bytes in the file. The size is announced already, so a source
/// that changed its mind is an error, not a broken tar.
template <class Convert>
core::Result<void> stream(const LogSource& source, const Span& span, std::string_view path, std::uint64_t size,
                          BundleOutput& output, Convert convert) {
  TALON_TRY_VOID(output.begin(path, size));
  std::uint64_t left = size;
  TALON_TRY_VOID(source.lines(span.first, span.last, [&](std::string_view line) -> core::Result<void> {
    std::uint64_t written = 0;
    TALON_TRY_VOID(convert(line, written));
    if (written > left) return contradiction("the records changed during the export");
    left -= written;
    return {};
  }));
  if (left != 0) return contradiction("the records changed during the export");
  return {};
}

/// The hashes that the first pass compared with the lines, or it is an error.
core::Result<void> write_leaves(const LogSource& source, const Plan& plan, BundleOutput& output) {
  TALON_TRY_VOID(output.begin(k_leaves_file, plan.records() * sizeof(Hash)));
  Sha256 written;
  std::string piece;
  const auto flush = [&] {
    written.update(piece);
    auto done = output.write(piece);
    piece.clear();
    return done;
  };
  TALON_TRY_VOID(source.leaves(plan.span.first, plan.span.last, [&](const Hash& leaf) -> core::Result<void> {
    piece += bytes_of(leaf);
    return piece.size() < k_leaves_piece ? core::Result<void>() : flush();
  }));
  TALON_TRY_VOID(flush());
  if (written.finish() != plan.lines.leaves_hash) return contradiction("the records changed during the export");
  return {};
}

core::Result<void> write_records(const LogSource& source, const Plan& plan, BundleOutput& output) {
  return stream(source, plan.span, k_records_file, plan.lines.bytes, output,
                [&output](std::string_view line, std::uint64_t& written) -> core::Result<void> {
                  written = line.size() + 1;
                  TALON_TRY_VOID(output.write(line));
                  return output.write("\n");
                });
}

/// Path order: upper case stands before lower case.
core::Result<void> write_files(const LogSource& source, const Plan& plan, BundleOutput& output) {
  for (auto it = plan.texts.begin(); it != plan.texts.end(); ++it) {
    // leaves.bin lies between checkpoint and range.json; records.jsonl is the last.
    if (it->first == k_range_file) break;
    TALON_TRY_VOID(output.begin(it->first, it->second.size()));
    TALON_TRY_VOID(output.write(it->second));
  }
  TALON_TRY_VOID(write_leaves(source, plan, output));
  if (const auto range = plan.texts.find(k_range_file); range != plan.texts.end()) {
    TALON_TRY_VOID(output.begin(range->first, range->second.size()));
    TALON_TRY_VOID(output.write(range->second));
  }
  TALON_TRY_VOID(write_records(source, plan, output));
  return output.finish();
}

ExportReport report_of(const Plan& plan) {
  ExportReport report;
  report.records = plan.manifest.count;
  report.size = plan.manifest.size;
  report.root = plan.manifest.root;
  report.open_end = plan.end == PeriodEnd::open;
  return report;
}

}  // namespace

core::Result<ExportReport> write_bundle(const LogSource& source, const core::LogName& log, const KeyRing& keys,
                                        const Period& period, std::string_view writer, const ByteSink& sink) {
  TALON_TRY(plan, make_plan(source, log, keys, period, writer));
  if (std::max(plan.lines.bytes, plan.records() * sizeof(Hash)) > k_tar_max_file) {
    return core::fail(core::Code::invalid_request,
                      "a file of 8 GiB or more does not fit into a .talon file; export into a folder (--output PATH/) "
                      "or for a shorter period");
  }
  TarOutput output(sink);
  TALON_TRY_VOID(write_files(source, plan, output));
  ExportReport report = report_of(plan);
  report.sha256 = output.sha256();
  return report;
}

core::Result<ExportReport> write_bundle_folder(const LogSource& source, const core::LogName& log, const KeyRing& keys,
                                               const Period& period, std::string_view writer,
                                               const std::filesystem::path& folder) {
  TALON_TRY(plan, make_plan(source, log, keys, period, writer));
  TALON_TRY(output, FolderOutput::create(folder));
  TALON_TRY_VOID(write_files(source, plan, output));
  ExportReport report = report_of(plan);
  report.sha256 = to_hex(sha256(plan.texts.find(k_sums_file)->second));
  return report;
}

}  // namespace talon::vault
