// The reading endpoints over a real vault: who sees what, and in which shape.
#include "gateway/api/reads.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "gateway/api/cursor.h"
#include "gateway/api/render.h"
#include "gateway/http/target.h"
#include "tests/unit/gateway/world.h"
#include "tests/unit/vault/test_world.h"

namespace tg = talon::gateway;
namespace tv = talon::vault;
using nlohmann::json;
using talon::core::Code;

namespace {

struct Reading {
  tv::test::World world;
  std::shared_ptr<const tg::Snapshot> snapshot = tg::test::world();

  Reading() {
    world.options.known_tenants = {tg::test::tenant("acme"), tg::test::tenant("globex")};
    world.start();
    world.record({.tenant = "acme", .caller = "acme-app", .cost = 1'350'000});
    world.record({.tenant = "acme", .caller = "acme-bot", .model = "gpt-4o", .cost = 500});
    world.record({.tenant = "acme", .caller = "acme-app", .provider = "", .outcome = talon::core::Outcome::denied});
    world.record({.tenant = "globex", .caller = "globex-app", .cost = 7});
    world.record({.tenant = "", .caller = "ops", .cost = 9});
  }

  tg::ApiRequest request(std::string_view key, std::string_view target, const tg::Fields& fields) const {
    tg::ApiRequest request;
    request.snapshot = snapshot.get();
    request.vault = world.vault.get();
    request.clock = &world.clock;
    for (const auto& caller : snapshot->callers) {
      if (caller.name == key) request.caller = &caller;
    }
    const auto mark = std::min(target.find('?'), target.size());
    request.match = tg::match("GET", target.substr(0, mark));
    REQUIRE(request.match.route != nullptr);
    request.query = target.substr(std::min(target.size(), mark + 1));
    request.fields = &fields;
    return request;
  }
  tg::Response get(std::string_view key, std::string_view target) const {
    const tg::Fields none;
    auto answer = tg::answer_read(request(key, target, none));
    CAPTURE(target);
    REQUIRE_MESSAGE(answer, (answer ? "" : answer.error().error.message));
    return *std::move(answer);
  }
  json object(std::string_view key, std::string_view target) const { return json::parse(get(key, target).body); }
  Code refused(std::string_view key, std::string_view target) const {
    const tg::Fields none;
    const auto answer = tg::answer_read(request(key, target, none));
    CAPTURE(target);
    REQUIRE_FALSE(answer);
    return answer.error().error.code;
  }
};

}  // namespace

TEST_CASE("a caller's key reads its own tenant's evidence, newest first, a page at a time") {
  const Reading reading;
  const auto all = reading.object("acme-app", "/v1/evidence");
  REQUIRE(all["records"].size() == 4);  // genesis and three calls
  CHECK(all["next_cursor"] == nullptr);
  for (const auto& record : all["records"]) CHECK(record["tenant"] == "acme");
  CHECK(all["records"][0]["seq"] == 3);
  CHECK(reading.object("acme-bot", "/v1/evidence") == all);

  auto page = reading.object("acme-app", "/v1/evidence?limit=3");
  REQUIRE(page["records"].size() == 3);
  REQUIRE(page["next_cursor"].is_string());
  const auto rest = reading.object("acme-app", "/v1/evidence?limit=3&cursor=" + page["next_cursor"].get<std::string>());
  REQUIRE(rest["records"].size() == 1);
  CHECK(rest["records"][0]["seq"] == 0);
  CHECK(rest["next_cursor"] == nullptr);
  CHECK(reading.object("acme-app", "/v1/evidence?order=asc&limit=1")["records"][0]["seq"] == 0);
  CHECK(reading.object("acme-app", "/v1/evidence?outcome=denied")["records"].size() == 1);
  CHECK(reading.object("acme-app", "/v1/evidence?to=2020-01-01")["records"].empty());
}

TEST_CASE("one record comes with its exact line and the proof that it is in the log") {
  const Reading reading;
  const auto newest = reading.object("acme-app", "/v1/evidence?limit=1")["records"][0];
  const auto detail = reading.object("acme-app", "/v1/evidence/" + newest["id"].get<std::string>());
  CHECK(detail["record"] == newest);
  CHECK(json::parse(detail["line"].get<std::string>()) == newest);
  CHECK(detail["leaf_index"] == 3);
  CHECK(detail["inclusion"]["tree_size"] == 4);
  CHECK(detail["inclusion"]["hashes"].size() == 2);
  CHECK(detail["checkpoint"].get<std::string>().starts_with("gw1/t/"));
  CHECK(reading.object("admin", "/v1/evidence/" + newest["id"].get<std::string>()) == detail);
}

TEST_CASE("another tenant's record is not found, as one that never existed") {
  const Reading reading;
  const auto theirs = reading.object("admin", "/v1/evidence?tenant=globex")["records"][0]["id"].get<std::string>();
  for (const auto& id :
       {theirs, std::string("ev_01ARZ3NDEKTSV4RRFFQ69G5FAV"), std::string("nonsense"), std::string("%ff")}) {
    const tg::Fields none;
    const auto answer = tg::answer_read(reading.request("acme-app", "/v1/evidence/" + id, none));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().error.code == Code::not_found);
    CHECK(answer.error().error.message == "No record with this id is known here.");
  }
}

TEST_CASE("asking for another tenant by name is refused, whether it exists or not") {
  const Reading reading;
  for (const auto* path : {"/v1/evidence?tenant=", "/v1/costs?tenant=", "/v1/evidence/checkpoint?tenant=",
                           "/v1/evidence/ev_01ARZ3NDEKTSV4RRFFQ69G5FAV?tenant="}) {
    CHECK(reading.refused("acme-app", std::string(path) + "globex") == Code::tenant_mismatch);
    CHECK(reading.refused("acme-app", std::string(path) + "never-seen") == Code::tenant_mismatch);
    CHECK(reading.refused("acme-app", path) == Code::tenant_mismatch);  // the calls without a tenant
    CHECK(reading.refused("ops", path) == Code::wrong_key_kind);
  }
  CHECK(reading.object("acme-app", "/v1/costs?tenant=acme")["tenant_id"] == "acme");
}

TEST_CASE("the admin key says whose: a tenant's, nobody's, or is asked to") {
  const Reading reading;
  CHECK(reading.object("admin", "/v1/costs?tenant=globex")["total_usd"].dump() == "7e-09");
  CHECK(reading.object("admin", "/v1/costs?tenant=")["tenant_id"] == nullptr);
  CHECK(reading.object("admin", "/v1/costs?tenant=")["by_caller"].contains("ops"));
  for (const auto* path : {"/v1/costs", "/v1/evidence", "/v1/evidence/checkpoint"})
    CHECK(reading.refused("admin", path) == Code::invalid_request);
  CHECK(reading.refused("admin", "/v1/costs?tenant=never-seen") == Code::not_found);
  CHECK(reading.refused("admin", "/v1/evidence?tenant=%20x") == Code::invalid_tenant_id);
}

TEST_CASE("costs add up, in plain decimals") {
  const Reading reading;
  const auto body = reading.get("acme-app", "/v1/costs").body;
  CHECK(body.find("\"total_usd\":0.0013505,") != std::string::npos);
  const auto costs = json::parse(body);
  CHECK(costs["currency"] == "USD");
  CHECK(costs["requests"] == 2);
  CHECK(costs["by_caller"]["acme-app"]["requests"] == 1);
  CHECK(costs["by_model"].size() == 2);
  REQUIRE(costs["by_day"].size() == 1);
  CHECK(costs["by_day"][0]["day"] == "2026-05-01");
  CHECK(costs["by_day"][0]["cost_usd"] == costs["total_usd"]);
}

TEST_CASE("query members that are not understood are refused, never ignored") {
  const Reading reading;
  for (const auto* query : {"?limit=0", "?limit=1001", "?limit=x", "?limit=-1", "?limit=", "?cursor=zz", "?cursor=",
                            "?cursor=61", "?order=up", "?outcome=maybe", "?from=yesterday", "?to=2026-13-01",
                            "?from=2026-05-02&to=2026-05-01", "?page=2", "?limit", "?limit=1&limit=2"}) {
    CHECK(reading.refused("acme-app", std::string("/v1/evidence") + query) == Code::invalid_request);
  }
  CHECK(reading.refused("acme-app", "/v1/models?limit=1") == Code::invalid_request);
  CHECK(reading.object("acme-app", "/v1/evidence?from=2026-05-01T00:00:00+02:00")["records"].size() == 4);
}

TEST_CASE("a tenant field on a read is refused: the key says whose records are read") {
  const Reading reading;
  tg::Fields fields;
  fields.add("x-talon-tenant-id", "acme");
  const auto answer = tg::answer_read(reading.request("acme-app", "/v1/costs", fields));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().error.code == Code::invalid_request);
}

TEST_CASE("a checkpoint is a signed note in plain text") {
  const Reading reading;
  const auto note = reading.get("globex-app", "/v1/evidence/checkpoint");
  CHECK(note.content_type.starts_with("text/plain"));
  CHECK(note.body.starts_with("gw1/t/"));
  CHECK(note.body.find("\n2\n") != std::string::npos);
}

TEST_CASE("an export by key is the tenant's own, and the same bytes as the vault's") {
  const Reading reading;
  const tg::Fields none;
  const auto collect = [](const tg::ExportPlan& plan) {
    std::string out;
    REQUIRE(plan.run([&out](std::string_view bytes) -> talon::core::Result<void> {
      out += bytes;
      return {};
    }));
    return out;
  };
  const auto plan = tg::plan_export(reading.request("acme-app", "/v1/evidence/export", none));
  REQUIRE(plan);
  CHECK(plan->head.content_type == "application/x-tar");
  CHECK(plan->head.fields.front().second == "attachment; filename=\"talon-tenant-acme.talon\"");
  std::string expected;
  REQUIRE(reading.world.vault->export_bundle(tv::test::log_of("acme"), {},
                                             [&expected](std::string_view bytes) -> talon::core::Result<void> {
                                               expected += bytes;
                                               return {};
                                             }));
  CHECK(collect(*plan) == expected);

  const auto lines = tg::plan_export(reading.request("acme-app", "/v1/evidence/export?format=ndjson", none));
  REQUIRE(lines);
  const auto text = collect(*lines);
  CHECK(std::ranges::count(text, '\n') == 4);
  CHECK(text.find("globex") == std::string::npos);
  const auto everything = tg::plan_export(reading.request("admin", "/v1/evidence/export?format=ndjson", none));
  REQUIRE(everything);
  CHECK(collect(*everything).find("globex") != std::string::npos);

  const auto refused = [&](std::string_view key, std::string_view target) {
    const auto result = tg::plan_export(reading.request(key, target, none));
    CAPTURE(target);
    REQUIRE_FALSE(result);
    return result.error().error.code;
  };
  CHECK(refused("acme-app", "/v1/evidence/export?tenant=globex") == Code::tenant_mismatch);
  CHECK(refused("acme-app", "/v1/evidence/export?format=csv") == Code::not_supported);
  CHECK(refused("acme-app", "/v1/evidence/export?format=xml") == Code::invalid_request);
  CHECK(refused("ops", "/v1/evidence/export") == Code::wrong_key_kind);
  CHECK(refused("admin", "/v1/evidence/export") == Code::invalid_request);
  CHECK(refused("admin", "/v1/evidence/export?tenant=never-seen") == Code::not_found);
}

TEST_CASE("models are the priced ones of providers that are on") {
  const Reading reading;
  const auto list = reading.object("ops", "/v1/models");
  CHECK(list["object"] == "list");
  std::set<std::string> ids;
  for (const auto& model : list["data"]) {
    CHECK(model["object"] == "model");
    CHECK(model["owned_by"] == "openai");
    CHECK(model["created"] > 0);
    CHECK(ids.insert(model["id"]).second);
  }
  CHECK(ids.contains("gpt-4o-mini"));
  CHECK(reading.refused("admin", "/v1/models") == Code::wrong_key_kind);
}

TEST_CASE("readiness says why not") {
  using State = tv::JournalStats::State;
  const auto status = [](tg::Readiness readiness) {
    const auto response = tg::answer_operations(tg::RouteId::readyz, readiness);
    return std::to_string(response.status) + " " + json::parse(response.body)["status"].get<std::string>();
  };
  CHECK(status({}) == "200 ready");
  CHECK(status({.draining = true}) == "503 draining");
  CHECK(status({.vault = State::full}) == "503 vault_full");
  CHECK(status({.draining = true, .vault = State::failed}) == "503 vault_failed");
  CHECK(tg::answer_operations(tg::RouteId::healthz, {.vault = State::failed}).status == 200);
}

TEST_CASE("tenants are rendered as interfaces.md shows them") {
  CHECK(tg::tenant_list_json({}) ==
        R"({"tenants":[],"unattributed":{"session_count":0,"total_cost_usd":0,"first_seen":null,"last_seen":null}})");
  const Reading reading;
  const auto list = json::parse(tg::tenant_list_json(reading.world.vault->tenants(std::nullopt, "").value()));
  REQUIRE(list["tenants"].size() == 2);
  CHECK(list["tenants"][0].size() == 5);
  CHECK(list["unattributed"]["session_count"] == 1);
  const auto body = tg::tenant_json(reading.world.vault->tenant(tg::test::tenant("acme")).value());
  CHECK(body.find(R"("total_cost_usd":0.0013505,"first_seen":"2026-05-01T12:00:00.)") != std::string::npos);
  const auto detail = json::parse(body);
  CHECK(detail["tenant_id"] == "acme");
  CHECK(detail["session_count"] == 2);
  CHECK(detail["request_count"] == 2);
  CHECK(detail["budget"] == nullptr);
  CHECK(detail["status"] == "active");
  CHECK(detail["source"] == "config");
  CHECK(detail["log"]["size"] == 4);
  CHECK(json::parse(tg::tenant_json(reading.world.vault->unattributed().value()))["tenant_id"] == nullptr);
}

TEST_CASE("a cursor is read back only as it was given") {
  using tg::ListOf;
  for (const std::string& place : {std::string("7"), std::string("a place"), std::string("\0\xff", 2)}) {
    CHECK(tg::decode_cursor(ListOf::sessions, tg::encode_cursor(ListOf::sessions, place)) == place);
    CHECK_FALSE(tg::decode_cursor(ListOf::evidence, tg::encode_cursor(ListOf::sessions, place)));
  }
  for (const auto* text : {"", "0", "73", "7", "7g37", "733", "653A", "6537 "})
    CHECK_FALSE(tg::decode_cursor(ListOf::sessions, text));
  for (const tv::TreeSize after : {tv::TreeSize{0}, tv::TreeSize{7}, tv::TreeSize{1} << 60}) {
    CHECK(tg::parse_evidence_place("a" + std::to_string(after), tv::Order::oldest_first) == after);
    CHECK(tg::parse_evidence_place("d" + std::to_string(after), tv::Order::newest_first) == after);
    CHECK_FALSE(tg::parse_evidence_place("d" + std::to_string(after), tv::Order::oldest_first));
  }
  for (const auto* place : {"", "d", "7", "d-1", "d7 ", "d 7", "dx", "d99999999999999999999"})
    CHECK_FALSE(tg::parse_evidence_place(place, tv::Order::newest_first));
}
