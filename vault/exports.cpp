// The facade's exports. Each stops at the size its log had when it began; no transaction is open while a sink runs.
#include <algorithm>

#include "core/text.h"
#include "vault/vault_impl.h"

namespace talon::vault {

using core::Result;

namespace {
constexpr std::string_view k_writer = "talon/" TALON_VERSION;
}

Result<ExportReport> Vault::export_bundle(const core::LogName& log, const Period& period, const ByteSink& sink) const {
  TALON_TRY(source, impl_->open_log(log));
  TALON_TRY(keys, impl_->key_ring());
  return write_bundle(source, log, *keys, period, k_writer, sink);
}

Result<ExportReport> Vault::export_folder(const core::LogName& log, const Period& period,
                                          const std::filesystem::path& folder) const {
  TALON_TRY(source, impl_->open_log(log));
  TALON_TRY(keys, impl_->key_ring());
  return write_bundle_folder(source, log, *keys, period, k_writer, folder);
}

Result<ExportReport> Vault::export_ndjson(std::optional<core::LogName> log, const Period& period,
                                          const ByteSink& sink) const {
  std::vector<core::LogName> names;
  if (log) {
    names.push_back(*log);
  } else {
    TALON_TRY(all, logs());
    names = std::move(all);
  }
  ExportReport report;
  Sha256 hash;
  LineSlice slice;
  std::string out;
  for (const auto& name : names) {
    TALON_TRY(source, impl_->open_log(name));
    TreeSize seq = 0;
    TreeSize end = source.size();
    if (period.from) {
      TALON_TRY(first, source.first_at_or_after(*period.from));
      seq = first;
    }
    if (period.to) {
      TALON_TRY(last, source.first_at_or_after(*period.to));
      end = last;
    }
    if (log) {
      report.size = source.size();
      report.open_end = period.to.has_value() && end == source.size();
      TALON_TRY(root, root_of(source.size(),
                              [&](TreeSize start, unsigned height) { return source.subtree_root(start, height); }));
      report.root = root;
    }
    for (; seq < end; seq += slice.lines.size()) {
      TALON_TRY_VOID(source.slice(seq, end - 1, Direction::up, slice));
      out.clear();
      for (std::size_t i = 0; i < slice.lines.size(); ++i) {
        // What leaves the vault is what its tree vouches for.
        if (slice.lines[i].leaf != leaf_hash(slice.line(i))) {
          return core::fail(core::Code::vault_corrupt, "record " + std::to_string(seq + i) +
                                                           " of its log was changed on disk; run talon audit verify");
        }
        out += slice.line(i);
        out += '\n';
      }
      hash.update(out);
      TALON_TRY_VOID(sink(out));
      report.records += static_cast<std::int64_t>(slice.lines.size());
    }
  }
  const auto digest = hash.finish();
  report.sha256 = to_hex(digest);
  return report;
}

}  // namespace talon::vault
