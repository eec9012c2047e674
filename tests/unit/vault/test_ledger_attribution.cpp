// Sessions of the operator's space: the first tag wins, what came before follows, and nothing is counted twice.
#include <algorithm>
#include <random>

#include "tests/unit/vault/test_world.h"
#include "vault/ledger/rollup.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

void check_sound(World& world) {
  const auto report = world.vault->verify();
  REQUIRE_MESSAGE(report.has_value(), report.error().message);
  for (const auto& problem : report->problems) MESSAGE(problem);
  CHECK(report->ok());
}

std::unique_ptr<JournalItem> shared_call(World& world, Call call, std::string project = "") {
  auto item = item_of(call, next_id(world.clock), ItemKind::record, world.port);
  item->rollup.operator_session = !call.session.empty();  // a tenant's own, where none is named
  item->rollup.modality = Modality::llm;
  item->rollup.project = project;
  if (!project.empty()) {
    // The line says it too: a recount has nothing else.
    core::EvidenceRecord record;
    record.id = item->id;
    record.log = item->log;
    core::RequestDetail detail;
    detail.request_id = "req_1";
    detail.caller = call.caller;
    detail.session = call.session.empty() ? "ses_" + std::string(item->id.ulid().text()) : call.session;
    detail.project = project;
    detail.ask.endpoint = "/v1/chat/completions";
    detail.ask.model = call.model;
    detail.route.emplace();
    core::Attempt attempt;
    attempt.provider = call.provider;
    detail.route->attempts.push_back(attempt);
    core::Cost cost;
    cost.cost = core::NanoUsd(call.priced ? call.cost : 0);
    cost.priced = call.priced;
    detail.cost = cost;
    record.detail = std::move(detail);
    item->line = core::to_unsequenced_line(record);
  }
  return item;
}

/// A session made without a call, as POST /v1/sessions does.
std::unique_ptr<JournalItem> made_session(World& world, std::string_view tenant, const std::string& id) {
  auto item = std::make_unique<JournalItem>();
  core::EvidenceRecord record;
  record.id = next_id(world.clock);
  record.log = tenant.empty() ? core::LogName::operator_log() : log_of(tenant);
  record.detail = core::OperatorDetail{.actor = "shared", .action = "session.create", .target = id, .count = {}};
  item->kind = ItemKind::record;
  item->log = record.log;
  item->id = record.id;
  item->line = core::to_unsequenced_line(record);
  item->port = &world.port;
  item->rollup.makes_session = true;
  item->rollup.operator_session = true;
  item->rollup.session = id;
  return item;
}

std::vector<core::RecordSummary> attributions(World& world, std::string_view tenant) {
  std::vector<core::RecordSummary> out;
  for (const auto& line : world.lines(tenant)) {
    auto summary = core::summarize(line);
    REQUIRE(summary.has_value());
    if (summary->kind == "attribution") out.push_back(*summary);
  }
  return out;
}

core::TenantId id_of(std::string_view text) { return core::TenantId::parse(text).value(); }

/// One counted call, as a plain model keeps it.
struct Counted {
  std::string tenant, caller, provider, model, project, session;
  std::int64_t time = 0, cost = 0;
  bool priced = true;
};
struct ModelSession {
  std::string tenant;
  std::size_t calls = 0;
  std::int64_t cost = 0, first = 0, last = 0;
};

}  // namespace

TEST_CASE("a session's first tag wins and its earlier calls follow, with a record in both logs") {
  World world;
  world.start();
  world.submit(shared_call(world, {.tenant = "", .session = "call-1", .cost = 10}));
  world.submit(shared_call(world, {.tenant = "", .session = "call-1", .cost = 5}));
  world.submit(shared_call(world, {.tenant = "", .cost = 100}));
  world.port.wait(world.submitted);
  CHECK(world.vault->unattributed()->row.session_count == 2);
  world.clock.advance(core::k_micros_per_day);
  world.submit(shared_call(world, {.tenant = "acme", .session = "call-1", .cost = 1}));
  world.port.wait(world.submitted);

  const auto acme = world.vault->tenant(id_of("acme"));
  REQUIRE(acme.has_value());
  CHECK(acme->row.total_cost.nano() == 16);
  CHECK(acme->request_count == 3);
  CHECK(acme->row.session_count == 1);
  CHECK(acme->spend_today.nano() == 1);
  const auto rest = world.vault->unattributed();
  CHECK(rest->row.total_cost.nano() == 100);
  CHECK(rest->row.session_count == 1);

  const auto gained = attributions(world, "acme");
  const auto lost = attributions(world, "");
  REQUIRE(gained.size() == 1);
  REQUIRE(lost.size() == 1);
  CHECK(gained[0].event == "attributed");
  CHECK(lost[0].event == "released");
  CHECK(gained[0].session == "call-1");
  CHECK(gained[0].calls_cost.nano() == 15);
  CHECK(gained[0].calls == lost[0].calls);
  CHECK(gained[0].calls.size() == 2);

  SUBCASE("a call that was under way without a tenant counts for the winner, with a pair of its own") {
    world.submit(shared_call(world, {.tenant = "", .session = "call-1", .cost = 7}));
    world.port.wait(world.submitted);
    CHECK(world.vault->tenant(id_of("acme"))->row.total_cost.nano() == 23);
    CHECK(world.vault->unattributed()->row.total_cost.nano() == 100);
    CHECK(attributions(world, "acme").size() == 2);
    CHECK(attributions(world, "").size() == 2);
  }
  SUBCASE("the same id in a tenant's own space is another session") {
    auto own = shared_call(world, {.tenant = "acme", .session = "call-1", .cost = 2});
    own->rollup.operator_session = false;
    world.submit(std::move(own));
    world.port.wait(world.submitted);
    CHECK(world.vault->tenant(id_of("acme"))->row.session_count == 2);
    CHECK(world.vault->sessions_named("call-1", log_of("acme"))->size() == 2);
  }
  check_sound(world);
  world.stop();
  world.start();
  check_sound(world);
}

TEST_CASE("a crash between an intent and its record leaves the claim to the interrupted record") {
  World world;
  world.start();
  world.submit(shared_call(world, {.tenant = "", .session = "call-1", .cost = 10}));
  auto intent =
      item_of({.tenant = "acme", .session = "call-1", .cost = 4}, next_id(world.clock), ItemKind::intent, world.port);
  intent->rollup.operator_session = true;
  world.submit(std::move(intent));
  auto untagged =
      item_of({.tenant = "", .session = "call-1", .cost = 3}, next_id(world.clock), ItemKind::intent, world.port);
  untagged->rollup.operator_session = true;
  world.submit(std::move(untagged));
  world.port.wait(world.submitted);
  world.stop();  // with open intents, as after a kill
  world.start();
  CHECK(world.vault->tenant(id_of("acme"))->row.total_cost.nano() == 17);
  CHECK(world.vault->unattributed().error().code == core::Code::tenant_no_sessions);
  CHECK(world.vault->stored_session(log_of(""), "call-1")->value().tenant == id_of("acme"));
  check_sound(world);
}

TEST_CASE("more than 500 calls of a session are attributed in several records") {
  World world;
  world.start();
  for (int i = 0; i < 1'201; ++i) world.submit(shared_call(world, {.tenant = "", .session = "long", .cost = 1}));
  world.port.wait(world.submitted);
  world.submit(shared_call(world, {.tenant = "acme", .session = "long", .cost = 1}));
  world.port.wait(world.submitted);
  const auto gained = attributions(world, "acme");
  REQUIRE(gained.size() == 3);
  CHECK(gained[0].calls.size() == 500);
  CHECK(gained[2].calls.size() == 201);
  CHECK(world.vault->tenant(id_of("acme"))->row.total_cost.nano() == 1'202);
  check_sound(world);
}

TEST_CASE("a session made without a call counts from then on, and follows its first tag") {
  World world;
  world.start();
  world.submit(made_session(world, "", "made"));
  world.submit(made_session(world, "globex", "theirs"));
  world.port.wait(world.submitted);
  CHECK(world.vault->unattributed()->row.session_count == 1);
  CHECK(world.vault->tenant(id_of("globex"))->row.session_count == 1);
  CHECK(world.vault->stored_session(log_of(""), "made")->value().requests == 0);
  world.clock.advance(5'000'000);
  world.submit(shared_call(world, {.tenant = "acme", .session = "made", .cost = 3}));
  world.port.wait(world.submitted);
  CHECK(world.vault->unattributed().error().code == core::Code::tenant_no_sessions);
  const auto acme = world.vault->tenant(id_of("acme"));
  CHECK(acme->row.session_count == 1);
  CHECK(acme->row.seen.first < acme->row.seen.last);
  CHECK(attributions(world, "acme").empty());  // there was no call to move
  check_sound(world);
}

TEST_CASE("a session named by the id of an earlier call begins with that call, and a tag takes it along") {
  World world;
  world.start();
  auto first = shared_call(world, {.tenant = "", .cost = 10});
  const auto call = first->id;
  const auto name = uid_text(id_bytes(call));
  world.submit(std::move(first));
  world.submit(shared_call(world, {.tenant = "", .cost = 100}));
  world.port.wait(world.submitted);
  const auto started = world.vault->stored_session(log_of(""), name)->value().started;
  SUBCASE("in the index") {
    world.stop();
    world.start();
  }
  SUBCASE("not in the index yet") {}
  SUBCASE("unseen between") {
    world.clock.advance(core::k_micros_per_day);
    world.settle();
  }
  world.clock.advance(5'000'000);
  world.submit(shared_call(world, {.tenant = "", .session = name, .cost = 5}));
  world.port.wait(world.submitted);
  auto shown = world.vault->sessions_named(name, std::nullopt);
  REQUIRE(shown->size() == 1);
  CHECK(shown->front().uid == name);
  CHECK(shown->front().requests == 2);
  CHECK(shown->front().cost.nano() == 15);
  CHECK(shown->front().started == started);
  CHECK(world.vault->unattributed()->row.session_count == 2);
  CHECK(world.vault->sessions({})->sessions.size() == 2);
  check_sound(world);

  world.submit(shared_call(world, {.tenant = "acme", .session = name, .cost = 1}));
  world.port.wait(world.submitted);
  const auto acme = world.vault->tenant(id_of("acme"));
  CHECK(acme->row.total_cost.nano() == 16);
  CHECK(acme->row.session_count == 1);
  CHECK(acme->row.seen.first == started);
  const auto rest = world.vault->unattributed();
  CHECK(rest->row.total_cost.nano() == 100);
  CHECK(rest->row.session_count == 1);
  const auto gained = attributions(world, "acme");
  REQUIRE(gained.size() == 1);
  REQUIRE(gained[0].calls.size() == 2);
  CHECK(gained[0].calls[0].id == call);
  CHECK(gained[0].calls == attributions(world, "")[0].calls);
  for (const char* log : {"acme", ""}) {
    SessionQuery query;
    query.log = log_of(log);
    CHECK(world.vault->sessions(query)->sessions.size() == 1);
    CallQuery calls;
    calls.log = log_of(log);
    CHECK(world.vault->calls(calls)->calls.size() == (std::string_view(log).empty() ? 1 : 3));
  }
  check_sound(world);
  world.stop();
  world.start();
  check_sound(world);
}

TEST_CASE("a tenant's call is taken in only by a session of the space it was made in") {
  World world;
  world.start();
  auto own = shared_call(world, {.tenant = "acme", .cost = 10});
  auto tagged = shared_call(world, {.tenant = "acme", .cost = 20});
  tagged->rollup.operator_session = true;
  const auto own_name = uid_text(id_bytes(own->id));
  const auto tagged_name = uid_text(id_bytes(tagged->id));
  world.submit(std::move(own));
  world.submit(std::move(tagged));
  world.port.wait(world.submitted);
  CHECK(world.vault->stored_session(log_of("acme"), own_name)->has_value());
  CHECK_FALSE(world.vault->stored_session(log_of(""), own_name)->has_value());
  CHECK_FALSE(world.vault->stored_session(log_of("globex"), own_name)->has_value());
  CHECK(world.vault->stored_session(log_of(""), tagged_name)->value().tenant == id_of("acme"));
  CHECK_FALSE(world.vault->stored_session(log_of("acme"), tagged_name)->has_value());
  // Another tenant's, and the operator's, of the same name: sessions of their own.
  auto others = shared_call(world, {.tenant = "globex", .session = own_name, .cost = 1});
  others->rollup.operator_session = false;
  world.submit(std::move(others));
  world.submit(shared_call(world, {.tenant = "", .session = own_name, .cost = 2}));
  auto joins = shared_call(world, {.tenant = "acme", .session = own_name, .cost = 3});
  joins->rollup.operator_session = false;
  world.submit(std::move(joins));
  world.submit(shared_call(world, {.tenant = "acme", .session = tagged_name, .cost = 4}));
  world.port.wait(world.submitted);
  CHECK(world.vault->stored_session(log_of("acme"), own_name)->value().cost.nano() == 13);
  CHECK(world.vault->stored_session(log_of("globex"), own_name)->value().cost.nano() == 1);
  CHECK(world.vault->stored_session(log_of(""), own_name)->value().cost.nano() == 2);
  CHECK(world.vault->stored_session(log_of(""), tagged_name)->value().cost.nano() == 24);
  CHECK(world.vault->tenant(id_of("acme"))->row.session_count == 2);
  CHECK(world.vault->tenant(id_of("globex"))->row.session_count == 1);
  // The uid goes before the ids.
  const auto found = world.vault->sessions_named(own_name, std::nullopt);
  REQUIRE(found->size() == 1);
  CHECK(found->front().tenant == id_of("acme"));
  check_sound(world);
}

TEST_CASE("a call whose session was named while it was under way joins it, by its end or by a restart") {
  for (const bool crash : {false, true}) {
    for (const char* tag : {"", "acme"}) {
      CAPTURE(crash);
      CAPTURE(tag);
      World world;
      world.start();
      const Call call{.tenant = "", .cost = 4};
      const auto id = world.intent(call);
      const auto name = uid_text(id_bytes(id));
      world.submit(shared_call(world, {.tenant = tag, .session = name, .cost = 1}));
      world.port.wait(world.submitted);
      CHECK(world.vault->stored_session(log_of(""), name)->value().uid == name);
      if (crash) {
        world.stop();
        world.start();
      } else {
        auto outcome = item_of(call, id, ItemKind::record, world.port);
        outcome->closes_intent = true;
        world.submit(std::move(outcome));
        world.port.wait(world.submitted);
      }
      const auto shown = world.vault->sessions_named(name, std::nullopt);
      REQUIRE(shown->size() == 1);
      CHECK(shown->front().uid == name);
      CHECK(shown->front().requests == 2);
      CHECK(shown->front().cost.nano() == 5);
      CHECK(world.vault->sessions({})->sessions.size() == 1);
      const auto row = *tag == '\0' ? world.vault->unattributed() : world.vault->tenant(id_of(tag));
      CHECK(row->row.session_count == 1);
      CHECK(row->row.total_cost.nano() == 5);
      check_sound(world);
    }
  }
}

TEST_CASE("random calls, tags and late ends against a plain model: the buckets are the whole, exactly") {
  for (const unsigned seed : {1u, 2u, 3u, 4u}) {
    CAPTURE(seed);
    World world;
    world.start();
    std::mt19937 random(seed);
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    std::vector<Counted> calls;
    std::map<std::string, ModelSession> sessions;
    std::size_t alone = 0;
    std::vector<std::pair<std::string, std::size_t>> owns;  ///< sessions of calls that named none, and their calls
    for (int round = 0; round < 8; ++round) {
      for (int i = 0; i < 60; ++i) {
        Call call;
        call.tenant = std::vector<std::string>{"", "", "acme", "globex"}[pick(4)];
        call.caller = "app" + std::to_string(pick(3));
        call.model = "model" + std::to_string(pick(3));
        call.provider = pick(2) == 0 ? "openai" : "local";
        call.session = pick(4) == 0 ? "" : "call-" + std::to_string(pick(40));
        if (!owns.empty() && pick(6) == 0) {
          // The session of an earlier call that named none: it becomes a session with a name.
          const auto own = pick(static_cast<unsigned>(owns.size()));
          call.session = owns[own].first;
          if (auto [found, fresh] = sessions.try_emplace(call.session); fresh) {
            auto& first = calls[owns[own].second];
            first.session = call.session;
            found->second = {first.tenant, 1, first.cost, first.time, first.time};
            --alone;
          }
        }
        call.cost = pick(5'000'000);
        call.priced = pick(8) != 0;
        const std::string project = pick(3) == 0 ? "web" : "";
        const auto now = world.clock.now().micros;
        const auto cost = call.priced ? call.cost : 0;
        std::string counts_for = call.tenant;
        bool owned = false;
        if (call.session.empty()) {
          ++alone;
          owned = true;
        } else {
          auto [found, fresh] = sessions.try_emplace(call.session);
          auto& session = found->second;
          if (fresh) session.first = now;
          if (session.tenant.empty() && !call.tenant.empty()) {
            session.tenant = call.tenant;
            for (auto& earlier : calls) {
              if (earlier.session == call.session) earlier.tenant = call.tenant;
            }
          }
          // The session's tenant wins; a call that began before it was known ends in the unattributed log.
          counts_for = session.tenant;
          call.tenant = pick(3) == 0 && call.tenant.empty() ? "" : session.tenant;
          ++session.calls;
          session.cost += cost;
          session.last = now;
        }
        calls.push_back({counts_for, call.caller, call.provider, call.model, project.empty() ? "default" : project,
                         call.session, now, cost, call.priced});
        auto item = shared_call(world, call, project);
        if (owned) {
          item->rollup.operator_session = true;
          owns.emplace_back(uid_text(id_bytes(item->id)), calls.size() - 1);
        }
        world.submit(std::move(item));
      }
      world.port.wait(world.submitted);
      world.clock.advance((1 + static_cast<std::int64_t>(pick(20))) * 3600 * core::k_micros_per_second);
      if (pick(3) == 0) {
        world.stop();
        world.start();
      }
    }
    check_sound(world);

    std::map<std::string, std::int64_t> costs, requests;
    for (const auto& call : calls) {
      costs[call.tenant] += call.cost;
      ++requests[call.tenant];
    }
    const auto list = world.vault->tenants(std::nullopt, "");
    REQUIRE(list.has_value());
    std::int64_t session_count = list->unattributed.session_count, total = list->unattributed.total_cost.nano();
    CHECK(total == costs[""]);
    for (const auto& row : list->tenants) {
      CHECK(row.total_cost.nano() == costs[row.tenant->bytes()]);
      session_count += row.session_count;
      total += row.total_cost.nano();
    }
    CHECK(session_count == static_cast<std::int64_t>(sessions.size() + alone));
    for (const auto& [id, session] : sessions) {
      const auto stored = world.vault->stored_session(log_of(""), id);
      REQUIRE(stored->has_value());
      CHECK((*stored)->requests == static_cast<std::int64_t>(session.calls));
      CHECK((*stored)->cost.nano() == session.cost);
      CHECK((*stored)->started.micros == session.first);
      CHECK((*stored)->last_seen.micros == session.last);
      CHECK(((*stored)->tenant ? (*stored)->tenant->bytes() : "") == session.tenant);
    }
    // The unattributed bucket's first and last are those of what is left in it.
    std::int64_t first = 0, last = 0;
    for (const auto& call : calls) {
      if (!call.tenant.empty()) continue;
      if (first == 0) first = call.time;
      last = call.time;
    }
    REQUIRE(list->unattributed.seen.first.has_value());
    CHECK(list->unattributed.seen.first->micros == first);
    CHECK(list->unattributed.seen.last->micros == last);

    for (int i = 0; i < 40; ++i) {
      auto from = calls.front().time + static_cast<std::int64_t>(pick(6 * 86'400)) * 1'000'000;
      auto to = from + static_cast<std::int64_t>(pick(4 * 86'400)) * 1'000'000 + 1;
      if (i % 4 == 0) from -= from % core::k_micros_per_day;
      if (i % 3 == 0) to += core::k_micros_per_day - to % core::k_micros_per_day;
      const Period period{.from = core::Instant{from}, .to = core::Instant{to}};
      for (const auto& project :
           {std::optional<std::string>(), std::optional<std::string>("web"), std::optional<std::string>("default")}) {
        std::int64_t parts = 0, part_requests = 0;
        for (const char* tenant : {"", "acme", "globex", "*"}) {
          CAPTURE(tenant);
          const bool all = std::string_view(tenant) == "*";
          std::int64_t cost = 0, count = 0;
          std::map<std::string, std::int64_t> models, providers;
          for (const auto& call : calls) {
            if (call.time < from || call.time >= to || (!all && call.tenant != tenant)) continue;
            if (project && call.project != *project) continue;
            cost += call.cost;
            ++count;
            models[call.model] += call.cost;
            providers[call.provider] += call.cost;
          }
          CostQuery query{.log = std::nullopt, .project = project, .period = period};
          if (!all) query.log = log_of(tenant);
          const auto found = world.vault->costs(query);
          REQUIRE(found.has_value());
          CHECK(found->total.nano() == cost);
          CHECK(found->requests == count);
          for (const auto& [name, amount] : models) CHECK(found->by_model.at(name).cost.nano() == amount);
          for (const auto& [name, amount] : providers) CHECK(found->by_provider.at(name).cost.nano() == amount);
          std::int64_t projects = 0, days = 0;
          for (const auto& [name, cell] : found->by_project) projects += cell.cost.nano();
          for (const auto& [day, cell] : found->by_day) days += cell.cost.nano();
          CHECK(projects == cost);
          CHECK(days == cost);
          if (all) {
            CHECK(parts == cost);
            CHECK(part_requests == count);
          } else {
            parts += cost;
            part_requests += count;
          }
        }
      }
    }
    // Listing goes through each session once, in order.
    for (const auto order : {SessionOrder::started_desc, SessionOrder::started_asc, SessionOrder::cost_desc}) {
      std::size_t seen = 0;
      std::int64_t sum = 0;
      SessionQuery query;
      query.order = order;
      query.limit = 7;
      std::optional<SessionInfo> before;
      for (;;) {
        const auto page = world.vault->sessions(query);
        REQUIRE_MESSAGE(page.has_value(), page.error().message);
        for (const auto& session : page->sessions) {
          ++seen;
          sum += session.cost.nano();
          if (before && order == SessionOrder::started_desc) CHECK(session.started <= before->started);
          if (before && order == SessionOrder::started_asc) CHECK(session.started >= before->started);
          if (before && order == SessionOrder::cost_desc) CHECK(session.cost <= before->cost);
          before = session;
        }
        if (!page->next) break;
        query.after = *page->next;
      }
      CHECK(seen == sessions.size() + alone);
      CHECK(sum == total);
    }
  }
}
