// Tenants and costs, from the roll-ups.
#include "gateway/api/dashboard.h"

#include <algorithm>

#include "core/text.h"
#include "gateway/api/access.h"
#include "gateway/api/dashboard_query.h"
#include "gateway/api/json_object.h"
#include "gateway/api/read_scope.h"
#include "gateway/api/render.h"

namespace talon::gateway {
namespace {

using core::Code;
using Cells = std::map<std::string, vault::CostCell, std::less<>>;

/// Dearest first, then by name.
std::vector<const Cells::value_type*> by_cost(const Cells& cells) {
  std::vector<const Cells::value_type*> sorted;
  sorted.reserve(cells.size());
  for (const auto& cell : cells) sorted.push_back(&cell);
  std::ranges::sort(sorted, [](const auto* a, const auto* b) {
    return a->second.cost != b->second.cost ? b->second.cost < a->second.cost : a->first < b->first;
  });
  return sorted;
}

/// `more(object, name)` adds what a group has besides its sums.
template <class More>
void append_groups(std::string& out, const Cells& cells, More more) {
  JsonObject groups(out);
  for (const auto* cell : by_cost(cells)) {
    JsonObject group(groups.member(cell->first));
    group.money("cost", cell->second.cost);
    group.number("requests", cell->second.requests);
    more(group, cell->first);
    group.end();
  }
  groups.end();
}

constexpr auto k_nothing_more = [](JsonObject&, const std::string&) {};

/// The price row that a model's calls would have now, as the tables name it; empty: unpriced.
std::string pricing_source(const Snapshot& snapshot, const std::string& model) {
  const auto* row = snapshot.prices().find(model);
  if (row == nullptr) return {};
  const auto hash = snapshot.price_hashes.find(row->provider + "/" + row->model);
  return hash == snapshot.price_hashes.end() ? std::string() : "price-row:" + vault::to_base64(hash->second);
}

}  // namespace

std::expected<Response, Refusal> dashboard_tenants(const ApiRequest& request) {
  const auto query = Query::parse(request.query, query_members(*request.match.route));
  if (!query) return refuse(query.error());
  const auto page = read_page(*query, ListOf::tenants);
  if (!page) return std::unexpected(page.error());
  const auto text = query->find("q").value_or("");
  constexpr std::size_t k_longest = 128;
  if (core::count_code_points(text).value_or(k_longest + 1) > k_longest)
    return refuse(Code::invalid_request, "The query parameter \"q\" is at most 128 characters.");
  const auto found = request.vault->tenants({std::string(text), page->limit, page->after});
  if (!found) return std::unexpected(from_vault(found.error()));
  std::optional<std::string> next;
  if (found->next) next = encode_cursor(ListOf::tenants, *found->next);
  return json_response(tenant_list_json(found->list, next));
}

std::expected<Response, Refusal> dashboard_tenant(const ApiRequest& request) {
  const auto query = Query::parse(request.query, {});
  if (!query) return refuse(query.error());
  const auto tenant = tenant_parameter(request);
  if (!tenant) return std::unexpected(tenant.error());
  const auto detail = request.vault->tenant(*tenant);
  if (!detail) return std::unexpected(from_vault(detail.error()));
  TenantWords words;
  words.source = is_configured(*request.snapshot, *tenant) ? "config" : "tag";
  if (request.registry != nullptr) {
    const auto account = request.registry->account(*tenant);
    if (!account) return std::unexpected(from_registry(account.error(), "tenant"));
    if (*account) words = words_of(**account, words.source, request.clock->now());
  }
  return json_response(tenant_json(*detail, words));
}

std::expected<Response, Refusal> dashboard_costs(const ApiRequest& request) {
  const auto sums = read_dashboard_sums(request);
  if (!sums) return std::unexpected(sums.error());
  const auto& [filter, named] = *sums;
  const auto costs = request.vault->costs({filter.log, filter.project, named.period});
  if (!costs) return std::unexpected(from_vault(costs.error()));
  std::string out;
  JsonObject object(out);
  named.name ? object.text("period", *named.name) : object.null("period");
  object.instant("from", costs->from);
  object.instant("to", costs->to);
  filter.project ? object.text("project", *filter.project) : object.null("project");
  object.text("currency", "USD");
  object.money("total", costs->total);
  object.number("requests", costs->requests);
  append_groups(object.member("by_provider"), costs->by_provider, k_nothing_more);
  append_groups(object.member("by_model"), costs->by_model, [&](JsonObject& group, const std::string& model) {
    group.text("pricing_source", pricing_source(*request.snapshot, model));
  });
  append_groups(object.member("by_project"), filter.project ? Cells() : costs->by_project, k_nothing_more);
  object.end();
  return json_response(std::move(out));
}

}  // namespace talon::gateway
