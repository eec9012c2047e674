#include <doctest/doctest.h>

#include "tests/unit/vault/bundle_world.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;
namespace fs = std::filesystem;

namespace {

core::Result<void> ignore(std::string_view) { return {}; }

Period period(std::optional<std::int64_t> from, std::optional<std::int64_t> to) {
  Period result;
  if (from) result.from = BundleWorld::at(*from);
  if (to) result.to = BundleWorld::at(*to);
  return result;
}

}  // namespace

TEST_CASE("a bundle of a whole log verifies, and holds the exact lines") {
  BundleWorld world;
  const auto files = world.files();
  CHECK(files.size() == 7);
  CHECK_FALSE(files.contains("range.json"));
  CHECK(lines_of(files.at("records.jsonl")).size() == 10);
  const auto report = verify_bundle_bytes(world.tar(), world.pinned());
  REQUIRE(report.has_value());
  CHECK(report->exit == 0);
  CHECK(report->verdict == "valid");
  CHECK(report->whole);
  CHECK(report->records == 10);
  CHECK(report->tenant == "acme");
  CHECK(report->facts == std::vector<std::string>{"self", "pinned"});
  for (const auto& check : report->checks)
    CHECK_MESSAGE(check.status == CheckStatus::pass, check.id, ": ", check.detail);
}

TEST_CASE("bundles of every size from one record on verify") {
  for (int size = 1; size <= 33; ++size) {
    BundleWorld world(size);
    CHECK(outcome_of(world.tar(), world.pinned()) == "exit 0");
  }
}

TEST_CASE("every period of a log verifies, with the record before and the one after") {
  BundleWorld world(9);
  for (std::int64_t from = -1; from <= 9; ++from) {
    for (std::int64_t to = from + 1; to <= 10; ++to) {
      const auto tar = world.tar(period(from, to));
      const auto report = verify_bundle_bytes(tar, world.pinned());
      REQUIRE(report.has_value());
      CHECK(report->exit == 0);
      const auto in_log = [](std::int64_t at) { return std::clamp<std::int64_t>(at, 0, 9); };
      CHECK(report->records == in_log(to) - in_log(from));
      CHECK(static_cast<std::int64_t>(report->first) == std::clamp<std::int64_t>(from - 1, 0, 8));
      CHECK(static_cast<std::int64_t>(report->last) == std::clamp<std::int64_t>(to, 0, 8));
      CHECK(report->open_end == (to > 8));
    }
  }
  CHECK(outcome_of(world.tar(period(3, {})), world.pinned()) == "exit 0");
  CHECK(outcome_of(world.tar(period({}, 3)), world.pinned()) == "exit 0");
}

TEST_CASE("records of one time stay together at the edges of a period") {
  BundleWorld world(1);
  for (int seq = 1; seq <= 9; ++seq) {
    auto record = world.record(seq);
    record.time = BundleWorld::at(seq / 3 * 3);
    world.source.add(core::to_line(record), record.time);
  }
  const auto report = verify_bundle_bytes(world.tar(period(3, 6)), world.pinned());
  REQUIRE(report.has_value());
  CHECK(report->exit == 0);
  CHECK(report->records == 3);
  CHECK(report->first == 2);
  CHECK(report->last == 6);
}

TEST_CASE("the same state gives the same bytes, and the report their hash") {
  BundleWorld world;
  std::string bytes;
  const auto report =
      write_bundle(world.source, world.log, world.keys, {}, "talon/0.1.0", [&bytes](std::string_view part) {
        bytes.append(part);
        return core::Result<void>{};
      });
  REQUIRE(report.has_value());
  CHECK(bytes == world.tar());
  CHECK(report->sha256 == to_hex(sha256(bytes)));
  CHECK(report->records == 10);
  CHECK(report->size == 10);
  CHECK_FALSE(report->open_end);
}

TEST_CASE("tenant ids of any letters, and logs of no tenant, verify") {
  const std::string longest = [] {
    std::string text;
    for (int i = 0; i < 128; ++i) text += "\xF0\x9F\x98\x80";
    return text;
  }();
  for (const std::string& tenant :
       std::vector<std::string>{"a b", "M\xC3\xBCller & S\xC3\xB6hne", "a/../b", "\"quoted\\\"", "100%", longest}) {
    BundleWorld world(3, tenant);
    CHECK(outcome_of(world.tar(), world.pinned()) == "exit 0");
  }
  BundleWorld unattributed(3, "");
  CHECK(outcome_of(unattributed.tar(), unattributed.pinned()) == "exit 0");
}

TEST_CASE("the trusted comment percent-encodes the tenant and names range, size and root") {
  BundleWorld world(3, "M\xC3\xBCller ~x");
  const auto files = world.files();
  const std::string expected =
      "trusted comment: talon-bundle/v1 tenant=M%C3%BCller%20~x origin=" + origin_of("talon-test", world.log) +
      " records=0-2 size=3 root=" + text_member(files.at("bundle.json"), "root") + "\n";
  CHECK(files.at("SHA256SUMS.minisig").find(expected) != std::string::npos);
  CHECK(files.at("SHA256SUMS.minisig").starts_with("untrusted comment: talon-test\n"));
}

TEST_CASE("README.txt is ASCII with LF, warns of the export key's thief and says when the end is open") {
  BundleWorld world(5, "M\xC3\xBCller");
  const auto closed = world.files(period(1, 3)).at("README.txt");
  const auto open = world.files(period(1, 30)).at("README.txt");
  for (const char c : closed) CHECK((c == '\n' || (c >= 0x20 && c < 0x7f)));
  CHECK(closed.find("stolen the export key") != std::string::npos);
  CHECK(closed.find("minisign -V -H -P RW... -m SHA256SUMS && sha256sum -c --strict SHA256SUMS") != std::string::npos);
  CHECK(closed.find("THE END IS OPEN") == std::string::npos);
  CHECK(open.find("THE END IS OPEN") != std::string::npos);
}

TEST_CASE("a folder holds the same files as the tar and verifies") {
  BundleWorld world;
  TemporaryFolder folder;
  const auto target = folder / "out";
  const auto report =
      write_bundle_folder(world.source, world.log, world.keys, period(2, 5), "talon/0.1.0", target.string() + "/");
  REQUIRE(report.has_value());
  const auto files = world.files(period(2, 5));
  for (const auto& [path, text] : files) CHECK(read_text(target / path) == text);
  CHECK(report->sha256 == to_hex(sha256(files.at("SHA256SUMS"))));
  CHECK(std::distance(fs::directory_iterator(target), {}) == static_cast<std::ptrdiff_t>(files.size()));
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
  const auto verified = verify_bundle(target, world.pinned());
  REQUIRE(verified.has_value());
  CHECK(verified->exit == 0);
}

TEST_CASE("a folder that holds something is left alone; an empty one is filled") {
  BundleWorld world;
  TemporaryFolder folder;
  const auto target = folder / "out";
  fs::create_directory(target);
  write_text(target / "mine", "x");
  auto report = write_bundle_folder(world.source, world.log, world.keys, {}, "talon/0.1.0", target);
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == core::Code::file_exists);
  CHECK(read_text(target / "mine") == "x");
  fs::remove(target / "mine");
  CHECK(write_bundle_folder(world.source, world.log, world.keys, {}, "talon/0.1.0", target).has_value());
}

TEST_CASE("a vault that contradicts itself exports nothing") {
  const auto refused = [](BundleWorld& world) {
    std::size_t written = 0;
    const auto report = write_bundle(world.source, world.log, world.keys, period(2, 6), "talon/0.1.0",
                                     [&written](std::string_view part) {
                                       written += part.size();
                                       return core::Result<void>{};
                                     });
    return !report && report.error().code == core::Code::vault_corrupt && written == 0;
  };
  BundleWorld changed;
  changed.source.corrupt(4, core::to_line(changed.record(4)));
  CHECK(refused(changed));
  BundleWorld mistimed;
  mistimed.source.move_time(5, BundleWorld::at(6));
  CHECK(refused(mistimed));
  BundleWorld empty(0);
  CHECK(refused(empty));
}

TEST_CASE("a period that ends before it begins is a usage error, and a sink's error comes back") {
  BundleWorld world;
  for (const auto& wrong : {period(5, 5), period(6, 5)}) {
    const auto report = write_bundle(world.source, world.log, world.keys, wrong, "talon/0.1.0", ignore);
    REQUIRE_FALSE(report.has_value());
    CHECK(report.error().code == core::Code::usage);
  }
  const auto report = write_bundle(world.source, world.log, world.keys, {}, "talon/0.1.0", [](std::string_view) {
    return core::Result<void>(core::fail(core::Code::write_failed, "disk full"));
  });
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == core::Code::write_failed);
}

TEST_CASE("the tar is what GNU tar reads: names, sizes, checksums") {
  // The checksum field and layout by hand for one header.
  const TarBlock header = tar_header("checkpoint", 8);
  const std::string_view view(header.data(), header.size());
  CHECK(view.substr(0, 11) == std::string_view("checkpoint\0", 11));
  CHECK(view.substr(100, 8) == std::string_view("0000644\0", 8));
  CHECK(view.substr(124, 12) == std::string_view("00000000010\0", 12));
  CHECK(view.substr(136, 12) == std::string_view("00000000000\0", 12));
  CHECK(view.substr(257, 8) == std::string_view("ustar\0"
                                                "00",
                                                8));
  std::uint64_t sum = 8 * ' ';
  for (std::size_t i = 0; i < view.size(); ++i) {
    if (i < 148 || i >= 156) sum += static_cast<unsigned char>(view[i]);
  }
  CHECK(std::stoull(std::string(view.substr(148, 6)), nullptr, 8) == sum);
  CHECK(view.substr(154, 2) == std::string_view("\0 ", 2));
}
