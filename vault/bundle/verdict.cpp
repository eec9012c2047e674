#include "vault/bundle/verdict.h"

#include <algorithm>
#include <array>

#include "core/text.h"

namespace talon::vault {
namespace {

constexpr std::array<std::string_view, 7> k_known_kinds{"genesis",  "request",     "mark",    "boot",
                                                        "operator", "attribution", "(others)"};

std::string shown(const std::optional<core::Instant>& at, std::string_view otherwise) {
  return at ? core::to_rfc3339_micros(*at) : std::string(otherwise);
}

/// What a bundle never shows (evidence.md §7).
std::vector<std::string> not_proven(const VerifyReport& report) {
  std::vector<std::string> list{
      "that each call was recorded: clients that keep X-Talon-Evidence-Id can look for it",
      "that this checkpoint is the newest one: compare it with a later bundle or a kept checkpoint",
      "what a thief of the log key has signed, or that the vault does not keep two logs",
      "that the vault's clock was right",
  };
  if (report.period.from || report.period.to) {
    list.emplace_back(
        "the order in time of what lies outside the period, if the vault lied with its key: ask for the whole log");
  }
  return list;
}

bool is_log(const ReadManifest& manifest, const core::LogName& log) {
  if (log.is_tenant()) return manifest.tenant == log.bytes();
  return !manifest.has_tenant && manifest.origin_parts &&
         manifest.origin_parts->log_hash == to_hex(sha256(log.bytes()));
}

std::string asked_for(const core::LogName& log) {
  if (log.is_tenant()) return "tenant " + core::terminal_text(log.bytes());
  return log.is_operator() ? "the operator's log" : "the unattributed log";
}

/// Pinned: the key given is the bundle's, and what it vouches for has passed.
std::string pinned_by(const VerifyOptions& options, const CheckList& checks) {
  if (!options.pinned || !checks.passed(CheckId::key)) return {};
  if (options.pinned->log_key) return checks.passed(CheckId::checkpoint) ? "log key" : "";
  return options.pinned->export_key && checks.passed(CheckId::minisig) ? "export key" : "";
}

void find_unproven(const OpenedBundle& bundle, const VerifyOptions& options, VerifyReport& report) {
  const auto missing = [&report](std::string what) { report.unproven.push_back(std::move(what)); };
  if (options.require_pinned && report.pinned_by.empty()) {
    missing(
        "no key was given, so it could be anybody's: get vault.pub from the vault's operator in another way than with "
        "this bundle (not in the same mail), then: talon audit verify BUNDLE --key vault.pub");
  }
  if (options.expected_log && !is_log(bundle.manifest, *options.expected_log)) {
    missing("it is not about " + asked_for(*options.expected_log));
  }
  const Period& asked = options.expected_period;
  if ((asked.from || asked.to) && (asked.from != report.period.from || asked.to != report.period.to)) {
    missing("its period is " + shown(report.period.from, "the beginning") + " to before " +
            shown(report.period.to, "the end") + ", asked for was " + shown(asked.from, "the beginning") +
            " to before " + shown(asked.to, "the end"));
  }
  if (asked.to && report.open_end) {
    missing(
        "its end is open: the log had not reached the end of the period when it was exported; ask for a later bundle");
  }
}

void add_notes(const OpenedBundle& bundle, const std::optional<RecordPass>& pass, const SumsResult& sums,
               const VerifyOptions& options, VerifyReport& report) {
  const auto note = [&report](std::string text) { report.notes.push_back(std::move(text)); };
  if (report.period.from || report.period.to) {
    note("period: " + shown(report.period.from, "the beginning") + " to before " +
         shown(report.period.to, "the end of the log"));
  }
  if (report.open_end) note("the end is open: no record stands at or after the end of the period");
  for (const auto& name : bundle.manifest.unknown_members)
    note("unknown member of bundle.json: " + core::terminal_text(name));
  for (const auto& [kind, count] : report.kinds) {
    if (std::find(k_known_kinds.begin(), k_known_kinds.end(), kind) != k_known_kinds.end()) continue;
    note("unknown kind of record: " + core::terminal_text(kind) + " (" + std::to_string(count) + ")");
  }
  for (const auto& path : sums.unchecked) note("intact, but not checked any further: " + path);
  if (sums.more_unchecked != 0) note("and " + std::to_string(sums.more_unchecked) + " more such files");
  if (report.pinned_by == "export key") {
    note("pinned by the export key alone: it vouches for the files; the log key is the bundle's own word");
  }
  if (pass && !pass->has_genesis && report.pinned_by == "log key" && !options.pinned->export_key) {
    note("export key not pinned, SHA256SUMS shows integrity only");
  }
}

}  // namespace

VerifyReport conclude(const OpenedBundle& bundle, const std::optional<RecordPass>& pass, const SumsResult& sums,
                      const VerifyOptions& options, CheckList& checks) {
  const ReadManifest& manifest = bundle.manifest;
  VerifyReport report;
  report.tenant = manifest.tenant;
  report.origin = manifest.origin.value_or("");
  report.first = manifest.first.value_or(0);
  report.last = manifest.last.value_or(0);
  report.size = manifest.size.value_or(0);
  report.whole = manifest.has_range() && manifest.is_whole_log();
  report.period = Period{manifest.from, manifest.to};
  report.key = manifest.key_text.value_or("");
  report.key_source = options.pinned ? options.key_source : "bundle";
  if (pass) {
    report.time_first = pass->first_time;
    report.time_last = pass->last_time;
    report.records = static_cast<std::int64_t>(pass->in_period);
    report.kinds = pass->kinds;
    report.open_end = manifest.to && manifest.has_range() && *manifest.last + 1 == *manifest.size && pass->last_time &&
                      *pass->last_time < *manifest.to;
  }
  report.required = {options.require_pinned ? "pinned" : "self"};
  report.not_proven = not_proven(report);

  const bool valid = !checks.any_failed();
  if (valid) {
    report.facts.emplace_back("self");
    report.pinned_by = pinned_by(options, checks);
    if (!report.pinned_by.empty()) report.facts.emplace_back("pinned");
    find_unproven(bundle, options, report);
  }
  add_notes(bundle, pass, sums, options, report);
  report.exit = !valid ? 1 : report.unproven.empty() ? 0 : 4;
  report.verdict = !valid ? "invalid" : report.unproven.empty() ? "valid" : "unproven";
  report.checks = checks.take();
  return report;
}

}  // namespace talon::vault
