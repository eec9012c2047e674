// Whose call it is.
#include "gateway/guard/attribute.h"

#include <doctest/doctest.h>

#include "tests/unit/gateway/world.h"

namespace tg = talon::gateway;
using talon::core::Attribution;
using talon::core::Code;

namespace {
struct Call {
  std::shared_ptr<const tg::Snapshot> snapshot = tg::test::world();
  std::string key = "acme-app";
  std::optional<std::string> header{}, body{}, session{};

  [[nodiscard]] std::expected<tg::Attributed, tg::Refusal> make() const {
    const tg::Caller* caller = nullptr;
    for (const auto& candidate : snapshot->callers) {
      if (candidate.name == key) caller = &candidate;
    }
    tg::Fields fields;
    if (header) fields.add("x-talon-tenant-id", *header);
    if (session) fields.add("x-talon-session-id", *session);
    return tg::attribute(*caller, fields, body, "call_1");
  }
};
}  // namespace

TEST_CASE("a caller's key decides the tenant") {
  const auto made = Call{}.make();
  REQUIRE(made);
  CHECK(made->tenant->bytes() == "acme");
  CHECK(made->log.bytes() == "acme");
  CHECK(made->attribution == Attribution::key);
  CHECK(made->session == "call_1");
  CHECK_FALSE(made->client_session);
}

TEST_CASE("a caller may name its own tenant and no other") {
  CHECK(Call{.header = "acme"}.make()->attribution == Attribution::key);
  CHECK(Call{.header = "a%63me", .body = "acme"}.make());
  for (const auto& call : {Call{.header = "globex"}, Call{.body = "globex"}, Call{.header = "never-seen"}}) {
    const auto made = call.make();
    REQUIRE_FALSE(made);
    CHECK(made.error().error.code == Code::tenant_mismatch);
    CHECK(made.error().error.message.find("\"acme\"") != std::string::npos);
    CHECK(made.error().error.message.find(call.header ? *call.header : *call.body) != std::string::npos);
  }
}

TEST_CASE("a static key tags calls, and without a tag they are unattributed") {
  const auto tagged = Call{.key = "ops", .header = "caf%C3%A9"}.make();
  REQUIRE(tagged);
  CHECK(tagged->tenant->bytes() == "café");
  CHECK(tagged->attribution == Attribution::call);
  CHECK(Call{.key = "ops", .body = "acme"}.make()->log.bytes() == "acme");
  const auto untagged = Call{.key = "ops"}.make();
  REQUIRE(untagged);
  CHECK_FALSE(untagged->tenant);
  CHECK(untagged->log.is_unattributed());
}

TEST_CASE("field and body that name two tenants contradict each other") {
  const auto made = Call{.key = "ops", .header = "acme", .body = "globex"}.make();
  REQUIRE_FALSE(made);
  CHECK(made.error().error.code == Code::invalid_request);
}

TEST_CASE("ids out of bounds are refused") {
  for (const std::string id : {"", "%", "%zz", "a%00b", "%ff", "a%0Ab", "%20acme", "\xe2\x80\xae", "a\x01"}) {
    CAPTURE(id);
    const auto by_field = Call{.key = "ops", .header = id}.make();
    REQUIRE_FALSE(by_field);
    CHECK(by_field.error().error.code == Code::invalid_tenant_id);
    const auto session = Call{.session = id}.make();
    REQUIRE_FALSE(session);
    CHECK(session.error().error.code == Code::invalid_session_id);
  }
  const std::string longest(128, 'x');
  CHECK(Call{.key = "ops", .header = longest}.make());
  CHECK_FALSE(Call{.key = "ops", .header = longest + "x"}.make());
  CHECK_FALSE(Call{.key = "ops", .body = longest + "x"}.make());
  CHECK_FALSE(Call{.key = "ops", .body = ""}.make());
}

TEST_CASE("a session that the client names is kept as it was meant") {
  const auto made = Call{.session = "call%201"}.make();
  REQUIRE(made);
  CHECK(made->session == "call 1");
  CHECK(made->client_session);
}

TEST_CASE("the admin key makes no calls") {
  const auto made = Call{.key = "admin"}.make();
  REQUIRE_FALSE(made);
  CHECK(made.error().error.code == Code::wrong_key_kind);
}
