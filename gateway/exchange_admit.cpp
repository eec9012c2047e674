// exchange: attribute, route, admit: decisions of guard and provider, put in order.
#include <algorithm>
#include <utility>

#include "core/text.h"
#include "gateway/exchange_call.h"
#include "gateway/http/target.h"
#include "gateway/net/seating.h"

namespace talon::gateway {
namespace {

using core::Code;

Endpoint endpoint_of(RouteId id) {
  switch (id) {
    case RouteId::completions:
      return Endpoint::completions;
    case RouteId::embeddings:
      return Endpoint::embeddings;
    case RouteId::proxy:
      return Endpoint::proxy;
    default:
      return Endpoint::chat_completions;
  }
}

/// W3C Trace Context, version 00: "00-<32 hex>-<16 hex>-<2 hex>", neither id all zero. Others are dropped.
bool is_traceparent(std::string_view text) {
  constexpr std::size_t k_length = 55;
  constexpr std::string_view k_form = "00-tttttttttttttttttttttttttttttttt-pppppppppppppppp-ff";
  if (text.size() != k_length || !text.starts_with("00-") || text[35] != '-' || text[52] != '-') return false;
  for (std::size_t i = 3; i < k_length; ++i) {
    if (k_form[i] != '-' && std::string_view("0123456789abcdef").find(text[i]) == std::string_view::npos) return false;
  }
  return text.substr(3, 32).find_first_not_of('0') != std::string_view::npos &&
         text.substr(36, 16).find_first_not_of('0') != std::string_view::npos;
}

std::optional<Refusal> refusal_of(auto& expected) {
  return expected ? std::nullopt : std::optional<Refusal>(std::move(expected.error()));
}

/// No body, or a method that has none: nothing that could cost.
bool has_nothing_to_price(const Call& call) {
  return call.endpoint == Endpoint::proxy &&
         (call.head().method == "GET" || call.head().method == "HEAD" || call.body.empty());
}

void take_seat(Call& call, const SeatRef& seat) {
  call.seat = seat;
  call.content_key = seat != nullptr ? seat->key.get() : nullptr;
}

std::optional<Refusal> read_body_as_call(Call& call) {
  if (call.endpoint == Endpoint::proxy) {
    auto target = parse_proxy_target(*call.snapshot, call.head());
    if (!target) return refusal_of(target);
    call.proxy = std::move(*target);
    call.free_of_charge = has_nothing_to_price(call);
    if (call.body.empty()) return std::nullopt;
  } else {
    // Nothing of the query goes to the provider, so nothing in it may look as if it did.
    if (const auto query = Query::parse(call.head().query, {}); !query) return Refusal{query.error()};
    const auto type = call.head().fields.find("content-type");
    if (type && type->size() >= 10 && equal_names(type->substr(0, 10), "multipart/")) {
      return Refusal{core::Error{Code::unsupported_media_type, "This route takes a JSON body, not multipart.", {}}};
    }
  }
  auto view = inspect(call.endpoint, call.body);
  if (!view) return refusal_of(view);
  call.view = std::move(*view);
  return std::nullopt;
}

bool in_shadow(const Call& call) { return call.snapshot->loaded.config.mode == core::Mode::shadow; }

/// A refusal that shadow mode only notes; the first is the one that would have been answered.
std::optional<Refusal> enforced(Call& call, std::optional<Refusal> refusal) {
  if (!refusal || !in_shadow(call)) return refusal;
  if (!call.shadow) call.shadow = refusal->error.code;
  return std::nullopt;
}

/// A feature that the tenant's tier has not is forbidden; one that it has is not built.
std::optional<Refusal> check_special(const Call& call) {
  if (call.view.special.empty()) return std::nullopt;
  if (call.view.feature) {
    if (auto refused = check_feature(call.seat->account.get(), call.tier, *call.view.feature)) return refused;
  }
  return Refusal{
      core::Error{Code::not_supported, "\"" + call.view.special + "\" is not supported by this version.", {}}};
}

bool under_a_cap(const Call& call) { return call.caller.policy.max_daily_cost.has_value(); }

std::optional<Refusal> choose(Call& call) {
  const Snapshot& snapshot = *call.snapshot;
  const vault::Account* account = call.seat->account.get();
  auto chosen = call.proxy ? choose_named(snapshot, account, call.proxy->provider)
                           : choose_provider(snapshot, account, call.view);
  if (!chosen) return refusal_of(chosen);
  call.provider = chosen->provider;
  call.credential = chosen->credential;
  // A tenant's own key reaches nothing that is not the tenant's (T13).
  if (call.credential == nullptr && call.proxy) {
    auto allowed = check_shared_credential(call.head(), *call.proxy, call.view);
    // Under a cap a body that is no JSON object has no price, whatever else is wrong with it.
    const bool no_price =
        !allowed && allowed.error().error.code == Code::invalid_json && under_a_cap(call) && !in_shadow(call);
    if (!allowed && !no_price) return refusal_of(allowed);
  } else if (call.credential == nullptr) {
    auto stateless = check_provider_state(call.view);
    if (!stateless) return refusal_of(stateless);
  }
  if (call.free_of_charge || !call.view.model) return std::nullopt;
  call.row = snapshot.prices().find(call.provider->config.name, *call.view.model);
  return std::nullopt;
}

std::optional<Refusal> check_price(const Call& call) {
  if (call.row != nullptr || call.free_of_charge || !under_a_cap(call)) return std::nullopt;
  const std::string what = call.view.model ? "The model \"" + core::record_text(*call.view.model) + "\" has no price"
                                           : "This call has no price";
  return Refusal{
      core::Error{Code::model_unpriced,
                  what + " here, and this key is under a daily cap; the operator can add it to pricing_file.",
                  {}}};
}

std::optional<Refusal> price(Call& call) {
  if (auto refused = enforced(call, check_price(call))) return refused;
  call.held = hold_for(call.row, call.view, call.endpoint, call.body.size(),
                       call.snapshot->loaded.config.hold_max_output_tokens);
  return std::nullopt;
}

}  // namespace

Call::Call(Worker& on, Connection& from, SnapshotRef generation, const Caller& who_calls, RouteMatch route_match,
           std::string id)
    : worker(on),
      client(from),
      snapshot(std::move(generation)),
      caller(who_calls),
      match(route_match),
      request_id(std::move(id)),
      evidence(core::EvidenceId::make(on.shared.clock.now(), on.random)),
      began(on.shared.clock.monotonic()),
      endpoint(endpoint_of(route_match.route->id)) {
  if (const auto parent = head().fields.find("traceparent"); parent && is_traceparent(*parent)) {
    traceparent = *parent;
    trace = parent->substr(3, 32);
  }
  // Until attribution says more: the caller's own log, and a session of its own, derived from the record.
  who.tenant = caller.tenant;
  if (caller.tenant) who.log = core::LogName::of(*caller.tenant);
  who.session = "ses_" + std::string(evidence.ulid().text());
}

core::RequestDetail detail_of(const Call& call) {
  core::RequestDetail detail;
  detail.request_id = call.request_id;
  detail.caller = call.caller.name;
  detail.key_id = call.caller.key_id;
  detail.session = call.who.session;
  detail.attribution = call.who.attribution;
  if (call.session != nullptr && !call.session->project.empty()) detail.project = call.session->project;
  if (!call.trace.empty()) detail.trace = call.trace;
  // The router's own word for a proxied path is not the documented one.
  detail.ask.endpoint = call.match.route->id == RouteId::proxy ? pattern(Endpoint::proxy) : call.match.route->pattern;
  if (call.view.model) detail.ask.model = core::record_text(*call.view.model);
  detail.ask.stream = call.view.stream;
  if (call.view.n != 1) detail.ask.n = call.view.n;
  detail.ask.max_tokens = call.view.max_tokens;
  detail.decision.policy = call.caller.policy_hash;
  detail.decision.shadow = call.shadow.has_value();
  if (call.row != nullptr) {
    const auto& hashes = call.snapshot->price_hashes;
    if (const auto found = hashes.find(call.row->provider + "/" + call.row->model); found != hashes.end())
      detail.decision.prices = found->second;
  }
  return detail;
}

std::optional<Refusal> read_and_attribute(Call& call) {
  if (call.worker.draining())
    return Refusal{
        core::Error{Code::draining, "This gateway is shutting down; try another one, or again shortly.", {}}};
  if (!call.worker.shared.vault.journal().accepting()) {
    return Refusal{core::Error{
        Code::vault_unavailable, "Calls cannot be recorded at the moment, so none is made; try again later.", {}}};
  }
  if (auto refused = read_body_as_call(call)) return refused;
  auto who = attribute(call.caller, call.head().fields, call.view.tenant, call.who.session);
  if (!who) return refusal_of(who);
  call.who = std::move(*who);
  take_seat(call, call.worker.seats.find(call.who.log));
  return std::nullopt;
}

std::optional<Refusal> decide(Call& call) {
  if (auto refused = check_account(*call.seat)) return refused;
  call.tier = tier_of(call.seat->account.get(), call.snapshot->loaded.config.tiers, call.worker.shared.clock.now());
  if (auto refused = check_special(call)) return refused;
  if (!call.free_of_charge) {
    auto refused = check_model(call.caller.policy, call.caller.name, call.view.model);
    if (refused = enforced(call, std::move(refused)); refused) return refused;
  }
  if (auto refused = choose(call)) return refused;
  return price(call);
}

Task<std::optional<Refusal>> find_seat(Call& call) {
  auto seat = co_await seat_of(call.worker, call.who.log, SeatNeed::known);
  if (!seat) co_return std::move(seat.error());
  take_seat(call, *seat);
  co_return std::nullopt;
}

Task<std::optional<Refusal>> open_log(Call& call) {
  auto seat = co_await seat_of(call.worker, call.who.log, SeatNeed::tagged);
  if (!seat) co_return std::move(seat.error());
  take_seat(call, *seat);
  co_return std::nullopt;
}

std::optional<Refusal> admit(Call& call) {
  Caps& caps = call.worker.shared.caps;
  const auto now = call.worker.shared.clock.now();
  TenantMeters* meters = call.seat->meters;
  if (meters != nullptr) {
    auto window = admit_rate(*meters, call.tier, call.now());
    if (!window) return refusal_of(window);
    call.rate = *window;
  }
  if (auto refused = caps.admit_rate(call.caller, call.now())) return refused;
  if (meters != nullptr) {
    if (auto refused = admit_month(*meters, call.tier, now)) return refused;
  }
  auto hold = caps.admit(call.caller, call.held, now);
  if (hold) {
    call.hold = std::move(*hold);
    return std::nullopt;
  }
  if (auto refused = enforced(call, refusal_of(hold))) {
    if (meters != nullptr) meters->month.give_back(now);
    return refused;
  }
  call.hold = caps.hold(call.caller, call.held, now);
  return std::nullopt;
}

void begin_record(Call& call) {
  call.record.id = call.evidence;
  call.record.log = call.who.log;
  call.record.detail = detail_of(call);
}

}  // namespace talon::gateway
