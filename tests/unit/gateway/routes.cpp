// Dispatch, 405 and path parameters.
#include "gateway/api/routes.h"

#include <doctest/doctest.h>

#include "gateway/http/target.h"

namespace tg = talon::gateway;
using tg::RouteId;

TEST_CASE("each route is found by its method and path") {
  const auto id = [](std::string_view method, std::string_view path) { return tg::match(method, path).route->id; };
  CHECK(id("POST", "/v1/chat/completions") == RouteId::chat_completions);
  CHECK(id("POST", "/v1/completions") == RouteId::completions);
  CHECK(id("POST", "/v1/embeddings") == RouteId::embeddings);
  CHECK(id("GET", "/v1/models") == RouteId::models);
  CHECK(id("HEAD", "/v1/models") == RouteId::models);
  CHECK(id("GET", "/v1/evidence") == RouteId::evidence_list);
  CHECK(id("GET", "/v1/evidence/export") == RouteId::evidence_export);
  CHECK(id("GET", "/v1/evidence/checkpoint") == RouteId::evidence_checkpoint);
  CHECK(id("GET", "/v1/evidence/exports") == RouteId::evidence_show);
  CHECK(id("GET", "/v1/costs") == RouteId::costs);
  CHECK(id("GET", "/healthz") == RouteId::healthz);
  CHECK(id("GET", "/readyz") == RouteId::readyz);
}

TEST_CASE("path parameters come as sent") {
  const auto show = tg::match("GET", "/v1/evidence/ev%5F1");
  CHECK(show.first == "ev%5F1");
  const auto proxy = tg::match("PATCH", "/v1/proxy/openai/a/b%20c");
  REQUIRE(proxy.route != nullptr);
  CHECK(proxy.route->id == RouteId::proxy);
  CHECK(proxy.first == "openai");
  CHECK(proxy.rest == "a/b%20c");
}

TEST_CASE("an unknown path is 404, a known one with another method 405") {
  for (const auto* path : {"", "/", "/v1", "/v1/models/", "/v1/model", "/v1/evidence/", "/v1/evidence/a/b",
                           "/V1/models", "/v1/proxy", "/v1/proxy/", "/v1/proxy/openai", "/v1/proxy/openai/",
                           "/v1/proxy//x", "/v1/responses", "/v1/chat/completions/", "//v1/models"}) {
    CAPTURE(path);
    const auto found = tg::match("GET", path);
    CHECK(found.route == nullptr);
    CHECK(found.allow.empty());
  }
  const auto wrong = [](std::string_view method, std::string_view path) {
    const auto found = tg::match(method, path);
    CHECK(found.route == nullptr);
    return std::string(found.allow);
  };
  CHECK(wrong("GET", "/v1/chat/completions") == "POST");
  CHECK(wrong("POST", "/v1/evidence/export") == "GET, HEAD");
  CHECK(wrong("DELETE", "/v1/evidence/ev_1") == "GET, HEAD");
  CHECK(wrong("get", "/healthz") == "GET, HEAD");
  CHECK(wrong("TRACE", "/v1/proxy/openai/x").starts_with("GET, HEAD, POST"));
}

TEST_CASE("a path with several methods finds each, and Allow names all") {
  const auto id = [](std::string_view method, std::string_view path) { return tg::match(method, path).route->id; };
  CHECK(id("POST", "/v1/admin/tenants") == RouteId::tenant_create);
  CHECK(id("GET", "/v1/admin/tenants") == RouteId::tenant_list);
  CHECK(id("HEAD", "/v1/admin/tenants") == RouteId::tenant_list);
  CHECK(id("DELETE", "/v1/admin/tenants/t") == RouteId::tenant_close);
  CHECK(id("PUT", "/v1/tenants/t/routing") == RouteId::routing_put);
  CHECK(tg::match("PATCH", "/v1/admin/tenants").allow == "POST, GET, HEAD");
  CHECK(tg::match("PUT", "/v1/admin/tenants/t").allow == "GET, HEAD, DELETE");
  CHECK(tg::match("GET", "/v1/admin/tenants/t/tier").allow == "PATCH");
  CHECK(tg::match("GET", "/v1/admin/tenants/a/b").route == nullptr);
  const auto keys = tg::match("POST", "/v1/tenants/a%2Fb/providers/openai/keys");
  REQUIRE(keys.route != nullptr);
  CHECK(keys.first == "a%2Fb");
  CHECK(keys.rest == "openai");
}

TEST_CASE("every route in the table is reached by a path of its own shape") {
  for (const auto& route : tg::routes()) {
    std::string path(route.pattern);
    for (auto brace = path.find('{'); brace != std::string::npos; brace = path.find('{'))
      path.replace(brace, path.find('}') - brace + 1, "x");
    const auto found = tg::match(route.method == "*" ? "PUT" : route.method, path);
    CAPTURE(path);
    CHECK(found.route == &route);
  }
}

TEST_CASE("a query is decoded once, and what is not understood is refused") {
  const auto parse = [](std::string_view raw) { return tg::Query::parse(raw, {"limit", "tenant", "from"}); };
  const auto query = parse("limit=5&tenant=a%20b+c%2520");
  REQUIRE(query);
  CHECK(query->find("limit") == "5");
  CHECK(query->find("tenant") == "a b c%20");
  CHECK_FALSE(query->find("from"));
  CHECK(parse("tenant=")->find("tenant") == "");
  CHECK(parse("")->find("tenant") == std::nullopt);
  for (const auto* raw : {"limit", "=5", "&limit=5", "limit=5&&tenant=a", "limit=5&limit=5", "limit=%", "limit=%4",
                          "limit=%zz", "tenant=%ff", "Limit=5", "limt=5", "limit=5&x=1", "%6Cimit=5&limit=5"}) {
    CAPTURE(raw);
    const auto result = parse(raw);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == talon::core::Code::invalid_request);
  }
  CHECK(parse("limt=5").error().message.find("did you mean \"limit\"") != std::string::npos);
}
