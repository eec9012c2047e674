// The admin routes over a real registry: shapes, limits, access, replays.
#include "gateway/api/admin.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/unit/gateway/world.h"
#include "tests/unit/vault/test_world.h"

namespace tg = talon::gateway;
namespace tv = talon::vault;
using nlohmann::json;
using talon::core::Code;

namespace {

class TestOperations final : public tg::Operations {
 public:
  talon::core::Result<void> reload() override {
    if (broken)
      return talon::core::fail({Code::config_invalid, "callers is not a list", talon::core::Place{"talon.yaml", 3, 1}});
    ++reloads;
    return {};
  }
  void drain() override { ++drains; }
  void tenant_changed(const talon::core::TenantId& tenant) override { changed.insert(tenant.bytes()); }

  bool broken = false;
  int reloads = 0, drains = 0;
  std::set<std::string> changed;
};

constexpr const char* k_acme_body =
    R"({"name":"Acme Corp","tier":"growth","email":"admin@acme.com","monthly_budget_usd":5000.00})";

struct Admin {
  tv::test::World world;
  std::shared_ptr<const tg::Snapshot> snapshot = tg::test::world();
  TestOperations operations;
  std::optional<tg::Caller> as;  ///< nullopt: the admin

  Admin() {
    world.options.known_tenants = {tg::test::tenant("acme"), tg::test::tenant("globex")};
    world.start();
  }

  using Sent = std::vector<std::pair<std::string, std::string>>;
  std::expected<tg::Response, tg::Refusal> send(std::string_view method, std::string_view target,
                                                std::string_view body = {}, const Sent& headers = {}) {
    tg::Fields fields;
    for (const auto& [name, value] : headers) fields.add(name, value);
    tg::ApiRequest request;
    request.snapshot = snapshot.get();
    request.vault = world.vault.get();
    request.registry = &world.vault->registry();
    request.clock = &world.clock;
    for (const auto& caller : snapshot->callers) {
      if (caller.kind == tg::KeyKind::admin) request.caller = &caller;
    }
    if (as) request.caller = &*as;
    const auto mark = std::min(target.find('?'), target.size());
    request.match = tg::match(method, target.substr(0, mark));
    REQUIRE(request.match.route != nullptr);
    request.query = target.substr(std::min(target.size(), mark + 1));
    request.fields = &fields;
    if (request.match.route->kind == tg::RouteKind::read || request.match.route->kind == tg::RouteKind::data)
      return tg::answer_read(request);
    if (const auto head = tg::check_admin_head(request); !head) return std::unexpected(head.error());
    const auto document = tg::parse_admin_body(request, body);
    if (!document) return std::unexpected(document.error());
    return tg::answer_admin({request, body, &*document, &world.vault->registry(), &operations});
  }
  json ok(int status, std::string_view method, std::string_view target, std::string_view body = {},
          const Sent& headers = {}) {
    const auto answer = send(method, target, body, headers);
    CAPTURE(target);
    REQUIRE_MESSAGE(answer, (answer ? "" : answer.error().error.message));
    CHECK(answer->status == status);
    return answer->body.empty() ? json() : json::parse(answer->body);
  }
  Code refused(std::string_view method, std::string_view target, std::string_view body = {}, const Sent& headers = {}) {
    const auto answer = send(method, target, body, headers);
    CAPTURE(target);
    REQUIRE_FALSE(answer);
    return answer.error().error.code;
  }
  std::string create(std::string_view tier = "growth", std::string_view id = "") {
    json body = {{"name", "Some Corp"}, {"tier", tier}};
    if (!id.empty()) body["tenant_id"] = id;
    return ok(201, "POST", "/v1/admin/tenants", body.dump())["tenant_id"].get<std::string>();
  }
  void become(tg::KeyKind kind, const std::string& tenant = {}) {
    as.emplace();
    as->kind = kind;
    as->name = as->key_id = "key_of_" + tenant;
    if (!tenant.empty()) as->tenant = tg::test::tenant(tenant);
  }
};

}  // namespace

TEST_CASE("a tenant is created as the guide shows, and its key works at once") {
  Admin admin;
  const auto made = admin.ok(201, "POST", "/v1/admin/tenants", k_acme_body);
  const auto id = made["tenant_id"].get<std::string>();
  CHECK(id.starts_with("tenant_"));
  CHECK(id.size() == 7 + 26);
  CHECK(made["name"] == "Acme Corp");
  CHECK(made["tier"] == "growth");
  CHECK(made["features"] ==
        json({{"thompson_sampling", true}, {"speculative_execution", true}, {"council_mode", true}}));
  CHECK(made["email"] == "admin@acme.com");
  CHECK(made["monthly_budget_usd"] == 5000);
  CHECK(made["status"] == "active");
  CHECK(made["limits"] == json({{"max_requests_per_month", 2'000'000},
                                {"max_requests_per_second", 50},
                                {"max_providers", 10},
                                {"max_api_keys", 10}}));
  REQUIRE(made["api_keys"].size() == 1);
  const auto first = made["api_keys"][0];
  const auto key = first["key"].get<std::string>();
  CHECK(key.size() == 3 + 43);
  CHECK(first["key_preview"] == "sk-..." + key.substr(key.size() - 6));
  CHECK(first["key_id"].get<std::string>().starts_with("key_"));
  CHECK(admin.world.vault->registry().find(admin.world.vault->key_digest(key)) != nullptr);
  CHECK(admin.operations.changed.contains(id));

  auto shown = admin.ok(200, "GET", "/v1/admin/tenants/" + id);
  CHECK_FALSE(shown.contains("api_keys"));
  CHECK(shown["created_at"] == "2026-05-01T12:00:00Z");
  CHECK(shown["source"] == "api");
}

TEST_CASE("bad bodies of create name the member and leave nothing") {
  Admin admin;
  for (const auto* body :
       {R"({})", R"({"name":"x"})", R"({"name":"","tier":"trial"})", R"({"name":"x","tier":"gold"})",
        R"({"name":"x","tier":"trial","email":"nobody"})", R"({"name":"x","tier":"trial","monthly_budget_usd":-1})",
        R"({"name":"x","tier":"trial","metadata":{}})", R"({"name":"x","tier":"trial","provider_keys":"mine"})",
        R"({"name":"x","tier":null})"}) {
    CAPTURE(body);
    const auto answer = admin.send("POST", "/v1/admin/tenants", body);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().error.code == Code::invalid_request);
    CHECK(answer.error().extras.front().first == "param");
  }
  CHECK(admin.refused("POST", "/v1/admin/tenants", "{") == Code::invalid_json);
  CHECK(admin.refused("POST", "/v1/admin/tenants", "") == Code::invalid_json);
  CHECK(admin.refused("POST", "/v1/admin/tenants", std::string((1 << 20) + 1, ' ')) == Code::body_too_large);
  CHECK(admin.refused("POST", "/v1/admin/tenants", k_acme_body,
                      {{"Content-Type", "Multipart/form-data; boundary=x"}}) == Code::unsupported_media_type);
  CHECK(admin.refused("POST", "/v1/admin/tenants?dry=1", k_acme_body) == Code::invalid_request);
  CHECK(admin.refused("POST", "/v1/admin/tenants", k_acme_body, {{"X-Talon-Tenant-Id", "x"}}) == Code::invalid_request);
  CHECK(admin.refused("POST", "/v1/admin/tenants",
                      R"({"name":"x","tier":"trial","tenant_id":")" + std::string(129, 'x') + "\"}") ==
        Code::invalid_tenant_id);
  const auto list = admin.ok(200, "GET", "/v1/admin/tenants");
  for (const auto& row : list["tenants"]) CHECK(row["source"] == "config");
}

TEST_CASE("an id of one's own may hold anything an id may, and is taken once") {
  Admin admin;
  CHECK(admin.create("trial",
                     "b\xc3\xbc"
                     "cher / 1") ==
        "b\xc3\xbc"
        "cher / 1");
  CHECK(admin.ok(200, "GET", "/v1/admin/tenants/b%C3%BCcher%20%2F%201")["tier"] == "trial");
  const json again = {{"name", "x"},
                      {"tier", "trial"},
                      {"tenant_id",
                       "b\xc3\xbc"
                       "cher / 1"}};
  CHECK(admin.refused("POST", "/v1/admin/tenants", again.dump()) == Code::conflict);
  CHECK(admin.refused("GET", "/v1/admin/tenants/%zz") == Code::invalid_request);
  CHECK(admin.refused("GET", "/v1/admin/tenants/%ff") == Code::invalid_request);
  CHECK(admin.refused("GET", "/v1/admin/tenants/never-seen") == Code::not_found);
}

TEST_CASE("the list pages through accounts and then the configuration's tenants") {
  Admin admin;
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.push_back(admin.create("growth", "made-" + std::to_string(i)));
  const auto closed = admin.send("DELETE", "/v1/admin/tenants/made-2");
  REQUIRE(closed);
  CHECK(closed->status == 204);
  std::vector<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 10; ++page) {
    const auto answer = admin.ok(200, "GET", "/v1/admin/tenants?limit=2" + cursor);
    CHECK(answer["tenants"].size() <= 2);
    for (const auto& row : answer["tenants"]) seen.push_back(row["tenant_id"].get<std::string>());
    if (answer["next_cursor"].is_null()) break;
    cursor = "&cursor=" + answer["next_cursor"].get<std::string>();
  }
  CHECK(seen == std::vector<std::string>{"made-0", "made-1", "made-3", "made-4", "acme", "globex"});
  CHECK(admin.ok(200, "GET", "/v1/admin/tenants?q=made")["tenants"].size() == 4);
  CHECK(admin.ok(200, "GET", "/v1/admin/tenants?q=glob")["tenants"][0]["status"] == "active");
  for (const auto* query : {"limit=0", "limit=1001", "limit=x", "cursor=zz", "cursor=00", "page=2"})
    CHECK(admin.refused("GET", std::string("/v1/admin/tenants?") + query) == Code::invalid_request);
}

TEST_CASE("closing an account ends its keys, and a second time there is none") {
  Admin admin;
  const auto made = admin.ok(201, "POST", "/v1/admin/tenants", k_acme_body);
  const auto path = "/v1/admin/tenants/" + made["tenant_id"].get<std::string>();
  REQUIRE(admin.send("DELETE", path));
  CHECK(admin.refused("DELETE", path) == Code::not_found);
  CHECK(admin.refused("GET", path) == Code::not_found);
  CHECK(admin.refused("POST", path + "/suspend") == Code::not_found);
  const auto* key =
      admin.world.vault->registry().find(admin.world.vault->key_digest(made["api_keys"][0]["key"].get<std::string>()));
  CHECK((key == nullptr || key->revoked));
}

TEST_CASE("what the configuration says is changed there") {
  Admin admin;
  CHECK(admin.refused("DELETE", "/v1/admin/tenants/acme") == Code::config_managed);
  CHECK(admin.refused("PATCH", "/v1/admin/tenants/acme/tier", R"({"tier":"scale"})") == Code::config_managed);
  CHECK(admin.refused("POST", "/v1/admin/tenants", R"({"name":"x","tier":"trial","tenant_id":"acme"})") ==
        Code::config_managed);
  CHECK(admin.ok(200, "POST", "/v1/admin/tenants/acme/suspend")["status"] == "suspended");
  const auto shown = admin.ok(200, "GET", "/v1/admin/tenants/acme");
  CHECK(shown["source"] == "config");
  CHECK(shown["status"] == "suspended");
  CHECK(shown["tier"] == nullptr);
  CHECK(shown["limits"]["max_api_keys"] == -1);
}

TEST_CASE("up at once, down after the grace period") {
  Admin admin;
  const auto path = "/v1/admin/tenants/" + admin.create("growth") + "/tier";
  const auto up = admin.ok(200, "PATCH", path, R"({"tier":"scale","grace_period_days":30})");
  CHECK(up["tier"] == "scale");
  CHECK(up["old_tier"] == "growth");
  CHECK(up["new_limits"] == json({{"max_requests_per_month", -1}, {"max_requests_per_second", 1000}}));
  CHECK(up["new_features"] == json({{"on_premise_deployment", true}, {"sla", "99.9%"}}));
  CHECK_FALSE(up.contains("pending_tier"));

  const auto down = admin.ok(200, "PATCH", path, R"({"tier":"trial","grace_period_days":30})");
  CHECK(down["tier"] == "scale");
  CHECK(down["pending_tier"] == "trial");
  CHECK(down["effective_at"] == "2026-05-31T12:00:00Z");
  CHECK(down["new_features"] == json::object());
  const auto account = path.substr(0, path.size() - 5);
  CHECK(admin.ok(200, "GET", account)["limits"]["max_providers"] == 20);
  admin.world.clock.advance(30 * talon::core::k_micros_per_day);
  const auto after = admin.ok(200, "GET", account);
  CHECK(after["tier"] == "trial");
  CHECK(after["limits"]["max_providers"] == 3);
  CHECK_FALSE(after.contains("pending_tier"));
  CHECK(admin.ok(200, "PATCH", path, R"({"tier":"developer"})")["old_tier"] == "trial");
  for (const auto* body : {R"({"tier":"gold"})", R"({})", R"({"tier":"trial","grace_period_days":-1})",
                           R"({"tier":"trial","grace_period_days":1.5})", R"({"tier":"trial","grace":1})"})
    CHECK(admin.refused("PATCH", path, body) == Code::invalid_request);
}

TEST_CASE("suspend and resume answer the same when they come twice") {
  Admin admin;
  const auto path = "/v1/admin/tenants/" + admin.create();
  const auto body = R"({"reason":"Payment failure","notify":true})";
  const auto once = admin.ok(200, "POST", path + "/suspend", body);
  CHECK(once["status"] == "suspended");
  CHECK(once["reason"] == "Payment failure");
  CHECK(once["suspended_at"] == "2026-05-01T12:00:00.000Z");
  CHECK(once["notified"] == false);
  admin.world.clock.advance(5'000'000);
  CHECK(admin.ok(200, "POST", path + "/suspend", body) == once);
  CHECK(admin.ok(200, "POST", path + "/suspend") == once);
  const auto other = admin.ok(200, "POST", path + "/suspend", R"({"reason":"Fraud"})");
  CHECK(other["reason"] == "Fraud");
  CHECK(other["suspended_at"] == once["suspended_at"]);
  const auto resumed = admin.ok(200, "POST", path + "/resume");
  CHECK(resumed["status"] == "active");
  CHECK(resumed["suspended_at"] == nullptr);
  CHECK(admin.ok(200, "POST", path + "/resume", "{}") == resumed);
  CHECK(admin.refused("POST", path + "/resume", R"({"reason":"x"})") == Code::invalid_request);
}

TEST_CASE("provider keys: stored, replaced, listed without the key, counted, removed") {
  Admin admin;
  const auto tenant = admin.create("trial");
  const auto path = "/v1/tenants/" + tenant + "/providers";
  const auto put = [&](const std::string& provider, const char* body) {
    return admin.ok(201, "POST", path + '/' + provider + "/keys", body);
  };
  const auto openai = put("openai", R"({"api_key":"sk-openai-key-here","config":{"timeout":30,"max_retries":3}})");
  CHECK(openai["tenant_id"] == tenant);
  CHECK(openai["provider_id"] == "openai");
  CHECK(openai["status"] == "active");
  CHECK(openai["config"] == json({{"timeout", 30}, {"max_retries", 3}}));
  CHECK(openai.dump().find("sk-openai") == std::string::npos);
  CHECK(put("openai", R"({"api_key":"sk-openai-other-key"})")["key_id"] != openai["key_id"]);
  CHECK(put("anthropic", R"({"api_key":"sk-ant-0123456789"})")["config"] ==
        json({{"timeout", 600}, {"max_retries", 0}}));
  put("google", R"({"api_key":"AIza0123456789"})");
  const auto listed = admin.ok(200, "GET", path)["providers"];
  REQUIRE(listed.size() == 3);
  for (const auto& row : listed) {
    CHECK(row["status"] == "active");
    CHECK(row["models"].is_array());
    CHECK_FALSE(row.contains("last_health_check"));
  }
  CHECK(admin.refused("POST", path + "/opneai/keys", R"({"api_key":"0123456789"})") == Code::invalid_request);
  for (const auto* body :
       {R"({})", R"({"api_key":"short"})", R"({"api_key":"has space in it"})",
        R"({"api_key":"0123456789","config":{"timeout":0}})", R"({"api_key":"0123456789","config":{"timeout":601}})",
        R"({"api_key":"0123456789","config":{"max_retries":11}})",
        R"({"api_key":"0123456789","config":{"base_url":"http://10.0.0.1"}})",
        R"({"api_key":"0123456789","base_url":"http://10.0.0.1"})"})
    CHECK(admin.refused("POST", path + "/openai/keys", body) == Code::invalid_request);
  const auto removed = admin.send("DELETE", path + "/google");
  REQUIRE(removed);
  CHECK(removed->status == 204);
  CHECK(admin.refused("DELETE", path + "/google") == Code::not_found);
  CHECK(admin.refused("DELETE", path + "/nobody") == Code::not_found);
}

TEST_CASE("a tier's number of providers and keys is kept") {
  Admin admin;
  auto spec = tg::test::WorldSpec{};
  spec.providers.push_back({.name = "local"});
  admin.snapshot = tg::test::world(spec);
  const auto tenant = admin.create("trial");
  const auto root = "/v1/tenants/" + tenant;
  for (const auto* provider : {"openai", "anthropic", "google"})
    admin.ok(201, "POST", root + "/providers/" + provider + "/keys", R"({"api_key":"0123456789"})");
  const auto answer = admin.send("POST", root + "/providers/local/keys", R"({"api_key":"0123456789"})");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().error.code == Code::provider_limit_exceeded);
  CHECK(answer.error().extras ==
        decltype(answer.error().extras){{"tier", "\"trial\""}, {"limit", "3"}, {"current", "3"}});
  admin.ok(201, "POST", root + "/providers/openai/keys", R"({"api_key":"replacing-it-is-fine"})");

  const auto key = admin.send("POST", root + "/api-keys", R"({"name":"second"})");
  REQUIRE_FALSE(key);
  CHECK(key.error().error.code == Code::api_key_limit_exceeded);
  CHECK(key.error().extras.back() == std::pair<std::string, std::string>("current", "1"));
}

TEST_CASE("API keys: shown once, listed by preview, revoked once") {
  Admin admin;
  const auto root = "/v1/tenants/" + admin.create("growth") + "/api-keys";
  admin.world.clock.advance(1'000'000);
  const auto made = admin.ok(201, "POST", root, R"({"name":"Production Key","expires_in_days":365})");
  admin.world.clock.advance(1'000'000);
  CHECK(made["expires_at"] == "2027-05-01T12:00:01Z");
  CHECK(made["name"] == "Production Key");
  const auto key = made["key"].get<std::string>();
  CHECK(admin.ok(201, "POST", root, R"({"name":"for ever"})")["expires_at"] == nullptr);
  const auto listed = admin.ok(200, "GET", root);
  REQUIRE(listed["api_keys"].size() == 3);
  CHECK(listed["api_keys"][0]["name"] == "for ever");
  CHECK(listed["api_keys"][1]["key_id"] == made["key_id"]);
  CHECK(listed["api_keys"][1]["last_used_at"] == nullptr);
  CHECK(listed.dump().find(key) == std::string::npos);
  const auto path = root + '/' + made["key_id"].get<std::string>();
  const auto revoked = admin.send("DELETE", path);
  REQUIRE(revoked);
  CHECK(revoked->status == 204);
  CHECK(admin.refused("DELETE", path) == Code::not_found);
  CHECK(admin.refused("DELETE", root + "/nonsense") == Code::not_found);
  CHECK(admin.ok(200, "GET", root)["api_keys"].size() == 2);
  for (const auto* body : {R"({})", R"({"name":""})", R"({"name":"x","expires_in_days":0})",
                           R"({"name":"x","expires_in_days":-5})", R"({"name":"x","expires_in_days":1.5})",
                           R"({"name":"x","expires_in_days":null})", R"({"name":"x","expires_in_days":"1"})"})
    CHECK(admin.refused("POST", root, body) == Code::invalid_request);
}

TEST_CASE("another tenant's key id answers as one that never existed") {
  Admin admin;
  const auto mine = admin.create(), theirs = admin.create();
  const auto id =
      admin.ok(200, "GET", "/v1/tenants/" + theirs + "/api-keys")["api_keys"][0]["key_id"].get<std::string>();
  admin.become(tg::KeyKind::tenant_key, mine);
  const auto foreign = admin.send("DELETE", "/v1/tenants/" + mine + "/api-keys/" + id);
  const auto unknown = admin.send("DELETE", "/v1/tenants/" + mine + "/api-keys/key_01arz3ndektsv4rrffq69g5fav");
  REQUIRE_FALSE(foreign);
  REQUIRE_FALSE(unknown);
  CHECK(foreign.error().error.code == Code::not_found);
  CHECK(foreign.error().error.message == unknown.error().error.message);
}

TEST_CASE("each kind of key reaches what the table says") {
  Admin admin;
  const auto own = admin.create(), other = admin.create();
  const auto read = [&](const std::string& tenant) { return "/v1/tenants/" + tenant + "/api-keys"; };
  const auto write = [&](const std::string& tenant) { return admin.send("POST", read(tenant), R"({"name":"x"})"); };
  const auto code = [](const auto& answer) { return answer ? Code::cancelled : answer.error().error.code; };

  admin.become(tg::KeyKind::tenant_key, own);
  CHECK(admin.send("GET", read(own)));
  CHECK(write(own));
  CHECK(code(write(other)) == Code::tenant_mismatch);
  const auto existing = admin.send("GET", read("x")), unseen = admin.send("GET", read("y"));
  CHECK(code(existing) == Code::tenant_mismatch);
  CHECK(code(unseen) == Code::tenant_mismatch);
  CHECK(code(admin.send("GET", read(other))) == Code::tenant_mismatch);
  CHECK(code(admin.send("GET", "/v1/admin/tenants")) == Code::wrong_key_kind);
  CHECK(code(admin.send("POST", "/v1/admin/drain")) == Code::wrong_key_kind);
  CHECK(code(admin.send("GET", "/api/virtual_keys")) == Code::wrong_key_kind);
  CHECK(code(admin.send("POST", read(other), "{")) == Code::invalid_json);  // JSON before tenant

  admin.become(tg::KeyKind::caller, "acme");
  CHECK(admin.send("GET", read("acme")));
  CHECK(code(admin.send("GET", read("globex"))) == Code::tenant_mismatch);
  CHECK(code(write("acme")) == Code::wrong_key_kind);

  for (const auto kind : {tg::KeyKind::static_key, tg::KeyKind::virtual_key}) {
    admin.become(kind);
    CHECK(code(admin.send("GET", read(own))) == Code::wrong_key_kind);
    CHECK(code(write(own)) == Code::wrong_key_kind);
  }
  admin.become(tg::KeyKind::virtual_key, own);
  CHECK(code(admin.send("GET", read(own))) == Code::wrong_key_kind);

  admin.become(tg::KeyKind::admin);
  admin.as->read_only = true;
  CHECK(admin.send("GET", read(own)));
  CHECK(admin.send("GET", "/v1/admin/tenants"));
  CHECK(code(write(own)) == Code::wrong_key_kind);
  CHECK(code(admin.send("POST", "/v1/admin/tenants", k_acme_body)) == Code::wrong_key_kind);
  admin.as->read_only = false;
  CHECK(code(write("never-seen")) == Code::not_found);
  CHECK(code(admin.send("GET", read("never-seen"))) == Code::not_found);
}

TEST_CASE("a tier without audit logs keeps its tenant from the evidence, not the operator") {
  Admin admin;
  const auto id = admin.create("developer");
  for (const std::string target :
       {"/v1/evidence", "/v1/evidence/ev_01ARZ3NDEKTSV4RRFFQ69G5FAV", "/v1/evidence/checkpoint"}) {
    admin.become(tg::KeyKind::tenant_key, id);
    const auto answer = admin.send("GET", target);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().error.code == Code::feature_not_available);
    CHECK(answer.error().extras ==
          std::vector<std::pair<std::string, std::string>>{{"tier", "\"developer\""}, {"feature", "\"audit_logs\""}});
    admin.as.reset();
    const auto by_operator = admin.send("GET", target + "?tenant=" + id);
    CHECK((by_operator || by_operator.error().error.code == Code::not_found));
  }
  admin.become(tg::KeyKind::tenant_key, id);
  CHECK(admin.ok(200, "GET", "/v1/costs")["requests"] == 0);
  admin.as.reset();
  admin.ok(200, "PATCH", "/v1/admin/tenants/" + id + "/tier", R"({"tier":"growth"})");
  admin.become(tg::KeyKind::tenant_key, id);
  admin.ok(200, "GET", "/v1/evidence");
  admin.ok(200, "PUT", "/v1/tenants/" + id + "/features", R"({"features":{"audit_logs":false}})");
  CHECK(admin.refused("GET", "/v1/evidence") == Code::feature_not_available);
  // A tenant of the configuration has no tier.
  admin.become(tg::KeyKind::caller, "acme");
  admin.ok(200, "GET", "/v1/evidence");
}

TEST_CASE("what is wrong with a path or an id is said of its parameter") {
  Admin admin;
  const auto id = admin.create();
  const auto check = [&](std::string_view method, const std::string& target, Code code, std::string_view parameter,
                         std::string_view body = {}) {
    CAPTURE(target);
    const auto answer = admin.send(method, target, body);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().error.code == code);
    REQUIRE(answer.error().extras.size() == 1);
    CHECK(answer.error().extras[0].second == json(parameter).dump());
    CHECK(answer.error().error.message.ends_with('.'));
  };
  check("GET", "/v1/admin/tenants/%zz", Code::invalid_request, "tenant");
  check("GET", "/v1/admin/tenants/%00", Code::invalid_tenant_id, "tenant");
  check("GET", "/v1/tenants/" + std::string(129, 'x') + "/routing", Code::invalid_tenant_id, "tenant");
  check("DELETE", "/v1/tenants/" + id + "/api-keys/%ff", Code::invalid_request, "key_id");
  check("POST", "/api/virtual_keys/%4/revoke", Code::invalid_request, "id");
  check("POST", "/api/virtual_keys", Code::invalid_tenant_id, "tenant_id", R"({"name":"n","tenant_id":"a\u0007"})");
}

TEST_CASE("models are not listed for a tenant that a tag names and that may make no calls") {
  Admin admin;
  const auto id = admin.create();
  admin.become(tg::KeyKind::static_key);
  const Admin::Sent tag{{"X-Talon-Tenant-Id", id}};
  admin.ok(200, "GET", "/v1/models", {}, tag);
  admin.as.reset();
  admin.ok(200, "POST", "/v1/admin/tenants/" + id + "/suspend");
  admin.become(tg::KeyKind::static_key);
  CHECK(admin.refused("GET", "/v1/models", {}, tag) == Code::tenant_suspended);
  admin.as.reset();
  admin.ok(204, "DELETE", "/v1/admin/tenants/" + id);
  admin.become(tg::KeyKind::static_key);
  CHECK(admin.refused("GET", "/v1/models", {}, tag) == Code::tenant_closed);
  admin.ok(200, "GET", "/v1/models");
}

TEST_CASE("routing: what is not built is refused, what the tier lacks too") {
  Admin admin;
  const auto trial = "/v1/tenants/" + admin.create("trial") + "/routing";
  const json usual = {{"policy", "fallback"}, {"models", json::object()}};
  CHECK(admin.ok(200, "GET", trial) == usual);
  CHECK(admin.ok(200, "PUT", trial, usual.dump()) == usual);
  CHECK(admin.ok(200, "PUT", trial, R"({"policy":"fallback"})") == usual);
  CHECK(admin.ok(200, "PUT", trial, R"({"policy":"fallback"})") == usual);
  CHECK(admin.refused("PUT", trial, R"({"policy":"council-mode"})") == Code::feature_not_available);
  CHECK(admin.refused("PUT", trial, R"({"policy":"thompson-sampling"})") == Code::not_supported);
  CHECK(admin.refused("PUT", trial, R"({"policy":"fallback","models":{"gpt-4o":{}}})") == Code::not_supported);
  CHECK(admin.refused("PUT", trial, R"({"policy":"fastest"})") == Code::invalid_request);
  CHECK(admin.refused("PUT", trial, R"({"models":{}})") == Code::invalid_request);
}

TEST_CASE("a tenant may switch off what its tier has, and no more") {
  Admin admin;
  const auto path = "/v1/tenants/" + admin.create("developer") + "/features";
  const auto before = admin.ok(200, "GET", path)["features"];
  CHECK(before["thompson_sampling"] == true);
  CHECK(before["council_mode"] == false);
  const auto off = admin.ok(200, "PUT", path, R"({"features":{"thompson_sampling":false}})")["features"];
  CHECK(off["thompson_sampling"] == false);
  CHECK(off["budget_enforcement"] == true);
  CHECK(admin.ok(200, "PUT", path, json({{"features", off}}).dump())["features"] == off);
  CHECK(admin.ok(200, "PUT", path, R"({"features":{"thompson_sampling":true}})")["features"] == before);
  const auto answer = admin.send("PUT", path, R"({"features":{"council_mode":true}})");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().error.code == Code::feature_not_available);
  CHECK(answer.error().extras[0].second == "\"developer\"");
  for (const auto* body : {R"({})", R"({"features":{"counsil_mode":true}})", R"({"features":{"council_mode":1}})",
                           R"({"features":[]})", R"({"features":null})"})
    CHECK(admin.refused("PUT", path, body) == Code::invalid_request);
}

TEST_CASE("virtual keys: plaintext once, stale when long unused, revoked once") {
  Admin admin;
  const auto made =
      admin.ok(200, "POST", "/api/virtual_keys", R"({"name":" acme-prod ","tenant_id":" acme ","issued_by":""})");
  const auto plain = made["plaintext"].get<std::string>();
  CHECK(plain.size() == 35);
  CHECK(made["row"] == json({{"id", made["id"]},
                             {"key_prefix", plain.substr(0, 8)},
                             {"name", "acme-prod"},
                             {"tenant_id", "acme"},
                             {"issued_by", nullptr},
                             {"issued_at", "2026-05-01T12:00:00.000Z"},
                             {"last_used_at", nullptr},
                             {"revoked_at", nullptr},
                             {"status", "active"},
                             {"project", "default"}}));
  admin.world.clock.advance(1'000'000);
  const auto unscoped = admin.ok(200, "POST", "/api/virtual_keys", R"({"name":"any","tenant_id":""})");
  CHECK(unscoped["row"]["tenant_id"] == nullptr);
  const auto listed = admin.ok(200, "GET", "/api/virtual_keys");
  REQUIRE(listed["keys"].size() == 2);
  CHECK(listed["keys"][0]["name"] == "any");
  CHECK(listed.dump().find(plain) == std::string::npos);

  const auto path = "/api/virtual_keys/" + made["id"].get<std::string>() + "/revoke";
  const auto revoked = admin.ok(200, "POST", path);
  CHECK(revoked["revoked"] == true);
  CHECK(revoked["row"]["status"] == "revoked");
  CHECK(admin.refused("POST", path) == Code::not_found);
  CHECK(admin.refused("POST", "/api/virtual_keys/nonsense/revoke") == Code::not_found);
  CHECK(admin.ok(200, "GET", "/api/virtual_keys?include_revoked=false")["keys"].size() == 1);
  CHECK(admin.refused("GET", "/api/virtual_keys?include_revoked=no") == Code::invalid_request);
  admin.world.clock.advance(90 * talon::core::k_micros_per_day - 1);
  CHECK(admin.ok(200, "GET", "/api/virtual_keys")["keys"][0]["status"] == "active");
  admin.world.clock.advance(1);
  const auto later = admin.ok(200, "GET", "/api/virtual_keys")["keys"];
  CHECK(later[0]["status"] == "stale");
  CHECK(later[1]["status"] == "revoked");
  for (const auto* body : {R"({})", R"({"name":" "})", R"({"name":null})", R"({"name":"x","tenant":"acme"})",
                           R"({"name":"x","expose_cost":"yes"})"})
    CHECK(admin.refused("POST", "/api/virtual_keys", body) == Code::invalid_request);
}

TEST_CASE("a replay answers the same without the key, another body is a conflict") {
  Admin admin;
  const Admin::Sent once = {{"Idempotency-Key", "order-4711"}};
  const auto made = admin.ok(201, "POST", "/v1/admin/tenants", k_acme_body, once);
  const auto again = admin.send("POST", "/v1/admin/tenants", k_acme_body, once);
  REQUIRE(again);
  CHECK(again->status == 200);
  CHECK(again->fields == decltype(again->fields){{"Idempotent-Replay", "true"}});
  auto expected = made;
  expected["api_keys"][0]["key"] = nullptr;
  CHECK(json::parse(again->body) == expected);
  CHECK(admin.refused("POST", "/v1/admin/tenants", R"({"name":"x","tier":"trial"})", once) ==
        Code::idempotency_conflict);
  CHECK(admin.ok(200, "GET", "/v1/admin/tenants?q=Acme")["tenants"].size() == 1);

  const auto root = "/v1/tenants/" + made["tenant_id"].get<std::string>() + "/api-keys";
  const auto key = admin.ok(201, "POST", root, R"({"name":"x"})", once);  // another route: another key
  CHECK(admin.ok(200, "POST", root, R"({"name":"x"})", once)["key_id"] == key["key_id"]);
  const auto virtual_key = admin.ok(200, "POST", "/api/virtual_keys", R"({"name":"x"})", once);
  CHECK(admin.ok(200, "POST", "/api/virtual_keys", R"({"name":"x"})", once)["plaintext"] == nullptr);
  admin.world.clock.advance(talon::core::k_micros_per_day + 1);
  CHECK(admin.ok(201, "POST", root, R"({"name":"x"})", once)["key_id"] != key["key_id"]);
  for (const auto& text : {std::string(), std::string(256, 'x'), std::string("a b"), std::string("\xc3\xbc")})
    CHECK(admin.refused("POST", root, R"({"name":"x"})", {{"Idempotency-Key", text}}) == Code::invalid_request);
}

TEST_CASE("reload says why nothing changed, drain begins") {
  Admin admin;
  CHECK(admin.ok(200, "POST", "/v1/admin/reload")["status"] == "reloaded");
  CHECK(admin.operations.reloads == 1);
  admin.operations.broken = true;
  const auto answer = admin.send("POST", "/v1/admin/reload");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().error.code == Code::invalid_request);
  CHECK(answer.error().error.message == "Nothing was changed: talon.yaml:3: callers is not a list");
  CHECK(answer.error().extras ==
        std::vector<std::pair<std::string, std::string>>{{"file", R"("talon.yaml")"}, {"line", "3"}});
  CHECK(admin.ok(200, "POST", "/v1/admin/drain", "{}")["status"] == "draining");
  CHECK(admin.operations.drains == 1);
  CHECK(admin.refused("POST", "/v1/admin/drain", R"({"now":true})") == Code::invalid_request);
}
