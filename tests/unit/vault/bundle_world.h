// A small log in memory, its keys, and bundles of it taken apart and put together again.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/canonical_json.h"
#include "core/evidence_record.h"
#include "tests/unit/vault/log_world.h"
#include "vault/bundle/layout.h"
#include "vault/bundle/tar.h"
#include "vault/bundle/verifier.h"
#include "vault/bundle/writer.h"

namespace talon::vault::test {

using BundleMap = std::map<std::string, std::string>;

/// A log in a vector.
class VectorLog final : public LogSource {
 public:
  void add(std::string line, core::Instant time) {
    leaves_.push_back(leaf_hash(line));
    lines_.push_back(std::move(line));
    times_.push_back(time);
  }
  /// Changes a stored line behind the tree's back.
  void corrupt(TreeSize seq, std::string line) { lines_[seq] = std::move(line); }
  void move_time(TreeSize seq, core::Instant time) { times_[seq] = time; }

  TreeSize size() const override { return lines_.size(); }
  core::Result<void> lines(TreeSize first, TreeSize last,
                           const std::function<core::Result<void>(std::string_view)>& line) const override {
    for (TreeSize i = first; i <= last; ++i) TALON_TRY_VOID(line(lines_[i]));
    return {};
  }
  core::Result<core::Instant> time_of(TreeSize seq) const override { return times_[seq]; }
  core::Result<Hash> subtree_root(TreeSize start, unsigned height) const override {
    Frontier frontier;
    for (TreeSize i = 0; i < (TreeSize{1} << height); ++i) frontier.append(leaves_[start + i]);
    return frontier.root();
  }

 private:
  std::vector<std::string> lines_;
  std::vector<core::Instant> times_;
  std::vector<Hash> leaves_;
};

inline constexpr std::int64_t k_start = 1'700'000'000'000'000;

/// The record `seq` stands at k_start + seq seconds. The first is the genesis.
struct BundleWorld {
  SeededRandom random{42};
  KeyRing keys = KeyRing::generate("talon-test", random);
  core::LogName log;
  VectorLog source;

  explicit BundleWorld(int records = 10, std::string_view tenant = "acme") : log(name_of(tenant)) {
    for (int i = 0; i < records; ++i) add(i);
  }

  static core::LogName name_of(std::string_view tenant) {
    if (tenant.empty()) return core::LogName::unattributed();
    return core::LogName::of(*core::TenantId::parse(tenant));
  }
  static core::Instant at(std::int64_t seconds) { return core::Instant{k_start + seconds * core::k_micros_per_second}; }

  core::EvidenceRecord record(int seq) {
    core::EvidenceRecord made;
    made.seq = seq;
    made.id = core::EvidenceId::make(at(seq), random);
    made.time = at(seq);
    made.log = log;
    if (seq == 0) {
      const auto published = keys.public_keys();
      made.detail = core::GenesisDetail{origin_of(keys.vault_name, log), published.log_key.text(),
                                        published.export_key.text(), "talon/0.1.0"};
    } else if (seq % 5 == 4) {
      made.detail = core::MarkDetail{};
    } else {
      core::RequestDetail request;
      request.request_id = "req_" + std::to_string(seq);
      request.caller = "caller \"one\" \xC3\xA4";
      request.key_id = "k1";
      request.session = "ses";
      request.status = 200;
      request.ask.endpoint = "/v1/chat/completions";
      request.ask.model = "gpt";
      made.detail = std::move(request);
    }
    return made;
  }
  void add(int seq) { source.add(core::to_line(record(seq)), at(seq)); }

  std::string tar(const Period& period = {}) {
    std::string bytes;
    const auto report = write_bundle(source, log, keys, period, "talon/0.1.0", [&bytes](std::string_view part) {
      bytes.append(part);
      return core::Result<void>{};
    });
    if (!report) throw std::runtime_error(report.error().message);
    return bytes;
  }
  BundleMap files(const Period& period = {});

  VerifyOptions pinned() const {
    VerifyOptions options;
    const auto published = keys.public_keys();
    options.pinned = PinnedKeys{published.log_key, published.export_key};
    options.key_source = "flag";
    return options;
  }
  /// SHA256SUMS and its signature made anew, with the comment that bundle.json asks for.
  void reseal(BundleMap& files) const;
  /// checkpoint, bundle.json, leaves.bin and seals made anew for a whole log with these lines: what a liar with both
  /// keys does.
  void forge(BundleMap& files, const std::vector<std::string>& lines) const;
};

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + '\n';
  return text;
}

/// Any map of files as a tar, in the map's order.
inline std::string make_tar(const BundleMap& files) {
  std::string tar;
  for (const auto& [path, text] : files) {
    const TarBlock header = tar_header(path, text.size());
    tar.append(header.data(), header.size()).append(text).append(tar_padding(text.size()), '\0');
  }
  return tar.append(1024, '\0');
}

inline BundleMap open_tar(std::string_view tar) {
  BundleMap files;
  for (std::size_t at = 0; tar[at] != '\0';) {
    const auto size = std::stoull(std::string(tar.substr(at + 124, 11)), nullptr, 8);
    files.emplace(tar.data() + at, tar.substr(at + 512, size));
    at += 512 + size + tar_padding(size);
  }
  return files;
}

inline BundleMap BundleWorld::files(const Period& period) { return open_tar(tar(period)); }

inline std::string text_member(const std::string& json, std::string_view name) {
  const auto value = core::parse_canonical(std::string_view(json).substr(0, json.size() - 1));
  const auto* member = value ? value->find(name) : nullptr;
  return member != nullptr && member->string() != nullptr ? *member->string() : "";
}
inline std::int64_t integer_member(const std::string& json, std::string_view name) {
  const auto value = core::parse_canonical(std::string_view(json).substr(0, json.size() - 1));
  const auto* member = value ? value->find(name) : nullptr;
  return member != nullptr && member->integer() != nullptr ? *member->integer() : 0;
}

inline void BundleWorld::reseal(BundleMap& files) const {
  std::string sums;
  for (const auto& [path, text] : files) {
    if (path != k_sums_file && path != k_signature_file) sums += to_hex(sha256(text)) + "  " + path + '\n';
  }
  const std::string& json = files["bundle.json"];
  Manifest manifest;
  if (const auto tenant = text_member(json, "tenant"); !tenant.empty()) manifest.tenant = tenant;
  manifest.origin = text_member(json, "origin");
  manifest.first = static_cast<TreeSize>(integer_member(json, "first"));
  manifest.last = static_cast<TreeSize>(integer_member(json, "last"));
  manifest.size = static_cast<TreeSize>(integer_member(json, "size"));
  manifest.root = hash_from_base64(text_member(json, "root")).value_or(Hash{});
  const auto parts = split_origin(manifest.origin);
  const std::string vault(parts ? parts->vault : "talon-test");
  files["SHA256SUMS.minisig"] = minisign(sums, vault, trusted_comment(manifest), keys.export_key);
  files["SHA256SUMS"] = sums;
}

inline void BundleWorld::forge(BundleMap& files, const std::vector<std::string>& lines) const {
  Frontier frontier;
  std::string leaves;
  for (const auto& line : lines) {
    const Hash leaf = leaf_hash(line);
    frontier.append(leaf);
    leaves.append(bytes_of(leaf));
  }
  files["records.jsonl"] = joined(lines);
  files["leaves.bin"] = leaves;
  const auto published = keys.public_keys();
  Manifest manifest;
  if (log.is_tenant()) manifest.tenant = log.bytes();
  manifest.origin = origin_of(keys.vault_name, log);
  manifest.key = published.log_key.text();
  manifest.export_key = published.export_key.text();
  manifest.last = lines.size() - 1;
  manifest.size = lines.size();
  manifest.root = frontier.root();
  manifest.count = static_cast<std::int64_t>(lines.size());
  manifest.writer = "talon/0.1.0";
  files["bundle.json"] = to_file(manifest);
  files["checkpoint"] = sign_checkpoint({manifest.origin, manifest.size, manifest.root}, keys.vault_name, keys.log_key);
  reseal(files);
}

/// The ids of the failed checks, in order, joined by spaces; "exit 3" and the like where no check failed.
inline std::string outcome_of(std::string_view tar, const VerifyOptions& options) {
  const auto report = verify_bundle_bytes(tar, options);
  if (!report) return "exit 3";
  std::string failed;
  for (const auto& check : report->checks) {
    if (check.status == CheckStatus::fail) failed += (failed.empty() ? "" : " ") + check.id;
  }
  if (failed.empty() != (report->exit != 1)) return "exit and checks disagree";
  return failed.empty() ? "exit " + std::to_string(report->exit) : failed;
}

inline const Check* check_of(const VerifyReport& report, std::string_view id) {
  for (const auto& check : report.checks) {
    if (check.id == id) return &check;
  }
  return nullptr;
}

}  // namespace talon::vault::test
