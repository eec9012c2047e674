// Sessions, from their rows and, for a call without one, from its record.
#include <set>

#include "gateway/api/access.h"
#include "gateway/api/dashboard.h"
#include "gateway/api/dashboard_query.h"
#include "gateway/api/json_object.h"
#include "gateway/api/read_scope.h"
#include "gateway/api/sessions.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr int k_most_pages = 20;  ///< of 1,000 calls, looked through for a session's providers

void append_members(JsonObject& object, const vault::SessionInfo& session) {
  object.text("id", session.id);
  object.text("uid", session.uid);
  object.text("project", session.project);
  object.instant("started_at", session.started);
  // What is known of an end is the last call.
  object.instant("ended_at", session.requests > 0 ? std::optional(session.last_seen) : std::nullopt);
  auto& out = object.member("modalities");
  out += '[';
  append_list(out, session.modalities, [&out](const std::string& name) { append_json_quoted(out, name); });
  out += ']';
  object.money("total_cost_usd", session.cost);
  object.number("request_count", session.requests);
  object.tenant(session.tenant);
}

std::expected<vault::SessionOrder, Refusal> read_order(const Query& query) {
  const auto order = query.find("order_by").value_or("started_at_desc");
  if (order == "started_at_desc") return vault::SessionOrder::started_desc;
  if (order == "started_at_asc") return vault::SessionOrder::started_asc;
  if (order == "cost_desc") return vault::SessionOrder::cost_desc;
  if (order == "cost_asc") return vault::SessionOrder::cost_asc;
  return refuse(Code::invalid_request,
                "The query parameter \"order_by\" is started_at_desc, started_at_asc, cost_desc or cost_asc.");
}

/// Who answered its calls: distinct, sorted.
core::Result<std::set<std::string>> providers_of(const vault::Vault& vault, const vault::SessionInfo& session) {
  vault::CallQuery query;
  query.log = session.tenant ? core::LogName::of(*session.tenant) : core::LogName::unattributed();
  query.period = {session.started, core::Instant{session.last_seen.micros + 1}};
  query.limit = 1000;
  std::set<std::string> names;
  for (int pages = 0; pages < k_most_pages; ++pages) {
    TALON_TRY(page, vault.calls(query));
    for (const auto& call : page.calls) {
      if (call.session == session.id && !call.provider.empty()) names.insert(call.provider);
    }
    if (!page.next) break;
    query.after = *page.next;
  }
  return names;
}

}  // namespace

std::expected<Response, Refusal> dashboard_sessions(const ApiRequest& request) {
  const auto query = Query::parse(request.query, query_members(*request.match.route));
  if (!query) return refuse(query.error());
  const auto list = read_dashboard_list(*query, ListOf::sessions);
  if (!list) return std::unexpected(list.error());
  const auto order = read_order(*query);
  if (!order) return std::unexpected(order.error());
  auto wanted = list->wanted<vault::SessionQuery>();
  wanted.order = *order;
  const auto page = request.vault->sessions(wanted);
  if (!page) return std::unexpected(from_vault(page.error()));
  std::string out = "[";
  append_list(out, page->sessions, [&out](const vault::SessionInfo& session) {
    JsonObject object(out);
    append_members(object, session);
    object.end();
  });
  out += ']';
  auto response = json_response(std::move(out));
  add_next_link(response, request, *query, ListOf::sessions, page->next);
  return response;
}

std::expected<Response, Refusal> dashboard_session(const ApiRequest& request) {
  const auto query = Query::parse(request.query, {"tenant"});
  if (!query) return refuse(query.error());
  const auto filter = read_dashboard_filter(*query);
  if (!filter) return std::unexpected(filter.error());
  const auto id = path_parameter(request, request.match.first);
  if (!id) return std::unexpected(id.error());
  const auto found = request.vault->sessions_named(*id, filter->log);
  if (!found) return std::unexpected(from_vault(found.error()));
  if (found->empty()) return refuse(Code::not_found, "There is no such session.");
  if (found->size() > 1) return ambiguous_session(*found);
  const auto& session = found->front();
  const auto providers = providers_of(*request.vault, session);
  if (!providers) return std::unexpected(from_vault(providers.error()));
  std::string out;
  JsonObject object(out);
  append_members(object, session);
  JsonObject modalities(object.member("by_modality"));
  if (session.requests > 0) {
    JsonObject llm(modalities.member("llm"));
    llm.money("cost", session.cost);
    llm.number("request_count", session.requests);
    llm.end();
  }
  modalities.end();
  object.member("providers") += '[';
  append_list(out, *providers, [&out](const std::string& name) { append_json_quoted(out, name); });
  out += ']';
  object.end();
  return json_response(std::move(out));
}

}  // namespace talon::gateway
