#include "core/tenant_id.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace talon::core;  // NOLINT: a test of this namespace

namespace {
std::string refusal(std::string_view text) {
  const auto id = TenantId::parse(text);
  return id ? "" : id.error().message;
}
}  // namespace

TEST_CASE("a tenant id keeps its bytes, whatever the script") {
  for (const std::string text :
       {"acme", "Acme GmbH & Co", "ü", "顧客", "a/b", "..", "%41", "😀", "e\xCC\x81", "-", "\xEF\xBB\xBFx"}) {
    CAPTURE(text);
    const auto id = TenantId::parse(text);
    REQUIRE(id);
    CHECK(id->bytes() == text);
  }
}

TEST_CASE("a tenant id has 1 to 128 code points") {
  CHECK(refusal("") == "a tenant id must not be empty");
  CHECK(refusal(std::string(128, 'a')).empty());
  CHECK(refusal(std::string(129, 'a')) == "a tenant id has at most 128 characters");
  std::string wide;
  for (int i = 0; i < 128; ++i) wide += "😀";
  CHECK(refusal(wide).empty());
  CHECK(refusal(wide + "a") == "a tenant id has at most 128 characters");
}

TEST_CASE("a tenant id holds no control, bidi or line-separator character") {
  for (const int c : {0x00,   0x09,   0x0a,   0x1f,   0x7f,   0x80,   0x85,   0x9f,   0x61c,  0x200e, 0x200f,
                      0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x2028, 0x2029}) {
    std::string text = "a";
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += static_cast<char>(0xc0 | c >> 6);
      text += static_cast<char>(0x80 | (c & 63));
    } else {
      text += static_cast<char>(0xe0 | c >> 12);
      text += static_cast<char>(0x80 | (c >> 6 & 63));
      text += static_cast<char>(0x80 | (c & 63));
    }
    text += "b";
    CAPTURE(c);
    CHECK_FALSE(refusal(text).empty());
  }
}

TEST_CASE("a tenant id has no white space at either end, but may inside") {
  for (const std::string space : {" ", "\xC2\xA0", "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x8A", "\xE2\x80\xAF",
                                  "\xE2\x81\x9F", "\xE3\x80\x80"}) {
    CHECK(refusal(space + "acme") == "a tenant id must not begin with white space");
    CHECK(refusal("acme" + space) == "a tenant id must not end with white space");
    CHECK(refusal("ac" + space + "me").empty());
  }
}

TEST_CASE("a tenant id is valid UTF-8") {
  for (const std::string text : {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\xE2\x82", "\xFF"}) {
    CHECK(refusal(text) == "a tenant id must be valid UTF-8");
  }
}

TEST_CASE("tenant ids are compared by bytes and never normalised") {
  CHECK(*TenantId::parse("\xC3\xA9") != *TenantId::parse("e\xCC\x81"));
  CHECK(*TenantId::parse("acme") != *TenantId::parse("Acme"));
}

TEST_CASE("percent-encoding leaves only unreserved characters and comes back") {
  CHECK(TenantId::parse("Acme & Söhne/1~2")->percent_encoded() == "Acme%20%26%20S%C3%B6hne%2F1~2");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(*percent_decode(percent_encode(all)) == all);
  CHECK(*percent_decode("%41%2f%2F") == "A//");
  CHECK(*percent_decode("%2541") == "%41");
  for (const std::string text : {"%", "%4", "%4g", "a%zz"}) CHECK_FALSE(percent_decode(text));
}

TEST_CASE("log names of a tenant, the unattributed bucket and the operator differ") {
  const auto tenant = LogName::of(*TenantId::parse("acme"));
  CHECK(tenant.is_tenant());
  CHECK(tenant.bytes() == "acme");
  CHECK(LogName::unattributed().is_unattributed());
  CHECK(LogName::operator_log().is_operator());
  CHECK_FALSE(LogName::operator_log().is_tenant());
  CHECK_FALSE(LogName::unattributed().is_tenant());
}
