// Bundles, proofs and commitments that another implementation made from the description alone (tests/golden/bundle).
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/vault/bundle_world.h"
#include "vault/bundle/record_fields.h"
#include "vault/log/body_commitment.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;
using nlohmann::json;

namespace {

std::filesystem::path golden(std::string_view name) {
  return std::filesystem::path(TALON_SOURCE_DIR) / "tests/golden/bundle" / name;
}

json vectors() { return json::parse(read_text(golden("vectors.json"))); }

VerifyOptions pinned() {
  VerifyOptions options;
  auto keys = read_pinned_keys(golden("vault.pub").string());
  REQUIRE(keys.has_value());
  options.pinned = std::move(*keys);
  return options;
}

SigningKey key_of_hex(const json& hex) {
  auto key = SigningKey::from_seed(core::Secret(*core::hex_decode(hex.get<std::string>())));
  REQUIRE(key.has_value());
  return std::move(*key);
}

/// The golden log with the golden keys, through our writer.
struct GoldenLog {
  VectorLog source;
  explicit GoldenLog(std::size_t size) {
    for (const auto& line : lines_of(read_text(golden("log.jsonl")))) {
      if (source.size() == size) break;
      const auto summary = core::summarize(line);
      REQUIRE(summary.has_value());
      source.add(line, summary->time);
    }
  }
};

}  // namespace

TEST_CASE("golden bundles verify as tar and as folder") {
  for (const char* const name : {"whole.talon", "whole", "period.talon", "period"}) {
    const auto report = verify_bundle(golden(name), pinned());
    REQUIRE_MESSAGE(report.has_value(), name);
    for (const auto& check : report->checks) {
      CHECK_MESSAGE(check.status == CheckStatus::pass, name, " ", check.id, ": ", check.detail);
    }
    CHECK(report->exit == 0);
  }
}

TEST_CASE("our writer makes the golden bundles' bytes, README.txt and what hangs on it aside") {
  const json keys = json::parse(read_text(golden("keys.json")));
  SeededRandom random(1);
  KeyRing ring = KeyRing::generate(keys["vault"].get<std::string>(), random);
  ring.log_key = key_of_hex(keys["log"]["seed"]);
  ring.export_key = key_of_hex(keys["export"]["seed"]);
  CHECK(ring.public_keys().text() == read_text(golden("vault.pub")));

  struct Case {
    std::string name;
    std::size_t size;
    Period period;
  };
  constexpr std::int64_t k_may_2 = 1'777'680'000'000'000;
  for (const auto& [name, size, period] :
       {Case{"whole", 5, {}},
        Case{"period", 13, {core::Instant{k_may_2}, core::Instant{k_may_2 + 2 * core::k_micros_per_day}}}}) {
    const GoldenLog log(size);
    TemporaryFolder folder;
    const auto ours = folder / "out";
    REQUIRE(write_bundle_folder(log.source, BundleWorld::name_of("acme"), ring, period, "talon/0.0.0-test", ours)
                .has_value());
    BundleMap files;
    for (const auto& entry : std::filesystem::directory_iterator(golden(name))) {
      const std::string path = entry.path().filename().string();
      files[path] = read_text(entry.path());
      if (path == "README.txt" || path.starts_with("SHA256SUMS")) continue;
      CHECK_MESSAGE(read_text(ours / path) == files[path], name, "/", path);
    }
    const auto signature = files["SHA256SUMS.minisig"];
    const auto sums = files["SHA256SUMS"];
    CHECK(make_tar(files) == read_text(golden(name + ".talon")));
    BundleWorld resealer;
    resealer.keys = std::move(ring);
    resealer.reseal(files);
    CHECK(files["SHA256SUMS"] == sums);
    CHECK(files["SHA256SUMS.minisig"].substr(files["SHA256SUMS.minisig"].find('\n')) ==
          signature.substr(signature.find('\n')));
    ring = std::move(resealer.keys);
  }
}

TEST_CASE("golden leaves, roots, ranges and origins are reproduced") {
  const json golden_values = vectors();
  const GoldenLog log(1000);
  Frontier frontier;
  std::size_t i = 0;
  for (const auto& line : lines_of(read_text(golden("log.jsonl")))) {
    frontier.append(leaf_hash(line));
    CHECK((json(to_base64(leaf_hash(line))) == golden_values["leaves"][i]));
    CHECK((json(to_base64(frontier.root())) == golden_values["roots"][i]));
    ++i;
  }
  const SubtreeRoot subtree = [&log](TreeSize start, unsigned height) {
    return log.source.subtree_root(start, height);
  };
  for (const auto& range : golden_values["ranges"]) {
    const auto proof = range_proof(range["first"], range["last"], range["size"], subtree);
    REQUIRE(proof.has_value());
    std::vector<std::string> left, right;
    for (const auto& hash : proof->left) left.push_back(to_base64(hash));
    for (const auto& hash : proof->right) right.push_back(to_base64(hash));
    CHECK((json(left) == range["left"]));
    CHECK((json(right) == range["right"]));
  }
  for (const auto& [name, origin] : golden_values["origins"].items()) {
    const std::string bytes = *core::hex_decode(name);
    const auto log_name = bytes == std::string(1, '\0') ? core::LogName::operator_log() : BundleWorld::name_of(bytes);
    CHECK((json(origin_of("gw1", log_name)) == origin));
  }
}

TEST_CASE("golden commitments, comments and refused keys are reproduced") {
  const json golden_values = vectors();
  for (const auto& wanted : golden_values["commitments"]) {
    const ContentKey key{1, core::Secret(*core::hex_decode(wanted["content_key"].get<std::string>()))};
    const auto id = core::EvidenceId::parse(wanted["id"].get<std::string>());
    REQUIRE(id.has_value());
    const auto name = wanted["name"].get<std::string>();
    CHECK((json(to_base64(body_salt(key, *id, name))) == wanted["salt"]));
    BodyCommitment commitment(key, *id, name);
    const auto body = *core::base64_decode(wanted["body"].get<std::string>());
    commitment.update(body);
    CHECK((json(to_base64(commitment.finish())) == wanted["commitment"]));
  }
  for (const auto& [tenant, item] : golden_values["trusted_comments"].items()) {
    Manifest manifest;
    manifest.tenant = tenant;
    CHECK(trusted_comment(manifest).starts_with("talon-bundle/v1 " + item.get<std::string>() + " origin="));
  }
  for (const auto& key : golden_values["small_order"]) {
    CHECK_FALSE(PublicKey::admit(*core::hex_decode(key.get<std::string>())).has_value());
  }
}

TEST_CASE("golden canonical lines are accepted as records and the others refused") {
  const auto is_record = [](const json& line) {
    const std::string text = *core::base64_decode(line.get<std::string>());
    core::CanonicalScanner scanner(text);
    RecordFields fields;
    return text.size() <= core::k_max_line && read_record_fields(scanner, fields);
  };
  const json lines = vectors()["canonical"];
  for (const auto& line : lines["accept"]) CHECK(is_record(line));
  for (const auto& bad : lines["reject"]) CHECK_FALSE_MESSAGE(is_record(bad["line"]), bad["why"].get<std::string>());
}
