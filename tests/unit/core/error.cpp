#include "core/error.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

namespace core = talon::core;
using core::Code;

TEST_CASE("every code has a word of its own that reads back") {
  std::set<std::string_view> words;
  for (int i = 0; i <= static_cast<int>(Code::interrupted); ++i) {
    const auto code = static_cast<Code>(i);
    CAPTURE(word(code));
    CHECK(words.insert(word(code)).second);
    CHECK(core::parse_code(word(code)) == code);
  }
  CHECK_FALSE(core::parse_code("no_such_word"));
}

TEST_CASE("status and type of an error belong together") {
  CHECK(http_status(Code::daily_cost_exceeded) == 402);
  CHECK(http_type(Code::daily_cost_exceeded) == "budget_limit_error");
  CHECK(http_status(Code::invalid_key) == 401);
  CHECK(http_type(Code::invalid_key) == "authentication_error");
  CHECK(http_type(Code::tenant_mismatch) == "permission_error");
  CHECK(http_type(Code::not_found) == "not_found_error");
  CHECK(http_type(Code::provider_rate_limited) == "rate_limit_error");
  CHECK(http_type(Code::body_too_large) == "invalid_request_error");
  CHECK(http_type(Code::not_supported) == "api_error");
  CHECK(http_status(Code::provider_timeout) == 504);
  CHECK(http_status(Code::vault_corrupt) == 500);
}

namespace {
core::Result<int> half(int value) {
  if (value % 2 != 0) return core::fail(Code::invalid_request, "odd");
  return value / 2;
}
core::Result<int> quarter(int value) {
  TALON_TRY(first, half(value));
  TALON_TRY(second, half(first));
  return second;
}
}  // namespace

TEST_CASE("a failing step hands its error up") {
  CHECK(*quarter(12) == 3);
  REQUIRE_FALSE(quarter(6));
  CHECK(quarter(6).error().message == "odd");
}
