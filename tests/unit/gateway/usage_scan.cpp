// What is found in an answer while it passes, however it is cut into pieces.
#include <doctest/doctest.h>

#include <string>

#include "gateway/provider/usage_scan.h"

namespace tg = talon::gateway;

namespace {

tg::UsageScan scanned(std::string_view text, std::size_t piece) {
  tg::UsageScan scan;
  for (std::size_t at = 0; at < text.size(); at += piece) scan.feed(text.substr(at, piece));
  return scan;
}

/// The same for every size of piece, or −2.
std::int64_t content_of(std::string_view text) {
  const auto whole = scanned(text, text.size() + 1).content_bytes().value_or(-1);
  for (std::size_t piece = 1; piece < text.size(); ++piece) {
    if (scanned(text, piece).content_bytes().value_or(-1) != whole) return -2;
  }
  return whole;
}

}  // namespace

TEST_CASE("an answer that was cut is counted by the content that came") {
  const std::string head =
      R"({"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":")";
  CHECK(content_of(head) == 0);
  CHECK(content_of(head + "hello") == 5);
  CHECK(content_of(head + "hello\",\"refusal\":null},\"finish_re") == 5);
  CHECK(content_of(head + R"(a\nb\"c\\)") == 6);
  CHECK(content_of(head + R"(\u0041\u00e9\u20ac\ud83d\ude00x)") == 1 + 2 + 3 + 4 + 1);
  CHECK(content_of(head + "\xc3\xa9") == 2);
}

TEST_CASE("arguments of tools and texts of parts are content, names and ids are none") {
  CHECK(
      content_of(
          R"({"choices":[{"message":{"tool_calls":[{"id":"call_1","function":{"name":"f","arguments":"{\"a\":1}"}}]}}]})") ==
      7);
  CHECK(content_of(
            R"({"choices":[{"message":{"content":[{"type":"text","text":"abc"},{"type":"text","text":"de"}]}}]})") ==
        5);
  CHECK(content_of(R"({"choices":[{"text":"abc"}],"model":"content"})") == 3);
  CHECK(content_of(R"(["content","text"])") == 0);
  CHECK(content_of(R"({"\u0063ontent":"abc","contents":"abc"})") == 0);
}

TEST_CASE("what is no JSON has no content of that kind") {
  CHECK(content_of("") == -1);
  CHECK(content_of("plain text") == -1);
  CHECK(content_of("\"content\"") == -1);
}

TEST_CASE("usage is found in an answer of which only the end is missing") {
  const std::string text =
      R"({"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":7,"completion_tokens":2},"x":)";
  for (std::size_t piece = 1; piece < text.size(); ++piece) {
    const auto scan = scanned(text, piece);
    CHECK(!scan.whole());
    REQUIRE(scan.usage());
    CHECK(scan.usage()->input == 7);
    CHECK(scan.usage()->output == 2);
  }
  CHECK(!scanned(text.substr(0, text.size() - 25), 5).usage());
}
