#include "vault/export/tables.h"

#include "core/canonical_json.h"

namespace talon::vault {
namespace {

constexpr std::size_t k_page = 1000;

}  // namespace

std::string RequestRow::model_id() const { return call.provider + "/" + call.model; }

std::string RequestRow::pricing_source() const {
  return call.price_row.empty() ? std::string() : "price-row:" + call.price_row;
}

std::string_view RequestRow::status() const {
  if (call.outcome == "allowed") return "success";
  return call.outcome == "cancelled" ? "cancelled" : "error";
}

std::optional<std::string_view> RequestRow::fallback_from() const {
  if (call.attempts.size() < 2 || call.attempts.front() == call.attempts.back()) return std::nullopt;
  return call.attempts.front();
}

std::string RequestRow::metadata() const {
  std::string out = R"({"caller":)";
  core::append_string(out, call.caller);
  if (call.status) {
    out += R"(,"http_status":)";
    core::append_integer(out, *call.status);
  }
  out += R"(,"outcome":)";
  core::append_string(out, call.outcome);
  out += call.priced ? R"(,"priced":true)" : R"(,"priced":false)";
  out += R"(,"request_id":)";
  core::append_string(out, call.request_id);
  out += call.stream ? R"(,"stream":true})" : R"(,"stream":false})";
  return out;
}

core::Result<void> each_call(const Vault& vault, const LogFilter& log, const Period& period,
                             const std::function<core::Result<void>(const RequestRow& row)>& visit) {
  CallQuery query;
  query.log = log;
  query.period = period;
  query.order = Order::oldest_first;
  query.limit = k_page;
  for (;;) {
    TALON_TRY(page, vault.calls(query));
    for (const auto& call : page.calls) TALON_TRY_VOID(visit(RequestRow{call}));
    if (!page.next) return {};
    query.after = *page.next;
  }
}

core::Result<void> each_session(const Vault& vault, const LogFilter& log, const Period& period,
                                const std::function<core::Result<void>(const SessionInfo& session)>& visit) {
  SessionQuery query;
  query.log = log;
  query.order = SessionOrder::started_asc;
  query.limit = k_page;
  for (;;) {
    TALON_TRY(page, vault.sessions(query));
    for (const auto& session : page.sessions) {
      if (period.to && session.started >= *period.to) return {};
      if (period.from && session.last_seen < *period.from) continue;
      TALON_TRY_VOID(visit(session));
    }
    if (!page.next) return {};
    query.after = *page.next;
  }
}

}  // namespace talon::vault
