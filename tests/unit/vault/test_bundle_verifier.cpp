// Bundles with one thing wrong, and which check says so. "Resealed" ones carry right sums and signatures, "forged" ones
// are signed throughout by the vault's own keys: then the rule itself must refuse.
#include <doctest/doctest.h>

#include "tests/unit/vault/bundle_world.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const auto at = text.find(what);
  REQUIRE_MESSAGE(at != std::string::npos, what);
  return text.replace(at, what.size(), with);
}

struct Tampering {
  BundleWorld world;
  BundleMap files = world.files();
  std::vector<std::string> lines = lines_of(files["records.jsonl"]);

  [[nodiscard]] std::string as_is() const { return outcome_of(make_tar(files), world.pinned()); }
  [[nodiscard]] std::string resealed() {
    world.reseal(files);
    return as_is();
  }
  [[nodiscard]] std::string forged() {
    world.forge(files, lines);
    return as_is();
  }
  void rewrite_records() { files["records.jsonl"] = joined(lines); }
  [[nodiscard]] Check failed(std::string_view id) const {
    const auto report = verify_bundle_bytes(make_tar(files), world.pinned());
    REQUIRE(report.has_value());
    return *check_of(*report, id);
  }
};

Period period(std::optional<std::int64_t> from, std::optional<std::int64_t> to) {
  Period result;
  if (from) result.from = BundleWorld::at(*from);
  if (to) result.to = BundleWorld::at(*to);
  return result;
}

/// A bundle of seconds 3 … 6 of a log of 10.
struct PeriodTampering : Tampering {
  PeriodTampering() { files = world.files(period(3, 6)); }
  void edit_manifest(std::string_view what, std::string_view with) {
    files["bundle.json"] = replaced(files["bundle.json"], what, with);
  }
};

}  // namespace

TEST_CASE("a changed record is named by seq and id, through leaves.bin") {
  Tampering t;
  t.lines[3] = replaced(t.lines[3], "\"gpt\"", "\"gpu\"");
  t.rewrite_records();
  CHECK(t.as_is() == "sums leaf root");
  CHECK(t.failed("leaf").first_bad->starts_with("record 3 (ev_"));
  CHECK(t.resealed() == "leaf root");
  t.files["leaves.bin"].replace(3 * 32, 32, bytes_of(leaf_hash(t.lines[3])));
  CHECK(t.resealed() == "root");
}

TEST_CASE("when the list of hashes was changed too, it is named") {
  Tampering t;
  t.lines[3] = replaced(t.lines[3], "\"gpt\"", "\"gpu\"");
  t.rewrite_records();
  t.files["leaves.bin"][0] ^= 1;
  CHECK(t.resealed() == "leaf root");
  CHECK(t.failed("leaf").first_bad == "leaves.bin");
  CHECK(t.failed("leaf").detail.find("record 0") != std::string::npos);
}

TEST_CASE("deleted, added, swapped and doubled records are found") {
  Tampering deleted;
  deleted.lines.erase(deleted.lines.begin() + 4);
  deleted.rewrite_records();
  CHECK(deleted.as_is() == "sums meta order leaf root");
  CHECK(deleted.failed("leaf").first_bad == "record 4");

  Tampering last;
  last.lines.pop_back();
  last.rewrite_records();
  CHECK(last.resealed() == "meta leaf root");
  CHECK(last.failed("leaf").first_bad == "record 9");

  Tampering added;
  added.lines.push_back(core::to_line(added.world.record(10)));
  added.rewrite_records();
  CHECK(added.resealed() == "meta leaf root");
  CHECK(added.failed("leaf").first_bad == "record 10");

  Tampering swapped;
  std::swap(swapped.lines[2], swapped.lines[3]);
  swapped.rewrite_records();
  CHECK(swapped.resealed() == "order leaf root");

  Tampering doubled;
  doubled.lines[3] = replaced(doubled.lines[3], doubled.lines[3].substr(doubled.lines[3].find("ev_"), 29),
                              doubled.lines[2].substr(doubled.lines[2].find("ev_"), 29));
  CHECK(doubled.forged() == "order");
  CHECK(doubled.failed("order").first_bad->starts_with("record 3 (ev_"));
}

TEST_CASE("lines that are not canonical are refused even when signed, and nothing is read from them") {
  Tampering t;
  const auto good = t.lines;
  for (const auto& bad : {std::string("{\"v\": 1}"), std::string("[1]"), std::string("1"), good[2] + " ", std::string(),
                          "\xEF\xBB\xBF" + good[2], good[2] + "\r", replaced(good[2], "\"v\":1", "\"v\":1,\"v\":1"),
                          replaced(good[2], "\"v\":1", "\"v\":1.0"), replaced(good[2], "\"v\":1", "\"v\":1,\"w\":null"),
                          replaced(good[2], "gpt", "g\\u0070t"), replaced(good[2], "gpt", "\xff"),
                          replaced(good[2], "gpt", "\x7f"), replaced(good[2], "gpt", std::string(70'000, 'x'))}) {
    t.lines = good;
    t.lines[2] = bad;
    CHECK(t.forged() == "canonical");
    CHECK(t.failed("canonical").first_bad == "record 2");
    CHECK(t.failed("root").status == CheckStatus::skip);
  }
  t.lines = good;
  CHECK(t.forged() == "exit 0");
  t.files["records.jsonl"].pop_back();
  CHECK(t.resealed() == "canonical");
  t.files["records.jsonl"].clear();
  CHECK(t.resealed() == "canonical");
}

TEST_CASE("a record's common members have their types, also when signed") {
  Tampering t;
  const auto good = t.lines;
  const auto id = good[2].substr(good[2].find("ev_"), 29);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"v\":1", "\"v\":2"},
                                                        {"\"v\":1", "\"v\":\"1\""},
                                                        {id, id.substr(1)},
                                                        {id, "ev_8" + id.substr(4)},
                                                        {id, replaced(id, id.substr(10, 1), "U")},
                                                        {"\"kind\":\"request\"", "\"kind\":1"},
                                                        {"\"kind\":\"request\"", "\"kind\":\"genesis\""},
                                                        {",\"v\":1", ""}}) {
    t.lines = good;
    t.lines[2] = replaced(good[2], from, to);
    CHECK_MESSAGE(t.forged() == "record", from, " -> ", to);
  }
  t.lines = good;
  t.lines[3] = replaced(good[3], "\"acme\"", "\"acmf\"");
  CHECK(t.forged() == "order");
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"seq\":2", "\"seq\":-2"}, {"\"time\":", "\"time\":-"}, {"\"decision\"", "\"clock\":-1,\"decision\""}}) {
    t.lines[2] = replaced(good[2], from, to);
    // Without their types nothing can be said of order and period.
    CHECK_MESSAGE(t.forged() == "record", from, " -> ", to);
    CHECK(t.failed("order").status == CheckStatus::skip);
    CHECK(t.failed("period").status == CheckStatus::skip);
  }
  t.lines[2] = replaced(good[2], "\"v\":1", "\"v\":2");
  CHECK(t.forged() == "record order");
  t.lines = good;
  const auto time = std::to_string(BundleWorld::at(2).micros);
  t.lines[2] = replaced(good[2], "\"decision\"", "\"clock\":" + time + ",\"decision\"");
  CHECK(t.forged() == "record");
  t.lines[2] = replaced(good[2], "\"decision\"", "\"clock\":5,\"decision\"");
  CHECK(t.forged() == "exit 0");
}

TEST_CASE("unknown kinds and members are accepted and reported") {
  Tampering t;
  t.lines[2] = replaced(t.lines[2], "\"kind\":\"request\"", "\"kind\":\"newer\"");
  t.lines[3] = replaced(t.lines[3], "\"v\":1", "\"v\":1,\"zz\":[{\"deep\":true}]");
  CHECK(t.forged() == "exit 0");
  t.files["bundle.json"] = replaced(t.files["bundle.json"], "\"writer\"", "\"wish\":[],\"writer\"");
  CHECK(t.resealed() == "exit 0");
  const auto report = verify_bundle_bytes(make_tar(t.files), t.world.pinned());
  REQUIRE(report.has_value());
  CHECK(report->kinds.at("newer") == 1);
  const std::string notes = joined(report->notes);
  CHECK(notes.find("unknown kind of record: newer (1)") != std::string::npos);
  CHECK(notes.find("unknown member of bundle.json: wish") != std::string::npos);
}

TEST_CASE("the genesis is seq 0 alone and says what bundle.json says") {
  Tampering t;
  const auto good = t.lines;
  SeededRandom random(99);
  const auto other = KeyRing::generate("talon-test", random).public_keys();
  const auto mine = t.world.keys.public_keys();
  t.lines[0] = replaced(good[0], mine.export_key.text(), other.export_key.text());
  CHECK(t.forged() == "record");
  t.lines[0] = replaced(good[0], mine.log_key.text(), other.log_key.text());
  CHECK(t.forged() == "record");
  t.lines[0] = replaced(good[0], "talon-test/t/", "talon-tost/t/");
  CHECK(t.forged() == "record");
  t.lines[0] = replaced(good[0], "\"kind\":\"genesis\"", "\"kind\":\"mark\"");
  CHECK(t.forged() == "record");
}

TEST_CASE("times never decrease, tenants never change, seqs count") {
  Tampering t;
  const auto good = t.lines;
  const auto time = [](int seq) { return std::to_string(BundleWorld::at(seq).micros); };
  t.lines[3] = replaced(good[3], time(3), time(1));
  CHECK(t.forged() == "order");
  t.lines = good;
  t.lines[3] = replaced(good[3], "\"acme\"", "\"acmf\"");
  CHECK(t.forged() == "order");
  t.lines[3] = replaced(good[3], "\"tenant\":\"acme\",", "");
  CHECK(t.forged() == "order");
  t.lines = good;
  t.lines[3] = replaced(good[3], "\"seq\":3", "\"seq\":4");
  CHECK(t.forged() == "order");
}

TEST_CASE("the checkpoint must be the vault's, and bundle.json must repeat it") {
  Tampering t;
  const auto& keys = t.world.keys;
  const auto origin = origin_of("talon-test", t.world.log);
  const auto root = *hash_from_base64(text_member(t.files["bundle.json"], "root"));
  SeededRandom random(5);
  t.files["checkpoint"] = sign_checkpoint({origin, 10, root}, "talon-test", SigningKey::generate(random));
  CHECK(t.resealed() == "checkpoint");
  t.files["checkpoint"] = sign_checkpoint({origin, 9, root}, "talon-test", keys.log_key);
  CHECK(t.resealed() == "meta root");
  t.files["checkpoint"] = sign_checkpoint({origin, 10, sha256("x")}, "talon-test", keys.log_key);
  CHECK(t.resealed() == "meta root");
  t.files["checkpoint"] =
      sign_checkpoint({origin_of("talon-test", core::LogName::unattributed()), 10, root}, "talon-test", keys.log_key);
  CHECK(t.resealed() == "meta");
  t.files["checkpoint"] = sign_checkpoint({origin, 0, root}, "talon-test", keys.log_key);
  CHECK(t.resealed() == "checkpoint");
  t.files["checkpoint"] = "nonsense";
  CHECK(t.resealed() == "checkpoint");
  // After a failed checkpoint, the root is compared with bundle.json.
  CHECK(t.failed("root").status == CheckStatus::pass);
}

TEST_CASE("bundle.json's members have types and agree with each other") {
  const auto edited = [](std::string_view from, std::string_view to) {
    Tampering t;
    t.files["bundle.json"] = replaced(t.files["bundle.json"], from, to);
    return t.resealed();
  };
  CHECK(edited("\"count\":10", "\"count\":9") == "meta");
  CHECK(edited("\"count\":10", "\"count\":\"10\"") == "meta");
  CHECK(edited("\"last\":9", "\"last\":8") == "file meta period");  // no longer the whole log, but no range.json
  CHECK(edited("\"first\":0", "\"first\":-1") == "meta");
  CHECK(edited("\"tenant\":\"acme\"", "\"tenant\":\"acmf\"") == "meta order");
  CHECK(edited("\"tenant\":\"acme\"", "\"tenant\":\"\"") == "meta");
  CHECK(edited("\"tenant\":\"acme\",", "") == "meta order");
  CHECK(edited("\"writer\":\"talon/0.1.0\"", "\"writer\":1") == "meta");
  CHECK(edited(",\"writer\":\"talon/0.1.0\"", "") == "meta");
  CHECK(edited("\"origin\":\"talon-test/t/", "\"origin\":\"talon-test/x/") == "meta");
  CHECK(edited("\"origin\":\"talon-test/t/", "\"origin\":\"talon-tost/t/") == "meta key record");
  CHECK(edited("\"size\":10", "\"size\":11") == "file meta period");
  CHECK(edited("\"last\":9", "\"needs\":[],\"last\":9") == "canonical");  // out of order
  CHECK(edited("\"origin\"", "\"needs\":[],\"origin\"") == "meta");
  CHECK(edited("\"origin\"", "\"needs\":[\"b\",\"a\"],\"origin\"") == "meta");
  CHECK(edited("\"origin\"", "\"needs\":\"pruned\",\"origin\"") == "meta");
  CHECK(edited("\"origin\"", "\"needs\":[\"rotation\"],\"origin\"") == "exit 3");
  CHECK(edited("{", "{ ") == "canonical");
  CHECK(edited("\"acme\"", "\"\\u0061cme\"") == "canonical");
  CHECK(edited("bundle/v1", "bundle/v2") == "exit 3");
  CHECK(edited("{", "") == "exit 3");
  CHECK(edited("{", "[{") == "exit 3");
}

TEST_CASE("with one member of bundle.json ill formed, what compares with bundle.json is skipped") {
  const auto outcome = [](std::string_view from, std::string_view to) {
    Tampering t;
    t.lines[3] = replaced(t.lines[3], "\"v\":1", "\"v\":2");
    CHECK(t.forged() == "record");
    t.files["bundle.json"] = replaced(t.files["bundle.json"], from, to);
    const auto failed = t.resealed();
    for (const char* const id : {"minisig", "key", "checkpoint", "record", "order", "root", "period"}) {
      CHECK(t.failed(id).status == CheckStatus::skip);
    }
    CHECK(t.failed("leaf").status == CheckStatus::pass);
    return failed;
  };
  CHECK(outcome("\"writer\":\"talon/0.1.0\"", "\"to\":-1,\"writer\":\"talon/0.1.0\"") == "meta");
  CHECK(outcome("\"writer\":\"talon/0.1.0\"", "\"writer\":1") == "meta");
  CHECK(outcome("\"key\":\"talon-test+", "\"key\":\"talon-tost+") == "meta");
  CHECK(outcome("\"export_key\":\"RW", "\"export_key\":\"RX") == "meta");
  CHECK(outcome("{", "{ ") == "canonical");

  PeriodTampering part;
  part.files["range.json"] = "{\"left\":[]}\n";
  CHECK(part.resealed() == "root");
  part.edit_manifest("\"writer\":\"talon/0.1.0\"", "\"writer\":1");
  CHECK(part.resealed() == "meta");
}

TEST_CASE("an over-long bundle.json is a file failure and nothing else runs") {
  Tampering t;
  t.files["bundle.json"].insert(1, "\"a\":\"" + std::string(70'000, 'a') + "\",");
  t.world.reseal(t.files);
  const auto report = verify_bundle_bytes(make_tar(t.files), t.world.pinned());
  REQUIRE(report.has_value());
  CHECK(report->exit == 1);
  for (const auto& check : report->checks) {
    CHECK(check.status == (check.id == "file" ? CheckStatus::fail : CheckStatus::skip));
  }
}

TEST_CASE("SHA256SUMS lists exactly the files there are, in one form") {
  const auto edited = [](const std::function<void(Tampering&)>& edit, bool reseal = false) {
    Tampering t;
    edit(t);
    if (reseal) {
      const auto manifest = t.files["SHA256SUMS.minisig"];
      t.files["SHA256SUMS.minisig"] =
          minisign(t.files["SHA256SUMS"], "talon-test",
                   manifest.substr(manifest.find("talon-bundle"),
                                   manifest.find('\n', manifest.find("talon-bundle")) - manifest.find("talon-bundle")),
                   t.world.keys.export_key);
    }
    return t.as_is();
  };
  CHECK(edited([](Tampering& t) { t.files["extra"] = "x"; }) == "sums");
  CHECK(edited([](Tampering& t) { t.files["README.txt"] += "x"; }) == "sums");
  CHECK(edited([](Tampering& t) { t.files.erase("README.txt"); }) == "file sums");
  CHECK(edited([](Tampering& t) { t.files.erase("SHA256SUMS"); }) == "file");
  CHECK(edited([](Tampering& t) { t.files.erase("SHA256SUMS.minisig"); }) == "file");
  CHECK(edited([](Tampering& t) { t.files.erase("leaves.bin"); }) == "file sums");
  CHECK(edited([](Tampering& t) { t.files.erase("records.jsonl"); }) == "file sums");
  CHECK(edited([](Tampering& t) { t.files.erase("checkpoint"); }) == "file sums");
  CHECK(edited([](Tampering& t) { t.files.erase("bundle.json"); }) == "exit 3");
  CHECK(edited([](Tampering& t) { t.files["SHA256SUMS"].pop_back(); }, true) == "sums");
  CHECK(edited([](Tampering& t) { t.files["SHA256SUMS"] += "\n"; }, true) == "sums");
  CHECK(edited([](Tampering& t) { t.files["SHA256SUMS"] = replaced(t.files["SHA256SUMS"], "  b", " *b"); }, true) ==
        "sums");
  CHECK(edited([](Tampering& t) { t.files["SHA256SUMS"] = replaced(t.files["SHA256SUMS"], "  b", "  ./b"); }, true) ==
        "sums");
  CHECK(edited(
            [](Tampering& t) {
              t.files["SHA256SUMS"] += t.files["SHA256SUMS"].substr(0, t.files["SHA256SUMS"].find('\n') + 1);
            },
            true) == "sums");
  CHECK(edited([](Tampering& t) {
          t.files["SHA256SUMS"] = replaced(t.files["SHA256SUMS"], "bundle.json", "bundle.jsom");
        }) == "sums minisig");
}

TEST_CASE("files that are listed but unknown are intact and reported") {
  Tampering t;
  t.files["content/x.request"] = "body";
  CHECK(t.resealed() == "exit 0");
  const auto report = verify_bundle_bytes(make_tar(t.files), t.world.pinned());
  REQUIRE(report.has_value());
  CHECK(joined(report->notes).find("content/x.request") != std::string::npos);
}

TEST_CASE("range.json belongs to a part of a log only, and has exact lengths") {
  Tampering whole;
  whole.files["range.json"] = "{\"left\":[],\"right\":[]}\n";
  CHECK(whole.resealed() == "file");

  const auto edited = [](const std::function<void(BundleMap&)>& edit) {
    PeriodTampering t;
    edit(t.files);
    return t.resealed();
  };
  CHECK(edited([](BundleMap&) {}) == "exit 0");
  CHECK(edited([](BundleMap& files) { files.erase("range.json"); }) == "file");
  CHECK(edited([](BundleMap& files) { files["range.json"] = "{\"left\":[],\"right\":[]}\n"; }) == "root");
  CHECK(edited([](BundleMap& files) { files["range.json"] = "{\"left\":[]}\n"; }) == "root");
  CHECK(edited([](BundleMap& files) {
          files["range.json"] = replaced(files["range.json"], "\"right\"", "\"middle\":1,\"right\"");
        }) == "root");
  CHECK(edited([](BundleMap& files) { files["range.json"] = replaced(files["range.json"], "}", " }"); }) ==
        "canonical");
  CHECK(edited([](BundleMap& files) { files["range.json"].pop_back(); }) == "canonical");
  CHECK(edited([](BundleMap& files) { files["range.json"] = std::string(70'000, ' '); }) == "file");
  CHECK(edited([](BundleMap& files) {
          auto& text = files["range.json"];
          text = replaced(text, "[\"", "[\"" + to_base64(sha256("x")) + "\",\"");
        }) == "root");
}

TEST_CASE("the edges of a period are proven: exactly one record before and one after") {
  const auto moved = [](std::string_view what, std::string_view with) {
    PeriodTampering t;
    t.edit_manifest(what, with);
    return t.resealed();
  };
  const auto from = [](int seconds) { return "\"from\":" + std::to_string(BundleWorld::at(seconds).micros); };
  const auto to = [](int seconds) { return "\"to\":" + std::to_string(BundleWorld::at(seconds).micros); };
  CHECK(moved(from(3), from(4)) == "meta period");
  CHECK(moved(from(3), from(2)) == "meta period");
  CHECK(moved(to(6), to(7)) == "meta period");
  CHECK(moved(to(6), to(5)) == "meta period");
  CHECK(moved(to(6), to(3)) == "meta period");  // from is not before to
  CHECK(moved(from(3) + ",", "") == "meta period");
  CHECK(moved(to(6) + ",", "") == "meta period");
  CHECK(moved(from(3), "\"from\":\"x\"") == "meta");
}

TEST_CASE("pins: each key given must be the bundle's, and without one nothing is proven") {
  BundleWorld world;
  const auto tar = world.tar();
  CHECK(outcome_of(tar, {}) == "exit 4");
  VerifyOptions self;
  self.require_pinned = false;
  CHECK(outcome_of(tar, self) == "exit 0");

  SeededRandom random(77);
  const auto other = KeyRing::generate("talon-test", random).public_keys();
  auto options = world.pinned();
  options.pinned->log_key = other.log_key;
  CHECK(outcome_of(tar, options) == "key");
  options = world.pinned();
  options.pinned->export_key = other.export_key;
  CHECK(outcome_of(tar, options) == "key");

  options = world.pinned();
  options.pinned->log_key.reset();
  const auto report = verify_bundle_bytes(tar, options);
  REQUIRE(report.has_value());
  CHECK(report->exit == 0);
  CHECK(report->pinned_by == "export key");
}

TEST_CASE("a bundle of another log or period than asked for is not an answer") {
  BundleWorld world;
  BundleWorld unattributed(4, "");
  const auto asked = [](const BundleWorld& of, const std::string& tar, std::optional<core::LogName> log,
                        Period wanted) {
    auto options = of.pinned();
    options.expected_log = std::move(log);
    options.expected_period = wanted;
    return outcome_of(tar, options);
  };
  const auto whole = world.tar();
  const auto part = world.tar(period(3, 6));
  const auto open = world.tar(period(3, 60));
  CHECK(asked(world, whole, BundleWorld::name_of("acme"), {}) == "exit 0");
  CHECK(asked(world, whole, BundleWorld::name_of("Acme"), {}) == "exit 4");
  CHECK(asked(world, whole, core::LogName::unattributed(), {}) == "exit 4");
  CHECK(asked(unattributed, unattributed.tar(), core::LogName::unattributed(), {}) == "exit 0");
  CHECK(asked(unattributed, unattributed.tar(), core::LogName::operator_log(), {}) == "exit 4");
  CHECK(asked(unattributed, unattributed.tar(), BundleWorld::name_of("acme"), {}) == "exit 4");
  CHECK(asked(world, part, {}, {}) == "exit 0");
  CHECK(asked(world, part, {}, period(3, 6)) == "exit 0");
  CHECK(asked(world, part, {}, period(3, 7)) == "exit 4");
  CHECK(asked(world, part, {}, period(3, {})) == "exit 4");
  CHECK(asked(world, whole, {}, period(3, 6)) == "exit 4");
  CHECK(asked(world, open, {}, {}) == "exit 0");
  CHECK(asked(world, open, {}, period(3, 60)) == "exit 4");
}

TEST_CASE("with only the log key pinned and no genesis in the bundle, the export key is said to be unpinned") {
  BundleWorld world;
  auto options = world.pinned();
  options.pinned->export_key.reset();
  const auto notes = [&](const std::string& tar) {
    const auto report = verify_bundle_bytes(tar, options);
    REQUIRE(report.has_value());
    CHECK(report->exit == 0);
    return joined(report->notes);
  };
  CHECK(notes(world.tar(period(3, 6))).find("SHA256SUMS shows integrity only") != std::string::npos);
  CHECK(notes(world.tar()).find("SHA256SUMS shows integrity only") == std::string::npos);
}

TEST_CASE("no single changed byte of a bundle is accepted") {
  BundleWorld world(1);
  auto files = world.files();
  files["README.txt"] = "short\n";
  world.reseal(files);
  const auto tar = make_tar(files);
  REQUIRE(outcome_of(tar, world.pinned()) == "exit 0");
  const auto options = world.pinned();
  for (std::size_t i = 0; i < tar.size(); ++i) {
    std::string changed = tar;
    changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
    const auto outcome = outcome_of(changed, options);
    CHECK_MESSAGE((outcome != "exit 0" && outcome != "exit 4"), "byte ", i, ": ", outcome);
  }
}
