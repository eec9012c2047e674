// Fields and the error envelope.
#include "gateway/http/message.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gateway/http/error_envelope.h"

namespace tg = talon::gateway;
using nlohmann::json;
using talon::core::Code;

namespace {
std::string field(const tg::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.fields) {
    if (tg::equal_names(key, name)) return value;
  }
  return "(absent)";
}
tg::Response answer(Code code, std::optional<int> retry_after = {}) {
  return tg::to_response({{code, "m", {}}, {}, retry_after}, "req_1");
}
}  // namespace

TEST_CASE("field names are compared without regard to ASCII case, and only to that") {
  CHECK(tg::equal_names("Content-Length", "content-lENGTH"));
  CHECK_FALSE(tg::equal_names("content-length", "content-lengt"));
  CHECK_FALSE(tg::equal_names("a[", "a{"));  // differ by the case bit, but are no letters
  CHECK_FALSE(tg::equal_names("a@", "a`"));
  CHECK(tg::equal_names("", ""));
}

TEST_CASE("names of any length are equal where each two bytes are") {
  const auto lower = [](int byte) { return byte >= 'A' && byte <= 'Z' ? byte + 32 : byte; };
  for (std::size_t size = 1; size < 26; ++size) {
    for (std::size_t at = 0; at < size; at += size < 10 ? 1 : 5) {
      std::string a(size, 'n'), b(size, 'N');
      for (int x = 0; x < 256; ++x) {
        a[at] = static_cast<char>(x);
        for (int y = 0; y < 256; ++y) {
          b[at] = static_cast<char>(y);
          if (tg::equal_names(a, b) != (lower(x) == lower(y))) FAIL("size ", size, " at ", at, ": ", x, " and ", y);
        }
      }
    }
  }
}

TEST_CASE("fields are found by name, first one first, and counted") {
  tg::Fields fields;
  fields.add("X-A", "1");
  fields.add("x-b", "2");
  fields.add("x-a", "3");
  CHECK(fields.find("X-a") == "1");
  CHECK(fields.count("x-A") == 2);
  CHECK_FALSE(fields.find("x-c"));
}

TEST_CASE("the envelope carries type, code, message, the code's members and the request id") {
  const tg::Refusal refusal{{Code::daily_cost_exceeded, "Daily \"limit\"", {}},
                            {{"budget_limit_usd", "50"}, {"resets_at", "\"2026-05-02T00:00:00Z\""}},
                            {}};
  const auto response = tg::to_response(refusal, "req_1");
  CHECK(response.status == 402);
  CHECK(response.content_type == "application/json");
  CHECK(json::parse(response.body) ==
        json::parse(R"({"error":{"type":"budget_limit_error","code":"daily_cost_exceeded","message":"Daily \"limit\"",
      "budget_limit_usd":50,"resets_at":"2026-05-02T00:00:00Z","request_id":"req_1"}})"));
}

TEST_CASE("SDKs are told not to retry what cannot get better") {
  for (const auto code :
       {Code::invalid_key, Code::daily_cost_exceeded, Code::tenant_mismatch, Code::no_provider_configured}) {
    CHECK(field(answer(code), "x-should-retry") == "false");
  }
  for (const auto code : {Code::invalid_json, Code::rate_limited, Code::overloaded, Code::vault_unavailable,
                          Code::provider_error, Code::draining}) {
    CHECK(field(answer(code), "x-should-retry") == "(absent)");
  }
}

TEST_CASE("Retry-After is sent up to a minute and never beyond") {
  CHECK(field(answer(Code::rate_limited, 0), "Retry-After") == "0");
  CHECK(field(answer(Code::rate_limited, 60), "Retry-After") == "60");
  CHECK(field(answer(Code::rate_limited, 61), "Retry-After") == "(absent)");
  CHECK(field(answer(Code::rate_limited, -1), "Retry-After") == "(absent)");
  CHECK(field(answer(Code::rate_limited), "Retry-After") == "(absent)");
}

TEST_CASE("only 401 names the scheme to authenticate with") {
  CHECK(field(answer(Code::invalid_key), "WWW-Authenticate") == "Bearer");
  CHECK(field(answer(Code::wrong_key_kind), "WWW-Authenticate") == "(absent)");
}

TEST_CASE("an error event is one data line and a blank line") {
  const auto event = tg::to_error_event({Code::provider_error, "cut\nhere", {}}, "req_1");
  REQUIRE(event.starts_with("data: {"));
  REQUIRE(event.ends_with("}}\n\n"));
  CHECK(std::ranges::count(event, '\n') == 2);
  CHECK(json::parse(event.substr(6))["error"]["code"] == "provider_error");
}

TEST_CASE("any bytes become a JSON string that parses") {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  CHECK_NOTHROW(static_cast<void>(json::parse(tg::json_quote(every))));
  CHECK(tg::json_quote("a\"b\\c\n\x01é\xff") == "\"a\\\"b\\\\c\\n\\u0001é\xef\xbf\xbd\"");
}
