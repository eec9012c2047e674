// The list of models, from prices and providers.
#include "gateway/api/models.h"

#include <unordered_set>

#include "gateway/api/access.h"
#include "gateway/api/read_scope.h"
#include "gateway/guard/attribute.h"
#include "gateway/guard/tenants.h"
#include "gateway/provider/call.h"

namespace talon::gateway {
namespace {

/// OpenAI's objects have an instant of creation; ours is the day from which the price counts.
std::int64_t created(const core::PriceRow& row) {
  const auto day = core::parse_period_edge(row.effective, core::PeriodEdge::from);
  return day ? day->micros / core::k_micros_per_second : 0;
}

void append_model(std::string& out, const core::PriceRow& row) {
  out += R"({"id":)";
  append_json_quoted(out, row.model);
  out += R"(,"object":"model","created":)";
  out += std::to_string(created(row));
  out += R"(,"owned_by":)";
  append_json_quoted(out, row.provider);
  out += '}';
}

}  // namespace

std::expected<Response, Refusal> list_models(const ApiRequest& request) {
  // A data route: a tag is held against the key as for a call.
  const auto who = attribute(*request.caller, *request.fields, std::nullopt, {});
  if (!who) return std::unexpected(who.error());
  vault::AccountRef account;
  if (who->tenant && request.registry != nullptr) {
    auto opened = request.registry->open_account(*who->tenant);
    if (!opened) return std::unexpected(from_registry(opened.error(), "tenant"));
    account = *std::move(opened);
    if (account != nullptr) {
      if (auto refused = check_account(account->row)) return std::unexpected(*std::move(refused));
    }
  }
  if (const auto query = Query::parse(request.query, {}); !query) return refuse(query.error());
  std::string out = R"({"object":"list","data":[)";
  std::unordered_set<std::string_view> listed;
  for (const auto& row : request.snapshot->prices().rows()) {
    const auto* provider = request.snapshot->provider(row.provider);
    if (!request.caller->policy.allows_model(row.model)) continue;
    if (provider == nullptr || usable(*provider, account.get()).provider == nullptr) continue;
    if (!listed.insert(row.model).second) continue;
    if (listed.size() > 1) out += ',';
    append_model(out, row);
  }
  out += "]}";
  return json_response(std::move(out));
}

}  // namespace talon::gateway
