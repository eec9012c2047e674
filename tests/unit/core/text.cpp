#include "core/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include "core/plain_bytes.h"

using namespace talon::core;  // NOLINT: a test of this namespace
using namespace std::string_literals;

TEST_CASE("code points are counted and bad UTF-8 is noticed") {
  CHECK(count_code_points("") == 0);
  CHECK(count_code_points("aü€😀") == 4);
  for (const std::string bad : {"\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF",
                                "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "a\xFF"}) {
    CHECK_FALSE(count_code_points(bad));
  }
}

TEST_CASE("outside text becomes record text, one mark for each bad byte") {
  CHECK(record_text("plain \"text\" \\ ü \xE2\x80\xA8") == "plain \"text\" \\ ü \xE2\x80\xA8");
  CHECK(record_text("a\x01"
                    "b\nc\x7f") == "a\uFFFDb\uFFFDc\uFFFD");
  CHECK(record_text("\xC2\x85") == "\uFFFD");                    // a control character, whole
  CHECK(record_text("\xE2\x82") == "\uFFFD\uFFFD");              // two bytes of nothing
  CHECK(record_text("\xF0\x9F\x98z") == "\uFFFD\uFFFD\uFFFDz");  // not per maximal subpart
  CHECK(record_text("\0"s) == "\uFFFD");
}

TEST_CASE("record text is cut to 256 code points and stays as it is when made again") {
  std::string wide;
  for (int i = 0; i < 300; ++i) wide += "ü";
  const auto cut = record_text(wide);
  CHECK(count_code_points(cut) == 256);
  CHECK(record_text(cut) == cut);
  CHECK(count_code_points(record_text(std::string(300, '\xff'))) == 256);
}

TEST_CASE("terminals get no controls, bidi marks or stray bytes") {
  CHECK(terminal_text("acme ü") == "acme ü");
  CHECK(terminal_text("a\x1b[31m") == "a\\u{1b}[31m");
  CHECK(terminal_text("\xE2\x80\xAEx") == "\\u{202e}x");
  CHECK(terminal_text("\xFF\0"s) == "\\xff\\u{0}");
}

TEST_CASE("the nearest known word is suggested, a far one is not") {
  const std::array known = {"callers", "providers", "defaults"};
  CHECK(nearest("calers", known) == "callers");
  CHECK(nearest("provider", known) == "providers");
  CHECK(nearest("zzzzzz", known).empty());
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("base64 has one spelling") {
  CHECK(base64_encode("") == "");
  CHECK(base64_encode("f") == "Zg==");
  CHECK(base64_encode("fo") == "Zm8=");
  CHECK(base64_encode("foo") == "Zm9v");
  CHECK(base64_encode("foobar") == "Zm9vYmFy");
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
    bytes += static_cast<char>(i * 7);
  }
  for (const std::string bad :
       {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm 8=", "Zm9v\n", "Z===", "====", "Zg==Zg==", "Zm-_", "Z=g="}) {
    CAPTURE(bad);
    CHECK_FALSE(base64_decode(bad));
  }
}

TEST_CASE("hex is lower case and whole") {
  CHECK(hex_encode("\x00\xab\xff"s) == "00abff");
  CHECK(hex_decode("00abff") == "\x00\xab\xff"s);
  for (const std::string bad : {"0", "0g", "AB"}) CHECK_FALSE(hex_decode(bad));
}

TEST_CASE("the run of plain bytes ends at the first byte that a JSON string cannot hold as it stands") {
  const auto one_by_one = [](const std::string& text) {
    const auto odd = std::ranges::find_if(text, [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\';
    });
    return static_cast<std::size_t>(odd - text.begin());
  };
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t size = 1; size < 26; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(byte);
        REQUIRE(plain_run(text) == one_by_one(text));
      }
    }
  }
  std::mt19937 dice(7);
  for (int round = 0; round < 20000; ++round) {
    std::string text(dice() % 40, ' ');
    for (char& c : text) c = static_cast<char>(dice() % 8 != 0 ? 0x20 + dice() % 0x5f : dice());
    REQUIRE(plain_run(text) == one_by_one(text));
  }
  CHECK(plain_run("") == 0);
}
