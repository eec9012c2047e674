#include "core/evidence_record.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "core/canonical_json.h"

using namespace talon::core;  // NOLINT: a test of this namespace

namespace {

Hash hash_of(int byte) {
  Hash hash;
  hash.fill(static_cast<std::byte>(byte));
  return hash;
}

LogName tenant(std::string_view id) { return LogName::of(*TenantId::parse(id)); }

EvidenceId golden_id() { return *EvidenceId::parse("ev_01ARZ3NDEKTSV4RRFFQ69G5FAV"); }

template <class Detail>
EvidenceRecord record(std::int64_t seq, Detail detail, LogName log = LogName::operator_log()) {
  EvidenceRecord out;
  out.seq = seq;
  out.id = golden_id();
  out.time = Instant{1'777'636'800'123'456};
  out.log = std::move(log);
  out.detail = std::move(detail);
  return out;
}

RequestDetail small_request() {
  RequestDetail request;
  request.request_id = "req_1";
  request.key_id = "k1";
  request.session = "s1";
  request.ask.endpoint = "/v1/chat/completions";
  request.decision.outcome = Outcome::denied;
  request.decision.code = Code::invalid_request;
  request.timing.total = Micros{12};
  return request;
}

RequestDetail full_request() {
  RequestDetail request;
  request.request_id = "req_2";
  request.caller = "customer-acme-app1";
  request.key_id = "key_01";
  request.session = "call-1";
  request.attribution = Attribution::session;
  request.trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  request.status = 200;
  request.count = 3;
  request.ask = Ask{"/v1/chat/completions", "gpt-4o-mini", true, 2, 100};
  request.decision = Decision{Outcome::allowed, Code::daily_cost_exceeded, true, hash_of(1), hash_of(2)};
  request.route = Route{"fallback",
                        {Attempt{"openai", "gpt-4o-mini", 503, Code::provider_error, Micros{5}, Micros{10}},
                         Attempt{"anthropic", std::nullopt, std::nullopt, std::nullopt, std::nullopt, Micros{0}}}};
  request.usage = Usage{UsageBasis::counted, 1, 2, 3, 4, 5, 6, 7};
  request.cost = Cost{NanoUsd(1'350'000), NanoUsd(9'007'199'254'740'991), true};
  request.timing = Timing{Micros{1000}, Micros{30}, Micros{400}};
  request.bodies = Bodies{1, hash_of(3), hash_of(4), hash_of(5)};
  return request;
}

RequestDetail interrupted_request() {
  RequestDetail request;
  request.request_id = "req_3";
  request.caller = "ops";
  request.key_id = "k2";
  request.session = "ses";
  request.attribution = Attribution::call;
  request.ask.endpoint = "/v1/embeddings";
  request.decision.outcome = Outcome::interrupted;
  request.route = Route{};
  request.usage = Usage{};
  request.usage->basis = UsageBasis::estimated;
  request.cost = Cost{NanoUsd(0), NanoUsd(0), false};
  request.bodies = Bodies{2, std::nullopt, std::nullopt, std::nullopt};
  return request;
}

/// The records of tests/golden/records/write.py, in its order.
std::vector<EvidenceRecord> golden_records() {
  std::string origin = "gw1/t/";
  for (int i = 0; i < 32; ++i) origin += "ab";
  std::vector<EvidenceRecord> records = {
      record(0, GenesisDetail{origin, "gw1+0123abcd+AQID", "RWQBAg==", "talon/0.1.0"}, tenant("acme")),
      record(1, MarkDetail{}, tenant("acme")),
      record(2, MarkDetail{}, LogName::unattributed()),
      record(3, BootDetail{"0.1.0", true, 0}),
      record(4, BootDetail{"0.1.0", false, 3}),
      record(5, OperatorDetail{"config", "keys_loaded", std::nullopt, std::nullopt}),
      record(6, OperatorDetail{"127.0.0.1", "refused", "a\u2028b", 12}, tenant("ü\"\\/顧客")),
      record(7, small_request(), tenant("acme")),
      record(9'007'199'254'740'991, full_request(), tenant("acme")),
      record(8, interrupted_request(), LogName::unattributed()),
      record(10,
             OperatorDetail{"ops",
                            "tenant.tier",
                            "acme",
                            std::nullopt,
                            {{"tier", "growth", "scale"},
                             {"reason", std::nullopt, "a \"grown\" shop"},
                             {"pending_tier", "growth", std::nullopt}}},
             tenant("acme")),
      record(11,
             AttributionDetail{AttributionDetail::Event::attributed,
                               "call-1",
                               {{golden_id(), NanoUsd(1'350'000)}, {golden_id(), NanoUsd(7)}}},
             tenant("acme")),
      record(12, AttributionDetail{AttributionDetail::Event::released, "call-1", {{golden_id(), NanoUsd()}}},
             LogName::unattributed()),
  };
  records[2].clock = Instant{1'777'636'700'000'000};
  records[4].clock = Instant{1};
  records[8].clock = Instant{1'777'636'800'000'000};
  return records;
}

}  // namespace

TEST_CASE("records are written as the golden lines of an independent writer") {
  std::vector<EvidenceRecord> records = golden_records();
  std::string lines;
  for (const auto& each : records) lines += to_line(each) + "\n";
  const std::string path = std::string(TALON_SOURCE_DIR) + "/tests/golden/records/records.jsonl";
  if (std::getenv("TALON_BLESS") != nullptr)
    std::ofstream(path, std::ios::binary) << lines;  // NOLINT(concurrency-mt-unsafe)
  std::ifstream in(path, std::ios::binary);
  std::stringstream golden;
  golden << in.rdbuf();
  CHECK(lines == golden.str());
}

TEST_CASE("every written line is canonical and equals its sequenced pieces") {
  for (const auto& each : golden_records()) {
    const auto line = to_line(each);
    CAPTURE(line);
    CHECK(check_canonical(line));
    CHECK(sequence(to_unsequenced_line(each), each.seq, each.time, each.clock) == line);
    CHECK(check_canonical(sequence(to_unsequenced_line(each), 0, Instant{0}, Instant{5})));
  }
}

TEST_CASE("text that a caller forgot to clean cannot spoil a line") {
  auto request = small_request();
  request.ask.model = "bad\n\xff" + std::string(400, 'm');
  const auto line = to_line(record(1, request, tenant("acme")));
  CHECK(check_canonical(line));
  CHECK(line.find("bad\uFFFD\uFFFDmmm") != std::string::npos);
}

TEST_CASE("the largest record a header allows fits a line") {
  auto request = full_request();
  std::string wide;
  for (int i = 0; i < 256; ++i) wide += "😀";
  const std::string quotes(256, '"');
  for (auto* text : {&request.request_id, &request.caller, &request.key_id, &request.session}) *text = wide;
  request.ask.model = wide;
  request.trace = quotes;
  request.route->policy = wide;
  request.route->attempts.assign(32, Attempt{std::string(64, 'p'), wide, 503, Code::provider_auth_failed,
                                             Micros{k_max_integer}, Micros{k_max_integer}});
  const auto line = to_line(record(1, request, tenant("acme")));
  CHECK(line.size() <= k_max_line);
  CHECK(check_canonical(line));
}

TEST_CASE("outcomes read back") {
  for (const auto outcome : {Outcome::allowed, Outcome::denied, Outcome::failed, Outcome::cancelled, Outcome::truncated,
                             Outcome::interrupted}) {
    CHECK(parse_outcome(word(outcome)) == outcome);
  }
  CHECK_FALSE(parse_outcome("maybe"));
}

TEST_CASE("a summary holds what readers and roll-ups need") {
  const auto all = golden_records();
  const auto full = summarize(to_line(all[8]));
  REQUIRE(full);
  CHECK(full->seq == 9'007'199'254'740'991);
  CHECK(full->id == all[8].id);
  CHECK(full->time == all[8].time);
  CHECK(full->kind == "request");
  CHECK(full->tenant == "acme");
  CHECK(full->caller == "customer-acme-app1");
  CHECK(full->session == "call-1");
  CHECK(full->model == "gpt-4o-mini");
  CHECK(full->provider == "anthropic");
  CHECK(full->outcome == "allowed");
  CHECK(full->code == "daily_cost_exceeded");
  CHECK(full->cost == NanoUsd(1'350'000));
  CHECK(full->priced);
  CHECK(full->has_cost);
  CHECK(full->count == 3);

  const auto small = summarize(to_line(all[7]));
  REQUIRE(small);
  CHECK_FALSE(small->has_cost);
  CHECK_FALSE(small->provider);
  CHECK(small->outcome == "denied");
  const auto unpriced = summarize(to_line(all[9]));
  REQUIRE(unpriced);
  CHECK(unpriced->has_cost);
  CHECK_FALSE(unpriced->priced);
  CHECK_FALSE(unpriced->tenant);
  CHECK(summarize(to_line(all[6]))->count == 12);
}

TEST_CASE("a summary of an unknown kind fills the common members") {
  const auto summary = summarize(
      R"({"calls":[{"id":"x","nano_usd":5}],"event":"reset","id":"ev_01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"budget_reset","nano_usd":5,"seq":3,"session":"s","tenant":"ü\"","time":9,"v":1})");
  REQUIRE(summary);
  CHECK(summary->kind == "budget_reset");
  CHECK(summary->seq == 3);
  CHECK(summary->tenant == "ü\"");
  CHECK_FALSE(summary->has_cost);
  CHECK_FALSE(summary->session);
}

TEST_CASE("a damaged line is no summary") {
  const std::string good = R"({"id":"ev_01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"mark","seq":3,"time":9,"v":1})";
  REQUIRE(summarize(good));
  for (const std::string bad :
       {R"({"id":"ev_01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"mark","seq":3,"time":9,"v":2})",
        R"({"kind":"mark","seq":3,"time":9,"v":1})", R"({"id":"ev_x","kind":"mark","seq":3,"time":9,"v":1})",
        R"({"id":"ev_01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"mark","seq":-3,"time":9,"v":1})",
        R"({"id":"ev_01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"mark","seq":"3","time":9,"v":1})",
        R"({"id":"ev_01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"mark","seq":3,"time":9,"v":1} )",
        R"({"id":"ev_01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"","seq":3,"time":9,"v":1})", "5", "", "{"}) {
    CAPTURE(bad);
    const auto summary = summarize(bad);
    REQUIRE_FALSE(summary);
    CHECK(summary.error().code == Code::vault_corrupt);
  }
}

TEST_CASE("an integer beyond what a line can hold is written as the bound, and the line stays canonical") {
  auto request = full_request();
  request.ask.max_tokens = std::numeric_limits<std::int64_t>::max();
  request.ask.n = std::numeric_limits<std::int64_t>::min();
  request.usage = Usage{};
  request.usage->cached_read = std::int64_t{1} << 53;
  auto event = record(std::numeric_limits<std::int64_t>::max(), request, tenant("acme"));
  event.time = Instant{std::numeric_limits<std::int64_t>::max()};
  event.clock = Instant{std::numeric_limits<std::int64_t>::min()};
  const auto line = to_line(event);
  CAPTURE(line);
  CHECK(check_canonical(line));
  CHECK(line.find(R"("max_tokens":9007199254740991,)") != std::string::npos);
  CHECK(line.find(R"("n":-9007199254740991,)") != std::string::npos);
  CHECK(line.find(R"("cached_read":9007199254740991)") != std::string::npos);
}
