// The table of heads that more than one reading exists for.
#include "gateway/http/head_check.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace tg = talon::gateway;
using namespace std::string_literals;

namespace {
const std::string k_post = "POST /v1/x HTTP/1.1\r\nHost: a\r\n";
bool ok(const std::string& raw) { return tg::check_request_head(raw).has_value(); }
bool ok_response(const std::string& raw) { return tg::check_response_head(raw).has_value(); }
}  // namespace

TEST_CASE("ordinary request heads pass") {
  for (const auto& raw : {
           "GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"s,
           "GET /v1/models?limit=1 HTTP/1.1\r\nhost:[::1]:80\r\nX-Empty:\r\n\r\n"s,
           "GET / HTTP/1.0\r\n\r\n"s,
           "GET / HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n"s,
           k_post + "Content-Length: 12\r\n\r\n",
           k_post + "Content-Length:\t 12 \r\n\r\n",
           k_post + "Transfer-Encoding: chunked\r\n\r\n",
           k_post + "X-Name: caf\xc3\xa9 \xff\ttab\r\n\r\n",
           "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost:\r\n\r\n"s,
       }) {
    CAPTURE(raw);
    CHECK(ok(raw));
  }
}

TEST_CASE("request heads that invite smuggling are refused") {
  const std::vector<std::pair<const char*, std::string>> table = {
      {"folded line", k_post + "X: a\r\n b\r\n\r\n"},
      {"folded with tab", k_post + "X: a\r\n\tb\r\n\r\n"},
      {"folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
      {"two lengths", k_post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"},
      {"two equal lengths", k_post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"},
      {"two lengths, other case", k_post + "Content-Length: 5\r\ncontent-lengTH: 5\r\n\r\n"},
      {"list of lengths", k_post + "Content-Length: 5, 5\r\n\r\n"},
      {"signed length", k_post + "Content-Length: +5\r\n\r\n"},
      {"negative length", k_post + "Content-Length: -1\r\n\r\n"},
      {"hexadecimal length", k_post + "Content-Length: 0x5\r\n\r\n"},
      {"empty length", k_post + "Content-Length:\r\n\r\n"},
      {"length with space inside", k_post + "Content-Length: 1 2\r\n\r\n"},
      {"length beyond 64 bits", k_post + "Content-Length: 99999999999999999999\r\n\r\n"},
      {"both framings", k_post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"both framings, other order", k_post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
      {"coding list", k_post + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
      {"chunked twice", k_post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"identity", k_post + "Transfer-Encoding: identity\r\n\r\n"},
      {"xchunked", k_post + "Transfer-Encoding: xchunked\r\n\r\n"},
      {"quoted", k_post + "Transfer-Encoding: \"chunked\"\r\n\r\n"},
      {"vertical tab", k_post + "Transfer-Encoding: \x0b"
                                "chunked\r\n\r\n"},
      {"other case", k_post + "Transfer-Encoding: Chunked\r\n\r\n"},
      {"empty coding", k_post + "Transfer-Encoding:\r\n\r\n"},
      {"chunked with parameter", k_post + "Transfer-Encoding: chunked;q=1\r\n\r\n"},
      {"chunked on 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"no Host", "GET / HTTP/1.1\r\n\r\n"},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
      {"two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"},
      {"two Hosts on 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
      {"Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {"Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
      {"Host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
      {"space before colon", k_post + "Content-Length : 5\r\n\r\n"},
      {"tab before colon", k_post + "X\t: 5\r\n\r\n"},
      {"empty name", k_post + ": 5\r\n\r\n"},
      {"name with bracket", k_post + "X(: 5\r\n\r\n"},
      {"name beyond ASCII", k_post + "X\xc3\xa9: 5\r\n\r\n"},
      {"no colon", k_post + "Content-Length\r\n\r\n"},
      {"bare LF", "GET / HTTP/1.1\nHost: a\n\n"},
      {"bare LF in a value", k_post + "X: a\nTransfer-Encoding: chunked\r\n\r\n"},
      {"bare CR in a value", k_post + "X: a\rb\r\n\r\n"},
      {"CR CR LF", k_post + "X: a\r\r\n\r\n"},
      {"NUL in a value", k_post + "X: a\0b\r\n\r\n"s},
      {"NUL in a name", k_post + "X\0: a\r\n\r\n"s},
      {"DEL in a value", k_post + "X: a\x7f\r\n\r\n"},
      {"escape in a value", k_post + "X: \x1b[31m\r\n\r\n"},
      {"raw UTF-8 in the target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"tab in the target", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"empty target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"no version", "GET /\r\n\r\n"},
      {"HTTP/0.9", "GET / HTTP/0.9\r\n\r\n"},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
      {"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\n"},
      {"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n"},
      {"bad method", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"leading space", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"leading blank line", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"no end", "GET / HTTP/1.1\r\nHost: a\r\n"},
      {"half an end", "GET / HTTP/1.1\r\nHost: a\r\n\r"},
      {"something behind the end", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"},
      {"nothing", ""},
  };
  for (const auto& [what, raw] : table) {
    CAPTURE(what);
    const auto result = tg::check_request_head(raw);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == talon::core::Code::invalid_request);
    CHECK(result.error().message.ends_with("."));
  }
}

TEST_CASE("a provider's head is held to the same rules, without Host") {
  CHECK(ok_response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"));
  CHECK(ok_response("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n"));
  CHECK(ok_response("HTTP/1.1 429\r\n\r\n"));
  CHECK(ok_response("HTTP/1.0 200 OK\r\n\r\n"));
  for (const auto& raw : {
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n"s,
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"s,
           "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"s,
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"s,
           "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"s,
           "HTTP/1.1 200 OK\nX: a\n\n"s,
           "HTTP/1.1 20 OK\r\n\r\n"s,
           "HTTP/1.1 2000 OK\r\n\r\n"s,
           "HTTP/1.1 abc OK\r\n\r\n"s,
           "HTTP/2 200\r\n\r\n"s,
           "ICY 200 OK\r\n\r\n"s,
           "HTTP/1.1\r\n\r\n"s,
           "\r\n\r\n"s,
       }) {
    CAPTURE(raw);
    const auto result = tg::check_response_head(raw);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == talon::core::Code::provider_error);
  }
}

TEST_CASE("every head cut short is refused") {
  const std::string whole = k_post + "Content-Length: 12\r\nX: y\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(ok(whole.substr(0, size)));
  }
  CHECK(ok(whole));
}
