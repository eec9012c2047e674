// Admin bodies: every problem names the member and what would be right.
#include "gateway/api/json_body.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace tg = talon::gateway;
using talon::core::Code;

namespace {

Code parse_refused(std::string_view text) {
  const auto body = tg::parse_json_body(text, tg::BodyNeed::required);
  CAPTURE(text);
  REQUIRE_FALSE(body);
  return body.error().error.code;
}

/// What reading a tenant's members says; empty when all is good.
std::string said(std::string_view text) {
  const auto body = tg::parse_json_body(text, tg::BodyNeed::required);
  if (!body) return body.error().error.message;
  tg::BodyReader in(*body);
  static_cast<void>(in.name("name"));
  static_cast<void>(in.word("tier", {"trial", "developer", "growth", "scale"}));
  static_cast<void>(in.optional_email("email"));
  static_cast<void>(in.optional_money("monthly_budget_usd"));
  static_cast<void>(in.optional_tenant("tenant_id"));
  static_cast<void>(in.optional_boolean("notify"));
  if (auto config = in.optional_object("config")) {
    static_cast<void>(config->optional_integer("timeout", 1, 600));
    static_cast<void>(config->problem());
  }
  const auto problem = in.problem();
  return problem ? problem->error.message : std::string();
}

std::string with(std::string_view members) { return R"({"name":"Acme","tier":"growth",)" + std::string(members) + "}"; }

bool says(const std::string& sentence, std::string_view part) {
  CAPTURE(sentence);
  return sentence.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("what is no JSON object is refused, and why is said") {
  for (const auto* text : {"{",
                           "}",
                           "{]",
                           "[",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{\"a\" 1}",
                           "{a:1}",
                           "{'a':1}",
                           "{\"a\":NaN}",
                           "{\"a\":Infinity}",
                           "{\"a\":01}",
                           "{\"a\":1.}",
                           "{\"a\":.5}",
                           "{\"a\":+1}",
                           "{\"a\":1e}",
                           "{\"a\":tru}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\ud800\"}",
                           "{\"a\":1}{}",
                           "{} x",
                           "nul",
                           "{\"a\":\"\x01\"}",
                           "{\"a\":\"\xff\"}",
                           "\xef\xbb\xbf{}",
                           "{\"a\":\"b}",
                           "",
                           "  \n"})
    CHECK(parse_refused(text) == Code::invalid_json);
  for (const auto* text : {"[]", "null", "\"text\"", "5", "true"}) CHECK(parse_refused(text) == Code::invalid_request);
  CHECK(says(said("{\"monthly_budget_usd\":NaN}"), "\"monthly_budget_usd\" is NaN"));
}

TEST_CASE("a body that may be absent counts as an empty object") {
  CHECK(tg::parse_json_body("", tg::BodyNeed::optional));
  CHECK(tg::parse_json_body(" \r\n", tg::BodyNeed::optional));
  CHECK_FALSE(tg::parse_json_body("null", tg::BodyNeed::optional));
}

TEST_CASE("members given twice are named, at any depth") {
  CHECK(says(said(R"({"name":"a","name":"b","tier":"trial"})"), "\"name\" is given twice"));
  CHECK(says(said(R"({"a":{"b":[{"c":1,"\u0063":2}]}})"), "\"a.b[0].c\" is given twice"));
}

TEST_CASE("nesting and the number of values are bounded") {
  std::string deep = "{\"a\":" + std::string(17, '[') + std::string(17, ']') + "}";
  CHECK(parse_refused(deep) == Code::invalid_request);
  deep = "{\"a\":" + std::string(100'000, '[') + "}";
  CHECK(parse_refused(deep) == Code::invalid_request);
  std::string wide = "{\"a\":[1";
  for (int i = 0; i < 5'000; ++i) wide += ",1";
  CHECK(parse_refused(wide + "]}") == Code::invalid_request);
}

TEST_CASE("an object of more members than any route knows is refused before the rest of it is looked at") {
  const auto object = [](std::size_t members) {
    std::string text = "{";
    for (std::size_t i = 0; i < members; ++i) text += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
    return text + '}';
  };
  CHECK(tg::parse_json_body(object(tg::k_max_body_members), tg::BodyNeed::required));
  const auto refused = tg::parse_json_body(object(tg::k_max_body_members + 1), tg::BodyNeed::required);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().error.code == Code::invalid_request);
  CHECK(says(refused.error().error.message, "more than 256 members"));
  // What follows is not JSON, and nobody gets that far.
  auto broken = object(4'000);
  broken.replace(broken.size() - 2, 1, "x");
  CHECK(says(said(broken), "more than 256 members"));
}

TEST_CASE("the cost of a body grows as the body does") {
  const auto cost = [](const std::string& text) {
    auto best = std::chrono::nanoseconds::max();
    for (int turn = 0; turn < 5; ++turn) {
      const auto before = std::chrono::steady_clock::now();
      static_cast<void>(tg::parse_json_body(text, tg::BodyNeed::required));
      best = std::min(best, std::chrono::nanoseconds(std::chrono::steady_clock::now() - before));
    }
    return best;
  };
  const auto objects = [](int count) {
    std::string text = R"({"list":[)";
    for (int i = 0; i < count; ++i) {
      if (i > 0) text += ',';
      text += '{';
      for (int k = 0; k < 199; ++k) text += (k > 0 ? ",\"k" : "\"k") + std::to_string(k) + "\":1";
      text += '}';
    }
    return text + "]}";
  };
  CHECK(cost(objects(19)) < 40 * cost(objects(2)));  // some 4,000 values against 400
  // The name above thousands of values is not written for each of them.
  const auto below = [](const std::string& name, int count) {
    std::string text = "{\"" + name + "\":[1";
    for (int i = 1; i < count; ++i) text += ",1";
    return text + "]}";
  };
  const std::string name(500'000, 'n');
  CHECK(cost(below(name, 3'900)) < 40 * cost(below(name, 1)));
}

TEST_CASE("a good body has no problem") {
  CHECK(said(with(R"("email":"admin@acme.com","monthly_budget_usd":5000.00)")).empty());
  CHECK(said(with(R"("config":{"timeout":600},"notify":true,"tenant_id":"b\u00fccher / 1")")).empty());
  CHECK(said(with(R"("tenant_id":"","monthly_budget_usd":0)")).empty());
  CHECK(said(with(R"("tenant_id":null)")).empty());
}

TEST_CASE("an unknown member is named before what it left missing") {
  CHECK(says(said(R"({"nmae":"x","tier":"trial"})"), "\"nmae\" is not known here; did you mean \"name\"?"));
  CHECK(
      says(said(with(R"("config":{"timeuot":3})")), "\"config.timeuot\" is not known here; did you mean \"timeout\"?"));
  CHECK(says(said(with(R"("zzzzzzzzzz":3)")), "known are name, tier"));
}

TEST_CASE("wrong values name the member and what would be right") {
  CHECK(says(said(R"({"tier":"trial"})"), "\"name\" is missing"));
  CHECK(says(said(R"({"name":"  ","tier":"trial"})"), "\"name\" must not be blank"));
  CHECK(says(said(R"({"name":null,"tier":"trial"})"), "\"name\" must be a text, not null"));
  CHECK(says(said(R"({"name":7,"tier":"trial"})"), "\"name\" must be a text, not a number"));
  CHECK(says(said(R"({"name":"a\u0000b","tier":"trial"})"), "control characters"));
  CHECK(says(said(R"({"name":")" + std::string(129, 'x') + R"(","tier":"trial"})"), "at most 128 characters"));
  std::string wide;
  for (int i = 0; i < 128; ++i) wide += "\xc3\xbc";
  CHECK(said(R"({"name":")" + wide + R"(","tier":"trial"})").empty());
  CHECK(says(said(R"({"name":"a"})"), "\"tier\" is missing; it is trial, developer, growth or scale."));
  CHECK(says(said(R"({"name":"a","tier":"grwoth"})"), "did you mean \"growth\"?"));
  for (const auto* email : {"acme", "@acme.com", "a@", "a@b", "a b@c.de", "a@b@c.de", "a@-b.de", "a@b..de", ".a@b.de",
                            "<a@b.de>", "a@b.de\\n", "a,b@c.de", ""}) {
    CAPTURE(email);
    CHECK(says(said(with(R"("email":")" + std::string(email) + '"')), "\"email\" is not an e-mail address"));
  }
  for (const auto* money : {"-1", "-0.5", "-0", "0.0000000001", "1e3", "99999999999999999999", "9007199.254740993"}) {
    CAPTURE(money);
    CHECK(says(said(with(R"("monthly_budget_usd":)" + std::string(money))), "\"monthly_budget_usd\""));
  }
  CHECK(says(said(with(R"("monthly_budget_usd":"5000")")), "must be a number, not a text"));
  CHECK(says(said(with(R"("monthly_budget_usd":null)")), "not null"));
  for (const auto* number : {"0", "601", "1.5", "1e2", "-0", "99999999999999999999999"}) {
    CAPTURE(number);
    CHECK(
        says(said(with(R"("config":{"timeout":)" + std::string(number) + "}")), "\"config.timeout\" must be a whole"));
  }
  CHECK(says(said(with(R"("config":[])")), "\"config\" must be an object, not an array"));
  CHECK(says(said(with(R"("notify":"yes")")), "\"notify\" must be true or false, not a text"));
  CHECK(says(said(with(R"("tenant_id":"a\u0007")")), "\"tenant_id\""));
}

TEST_CASE("a provider's key is 6 to 512 visible characters") {
  const auto problem = [](const std::string& key) {
    const auto body = tg::parse_json_body(R"({"api_key":")" + key + "\"}", tg::BodyNeed::required);
    REQUIRE(body);
    tg::BodyReader in(*body);
    static_cast<void>(in.provider_key("api_key"));
    return in.problem().has_value();
  };
  CHECK_FALSE(problem("sk-openai-key-here"));
  CHECK_FALSE(problem("AIza..."));
  CHECK_FALSE(problem(std::string(512, 'k')));
  for (const auto& key : {std::string("short"), std::string(513, 'k'), std::string("with space"),
                          std::string("sk-\\u00fc-12345"), std::string("line\\nbreak"), std::string()}) {
    CAPTURE(key);
    CHECK(problem(key));
  }
}
