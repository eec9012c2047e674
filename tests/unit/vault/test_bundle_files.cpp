// Hostile containers: tars and folders that try to reach out, lie about sizes, or stop early.
#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/vault/bundle_world.h"
#include "vault/bundle/json_shape.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;
namespace fs = std::filesystem;

namespace {

/// Offset of a member's header.
std::size_t header_of(std::string_view tar, std::string_view name) {
  for (std::size_t at = 0; at < tar.size(); at += 512) {
    if (std::string_view(tar.data() + at) == name && tar.substr(at + 257, 5) == "ustar") return at;
  }
  throw std::runtime_error("no such member");
}

void fix_checksum(std::string& tar, std::size_t header) {
  std::fill_n(tar.begin() + static_cast<std::ptrdiff_t>(header + 148), 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[header + i]);
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%06o", sum);
  tar.replace(header + 148, 7, digits.data(), 7);
}

struct TarWorld {
  BundleWorld world{4};
  std::string tar = world.tar();
  [[nodiscard]] std::string outcome() const { return outcome_of(tar, world.pinned()); }
};

struct FolderWorld {
  BundleWorld world{4};
  TemporaryFolder folder;
  fs::path bundle = folder / "bundle";
  FolderWorld() {
    REQUIRE(write_bundle_folder(world.source, world.log, world.keys, {}, "talon/0.1.0", bundle).has_value());
  }
  [[nodiscard]] std::string outcome() const {
    const auto report = verify_bundle(bundle, world.pinned());
    if (!report) return "exit 3";
    std::string failed;
    for (const auto& check : report->checks) {
      if (check.status == CheckStatus::fail) failed += (failed.empty() ? "" : " ") + check.id;
    }
    return failed.empty() ? "exit " + std::to_string(report->exit) : failed;
  }
};

}  // namespace

TEST_CASE("what is no ustar archive cannot be told") {
  CHECK(outcome_of("", {}) == "exit 3");
  CHECK(outcome_of("hello", {}) == "exit 3");
  CHECK(outcome_of(std::string(10'240, '\0'), {}) == "exit 3");
  CHECK(verify_bundle("/no/such/bundle.talon", {}).error().code == core::Code::bundle_unreadable);
  CHECK(verify_bundle("/dev/zero", {}).error().code == core::Code::bundle_unreadable);
}

TEST_CASE("a tar cut anywhere is refused: before bundle.json it cannot be told, behind it a check fails") {
  TarWorld world;
  const auto behind = header_of(world.tar, "bundle.json") + 512 + open_tar(world.tar).at("bundle.json").size();
  const std::string whole = world.tar;
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    world.tar = whole.substr(0, size);
    const auto outcome = world.outcome();
    if (size < behind) {
      CHECK(outcome == "exit 3");
    } else {
      CHECK(outcome.starts_with("file"));
    }
  }
  world.tar = whole + std::string(512, '\0');
  CHECK(world.outcome() == "file");
  world.tar = whole.substr(0, whole.size() - 512);
  CHECK(world.outcome() == "file");
  world.tar = whole.substr(0, whole.size() - 1);
  CHECK(world.outcome() == "file");
  world.tar = whole + "x";
  CHECK(world.outcome() == "file");
}

TEST_CASE("a header differs from its rewriting: file, whatever tar programs think of it") {
  const auto changed = [](std::size_t at, char value, bool fix) {
    TarWorld world;
    const auto header = header_of(world.tar, "checkpoint");
    world.tar[header + at] = value;
    if (fix) fix_checksum(world.tar, header);
    return world.outcome();
  };
  CHECK(changed(106, '5', true) == "file");   // mode
  CHECK(changed(114, '1', true) == "file");   // uid
  CHECK(changed(146, '1', true) == "file");   // mtime
  CHECK(changed(150, '9', false) == "file");  // checksum
  CHECK(changed(265, 'r', true) == "file");   // user name
  CHECK(changed(345, 'x', true) == "file");   // prefix
  CHECK(changed(500, 'x', true) == "file");
  // What is no regular file is no file of the bundle: listed, but absent.
  for (const char type : {'1', '2', '3', '4', '5', '6', '7', 'x', 'g', 'L', '\0'})
    CHECK(changed(156, type, true) == "file sums");
  // A size that is no octal number breaks the tar: what follows is not there.
  CHECK(changed(135, ' ', true) == "file sums");
  CHECK(changed(124, '\x80', true) == "file sums");
  CHECK(changed(124, '7', true) == "file sums");
}

TEST_CASE("of two members with one path, a link in front does not hide the file") {
  TarWorld world;
  const auto header = header_of(world.tar, "bundle.json");
  std::string link = world.tar.substr(header, 512);
  link[156] = '2';
  fix_checksum(link, 0);
  link.replace(124, 11, "00000000000");
  world.tar.insert(header, link);
  CHECK(world.outcome() == "file");
  TarWorld only;
  only.tar[header + 156] = '2';
  CHECK(only.outcome() == "exit 3");
}

TEST_CASE("paths that reach out, stand twice or out of order are refused") {
  for (const std::string_view path :
       {"../evil", "/etc/passwd", "a/../b", "a//b", "./a", "a/", ".hidden", "a\\b", "a b", "\xC3\xA4", "a\nb"}) {
    TarWorld world;
    auto files = open_tar(world.tar);
    files.emplace(path, "x");
    CHECK(outcome_of(make_tar(files), world.world.pinned()).starts_with("file"));
  }
  TarWorld twice;
  const auto header = header_of(twice.tar, "checkpoint");
  const auto length = 512 + 512 * ((open_tar(twice.tar).at("checkpoint").size() + 511) / 512);
  twice.tar.insert(header, twice.tar.substr(header, length));
  CHECK(twice.outcome() == "file");
  TarWorld moved;
  const auto member = moved.tar.substr(header, length);
  moved.tar.erase(header, length);
  moved.tar.insert(0, member);
  CHECK(moved.outcome() == "file");
}

TEST_CASE("bytes hidden in the padding are found") {
  TarWorld world;
  const auto header = header_of(world.tar, "checkpoint");
  world.tar[header + 512 + open_tar(world.tar).at("checkpoint").size()] = 'x';
  CHECK(world.outcome() == "file");
}

TEST_CASE("small files have bounds") {
  for (const char* const name : {"README.txt", "checkpoint", "SHA256SUMS.minisig"}) {
    TarWorld world;
    auto files = open_tar(world.tar);
    files[name].append(70'000, '\n');
    world.tar = make_tar(files);
    CHECK(world.outcome().starts_with("file"));
  }
}

TEST_CASE("a folder verifies; links, devices, odd names and strangers in it do not") {
  const auto changed = [](const std::function<void(const fs::path&)>& change) {
    FolderWorld world;
    change(world.bundle);
    return world.outcome();
  };
  CHECK(changed([](const fs::path&) {}) == "exit 0");
  CHECK(changed([](const fs::path& bundle) { fs::create_directories(bundle / "empty/folder"); }) == "exit 0");
  CHECK(changed([](const fs::path& bundle) { write_text(bundle / "extra", "x"); }) == "sums");
  CHECK(changed([](const fs::path& bundle) { write_text(bundle / ".hidden", "x"); }) == "sums");
  CHECK(changed([](const fs::path& bundle) { write_text(bundle / "a b", "x"); }) == "sums");
  CHECK(changed([](const fs::path& bundle) {
          fs::create_directory(bundle / "sub");
          write_text(bundle / "sub/x", "x");
        }) == "sums");
  CHECK(changed([](const fs::path& bundle) { fs::create_symlink("/etc/passwd", bundle / "link"); }) == "file");
  CHECK(changed([](const fs::path& bundle) { fs::create_directory_symlink("/etc", bundle / "etc"); }) == "file");
  CHECK(changed([](const fs::path& bundle) { ::mkfifo((bundle / "pipe").c_str(), 0600); }) == "file");
  CHECK(changed([](const fs::path& bundle) {
          fs::rename(bundle / "checkpoint", bundle.parent_path() / "checkpoint");
          fs::create_symlink(bundle.parent_path() / "checkpoint", bundle / "checkpoint");
        }) == "file sums");
  CHECK(changed([](const fs::path& bundle) { fs::remove(bundle / "bundle.json"); }) == "exit 3");
  CHECK(changed([](const fs::path& bundle) { fs::remove(bundle / "leaves.bin"); }) == "file sums");
  CHECK(changed([](const fs::path& bundle) { write_text(bundle / "leaves.bin", ""); }) == "sums leaf");
  CHECK(changed([](const fs::path& bundle) {
          write_text(bundle / "leaves.bin", read_text(bundle / "leaves.bin") + "x");
        }) == "sums leaf");
}

TEST_CASE("bundle.json's shape is read from any JSON, and only from JSON") {
  const auto format = [](std::string_view text) {
    const auto shape = read_manifest_shape(text);
    return !shape ? std::string("no JSON") : shape->format.value_or("none");
  };
  CHECK(format("{}") == "none");
  CHECK(format(" { \"format\" : \"x\" , \"a\" : [ 1.5e+3 , null , { } , [ [ ] ] ] } \n") == "x");
  CHECK(format("{\"\\u0066ormat\":\"\\u0078\"}") == "x");
  CHECK(format("{\"format\":\"a\",\"format\":\"x\"}") == "x");
  CHECK(format("{\"format\":1}") == "none");
  CHECK(format("{\"a\":1e400,\"b\":\"\\ud800\",\"format\":\"x\"}") == "x");
  for (const std::string_view bad : {"",
                                     "\xEF\xBB\xBF{\"format\":\"x\"}",
                                     "[]",
                                     "1",
                                     "{",
                                     "{}}",
                                     "{\"a\"}",
                                     "{\"a\":}",
                                     "{\"a\":1,}",
                                     "{a:1}",
                                     "{\"a\":01}",
                                     "{\"a\":.5}",
                                     "{\"a\":NaN}",
                                     "{\"a\":\"\\x\"}",
                                     "{\"a\":\"\n\"}",
                                     "{\"a\":[1,]}",
                                     "{\"a\":[1}",
                                     "{\"a\":{\"b\"]}",
                                     "{\"a\":\"\xff\"}",
                                     "{\"a\":1} x",
                                     "{\"a\":tru}",
                                     "{\"a\":-}",
                                     "{\"a\":1.}",
                                     "{\"a\":1e}"}) {
    CHECK_MESSAGE(format(bad) == "no JSON", bad);
  }
  const auto nested = [](std::size_t levels, std::string_view innermost) {
    return "{\"a\":" + std::string(levels, '[') + std::string(innermost) + std::string(levels, ']') +
           ",\"format\":\"x\"}";
  };
  CHECK(format(nested(255, "")) == "x");
  CHECK(format(nested(255, "1,\"[[\",2")) == "x");
  CHECK(format(nested(256, "")) == "no JSON");
  CHECK(format(nested(255, "{}")) == "no JSON");
  CHECK(format(nested(60'000, "")) == "no JSON");

  const auto needs = [](std::string_view list) {
    const auto shape = read_manifest_shape("{\"needs\":" + std::string(list) + "}");
    REQUIRE(shape.has_value());
    return shape->needs.has_value();
  };
  CHECK(needs("[\"a\",\"b\"]"));
  // Sorted by code points, however they are written.
  CHECK(needs("[\"\\u00e8\", \"\\u00e9\"]"));
  CHECK(needs("[\"\\uffff\",\"\\ud83d\\ude00\"]"));
  CHECK(needs("[\"\\ud800\",\"\\udc00\"]"));
  CHECK_FALSE(needs("[\"\\u00e9\",\"\\u00e8\"]"));
  CHECK_FALSE(needs("[\"\\ud83d\\ude00\",\"\\uffff\"]"));
  CHECK_FALSE(needs("[\"\\ud800x\",\"\\ud800\"]"));
  for (const std::string_view bad : {"[]", "[\"b\",\"a\"]", "[\"a\",\"a\"]", "[1]", "\"a\"", "{}", "null"})
    CHECK_FALSE(needs(bad));
}
