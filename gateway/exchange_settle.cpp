// exchange: settle: usage becomes cost, the call becomes its record, the hold becomes what was spent.
#include <algorithm>

#include "core/canonical_json.h"
#include "core/text.h"
#include "gateway/exchange_call.h"
#include "gateway/http/error_envelope.h"
#include "gateway/http/head_writer.h"
#include "gateway/net/respond.h"

namespace talon::gateway {
namespace {

using core::Code;

/// Statuses whose refusals are evidence (acceptance.md T12).
bool is_evidence(Code code) {
  const int status = core::http_status(code);
  return status == 402 || status == 403 || status == 429;
}

void finish_attempt(Call& call) {
  if (call.attempts.empty() || call.attempts.back().duration.count > 0) return;
  auto& attempt = call.attempts.back();
  if (call.upstream_ended.count == 0) call.upstream_ended = call.now();
  attempt.duration = core::Micros{call.upstream_ended.count - call.attempt_began.count};
}

core::Timing timing_of(const Call& call) {
  core::Timing timing;
  timing.total = call.since(call.began);
  timing.own = core::Micros{
      std::max<std::int64_t>(0, timing.total.count - (call.upstream_ended.count - call.upstream_began.count))};
  timing.ttft = call.ttft;
  return timing;
}

std::unique_ptr<vault::JournalItem> record_of(Call& call, const Ending& ending) {
  finish_attempt(call);
  const bool instead = call.intent.waiting();
  if (instead) call.worker.loop.forget(call.intent);
  // All but what became of the call stands there since its intent, if that was written.
  if (!call.intent.submitted()) begin_record(call);
  const bool priced = call.row != nullptr || call.free_of_charge;
  auto& detail = std::get<core::RequestDetail>(call.record.detail);
  detail.status = ending.status;
  detail.decision.outcome = ending.outcome;
  detail.decision.code = ending.code ? ending.code : call.shadow;
  detail.route = core::Route{std::nullopt, std::move(call.attempts)};
  detail.usage = ending.usage;
  detail.cost = core::Cost{ending.cost, call.held, priced};
  detail.timing = timing_of(call);
  detail.bodies = call.bodies;

  auto item = std::make_unique<vault::JournalItem>();
  item->kind = vault::ItemKind::record;
  item->log = call.who.log;
  item->id = call.evidence;
  item->line = core::to_unsequenced_line(call.record);
  item->closes_intent = call.intent.submitted();
  // What stands for the intent too is committed when that would have been.
  if (instead) item->waited = Loop::waited(call.intent);
  item->rollup = rollup_of(call, ending.cost);
  return item;
}

/// `evidence`: empty for what leaves no record.
void log_request(Call& call, const Ending& ending, std::string_view evidence) {
  RequestLine line;
  line.request_id = call.request_id;
  line.trace = call.trace;
  line.evidence = evidence;
  line.caller = call.caller.name;
  line.tenant = call.who.tenant ? std::string_view(call.who.tenant->bytes()) : std::string_view{};
  line.method = call.head().method;
  line.path = call.match.route->pattern;
  line.model = call.model();
  line.provider = call.provider != nullptr ? std::string_view(call.provider->config.name) : std::string_view{};
  line.status = ending.status.value_or(0);
  line.outcome = core::word(ending.outcome);
  if (ending.code) line.code = core::word(*ending.code);
  line.duration = call.since(call.began);
  call.worker.log_request(line);
}

/// Batched: nobody waits; the hold is settled when the commit says on which day.
Task<bool> settle_behind(Call& call, std::unique_ptr<vault::JournalItem> item, core::NanoUsd cost) {
  auto& journal = call.worker.shared.vault.journal();
  item->done = [hold = std::move(call.hold), session = std::move(call.session),
                cost](const vault::ItemResult& result) mutable {
    hold.settle(cost, result.time);
    session.reset();  // on disk now
  };
  RoomWait room(journal, call.worker.port);
  for (;;) {
    const auto submitted = call.worker.port.submit(journal, item);
    if (submitted != vault::Submit::queue_full) co_return submitted == vault::Submit::queued;
    co_await room;
  }
}

/// A denial's record, if it is the first of its burst; the id it is known by.
Task<bool> record_denial(Call& call, const Refusal& refusal) {
  core::EvidenceRecord record;
  record.log = call.who.log;
  core::RequestDetail detail = detail_of(call);
  detail.status = core::http_status(refusal.error.code);
  detail.decision.outcome = core::Outcome::denied;
  detail.decision.code = refusal.error.code;
  detail.decision.shadow = false;  // this one is enforced
  detail.timing.total = call.since(call.began);
  // A session opens at admission: only one that the client named is spoken of.
  if (!call.who.client_session) detail.session.clear();
  record.detail = std::move(detail);
  const auto answer =
      call.worker.denials.denied(record, call.now(), call.worker.shared.clock.now(), call.worker.random);
  call.evidence = answer.id;
  if (!answer.write_now) co_return true;

  auto item = std::make_unique<vault::JournalItem>();
  item->kind = vault::ItemKind::record;
  item->log = record.log;
  item->id = record.id;
  item->line = core::to_unsequenced_line(record);
  item->rollup.caller = call.caller.name;
  JournalWrite write(call.worker.port, call.worker.shared.vault.journal());
  const bool queued = co_await write.submit(item);
  if (!queued) co_return false;
  const auto result = co_await write.committed();
  co_return result.state == vault::ItemState::committed;
}

}  // namespace

vault::RollupChange rollup_of(const Call& call, core::NanoUsd cost) {
  vault::RollupChange change;
  change.counts_as_request = true;
  change.unpriced = call.row == nullptr && !call.free_of_charge;
  change.cost = cost;
  change.caller = call.caller.name;
  change.provider = call.provider->config.name;
  if (call.view.model) change.model = core::record_text(*call.view.model);
  note_session(call, change);
  return change;
}

std::string field_text(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
  return plain ? std::string(text) : core::percent_encode(text);
}

core::NanoUsd cost_of_usage(const Call& call, const core::Usage& usage) {
  if (call.row == nullptr) return {};
  const auto cost = core::cost_of(*call.row, usage);
  // No bill has a number that no record can hold.
  return cost && cost->nano() <= core::k_max_integer ? *cost : call.held;
}

Task<bool> settle(Call& call, Ending ending) {
  // From here on the record stands, whether the client waits for it or not.
  call.client.watch_for_leaving(false);
  const std::string evidence = call.evidence.text();
  log_request(call, ending, evidence);
  auto item = record_of(call, ending);
  if (!call.worker.strict()) co_return co_await settle_behind(call, std::move(item), ending.cost);
  JournalWrite write(call.worker.port, call.worker.shared.vault.journal());
  auto submitted = write.try_submit(item);
  if (submitted == vault::Submit::queue_full) {
    const bool queued = co_await write.submit(item);
    submitted = queued ? vault::Submit::queued : vault::Submit::refused;
  }
  if (submitted != vault::Submit::queued) co_return false;
  const auto result = co_await write.committed();
  if (result.state != vault::ItemState::committed) co_return false;
  call.hold.settle(ending.cost, result.time);
  co_return true;
}

Task<> answer_refusal(Call& call, Refusal refusal) {
  Response response;
  bool recorded = false;
  if (is_evidence(refusal.error.code)) {
    if (call.caller.kind == KeyKind::admin) {
      // No tenant, no caller of a log: counted as strangers are, by name.
      auto record = call.worker.denials.refused_unknown(refusal.error.code, call.now(), call.worker.shared.clock.now(),
                                                        call.worker.random, call.caller.name);
      if (record) call.worker.write_behind(std::move(*record));
    } else {
      const auto& seat = call.worker.seats.find(call.who.log);
      if (refusal.error.code != Code::tenant_limit_exceeded && (seat == nullptr || seat->key == nullptr)) {
        const auto unknown = co_await open_log(call);
        if (unknown) refusal = *unknown;
      }
      if (refusal.error.code == Code::tenant_limit_exceeded) {
        // A record in the log of the tenant that was refused would open it.
        call.who.tenant.reset();
        call.who.log = core::LogName::unattributed();
      }
      const bool due = is_evidence(refusal.error.code);  // what came of opening the log may be none
      if (due) recorded = co_await record_denial(call, refusal);
      if (due && !recorded)
        refusal =
            Refusal{core::Error{Code::vault_unavailable, "The refusal could not be recorded; try again later.", {}}};
    }
  }
  response = to_response(refusal, call.request_id);
  const std::string evidence = recorded ? call.evidence.text() : std::string();
  if (recorded) {
    response.fields.emplace_back("X-Talon-Evidence-Id", evidence);
    if (call.who.client_session)
      response.fields.emplace_back("X-Talon-Session-Id", core::percent_encode(call.who.session));
    if (call.who.tenant) response.fields.emplace_back("X-Talon-Tenant-Id", call.who.tenant->percent_encoded());
    if (call.provider != nullptr)
      response.fields.emplace_back("X-Talon-Provider", field_text(call.provider->config.name));
    if (call.view.model) response.fields.emplace_back("X-Talon-Model", field_text(*call.view.model));
  }
  Ending ending;
  ending.outcome = core::Outcome::denied;
  ending.code = refusal.error.code;
  ending.status = response.status;
  log_request(call, ending, evidence);
  const bool sent = co_await respond(call.worker, call.client, response, call.request_id);
  static_cast<void>(sent);
}

void add_call_fields(std::string& out, const Call& call, const std::optional<core::NanoUsd>& cost) {
  const auto add_encoded = [&](std::string_view name, std::string_view text) {
    out.append(name).append(": ");
    core::append_percent_encoded(out, text);
    out += "\r\n";
  };
  add_field(out, "X-Request-Id", call.request_id);
  out += "X-Talon-Evidence-Id: ";
  call.evidence.append_to(out);
  out += "\r\n";
  add_encoded("X-Talon-Session-Id", call.who.session);
  if (call.who.tenant) add_encoded("X-Talon-Tenant-Id", call.who.tenant->bytes());
  if (call.provider != nullptr) add_field(out, "X-Talon-Provider", field_text(call.provider->config.name));
  if (call.view.model) add_field(out, "X-Talon-Model", field_text(*call.view.model));
  if (cost && call.caller.expose_cost) add_field(out, "X-Talon-Cost-Usd", cost->to_decimal());
  if (call.rate) {
    std::vector<std::pair<std::string, std::string>> fields;
    add_rate_fields(fields, *call.rate);
    for (const auto& [name, value] : fields) add_field(out, name, value);
  }
  if (!call.upstream_request_id.empty()) add_field(out, "X-Talon-Upstream-Request-Id", call.upstream_request_id);
}

}  // namespace talon::gateway
