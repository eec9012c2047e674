// The list of tenants: pages over two sources, the registry's accounts and then the YAML's tenants that have none.
#include <charconv>
#include <set>

#include "core/text.h"
#include "gateway/api/account_json.h"
#include "gateway/api/accounts.h"
#include "gateway/api/paging.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::string_view k_after_account = "account:", k_after_configured = "config:";

struct Wanted {
  vault::AccountQuery accounts;
  bool accounts_done = false;
  std::string after_configured;
};

std::expected<Wanted, Refusal> read_query(const Query& query) {
  Wanted wanted;
  const auto page = read_page(query, ListOf::accounts);
  if (!page) return std::unexpected(page.error());
  wanted.accounts.limit = page->limit;
  if (const auto text = query.find("q")) {
    constexpr std::size_t k_longest = 128;
    if (core::count_code_points(*text).value_or(k_longest + 1) > k_longest)
      return refuse(Code::invalid_request, "The query parameter \"q\" is at most 128 characters.");
    wanted.accounts.text = *text;
  }
  std::string_view place = page->after;
  if (place.starts_with(k_after_account)) {
    place.remove_prefix(k_after_account.size());
    std::uint32_t account = 0;
    const auto [stop, error] = std::from_chars(place.data(), place.data() + place.size(), account);
    if (error != std::errc{} || stop != place.data() + place.size()) return refuse_cursor();
    wanted.accounts.after = account;
  } else if (place.starts_with(k_after_configured)) {
    wanted.accounts_done = true;
    wanted.after_configured = place.substr(k_after_configured.size());
  } else if (!place.empty()) {
    return refuse_cursor();
  }
  return wanted;
}

/// One page while it fills.
class Filling {
 public:
  Filling(const ApiRequest& request, std::size_t limit) : request_(request), left_(limit) {
    object_.member("tenants") += '[';
  }
  [[nodiscard]] std::size_t left() const noexcept { return left_; }
  void add(const vault::AccountRow& row) {
    if (!first_) out_ += ',';
    first_ = false;
    --left_;
    append_account(out_, row, tier_of(request_, row), request_.clock->now());
  }
  Response end(const std::optional<std::string>& place) {
    out_ += ']';
    add_next_cursor(object_, ListOf::accounts, place);
    object_.end();
    return json_response(std::move(out_));
  }

 private:
  const ApiRequest& request_;
  std::size_t left_;
  bool first_ = true;
  std::string out_;
  JsonObject object_{out_};
};

}  // namespace

Answer list_tenants(const ApiRequest& request) {
  const auto query = Query::parse(request.query, {"limit", "cursor", "q"});
  if (!query) return refuse(query.error());
  auto wanted = read_query(*query);
  if (!wanted) return std::unexpected(wanted.error());

  Filling page(request, wanted->accounts.limit);
  while (!wanted->accounts_done && page.left() > 0) {
    wanted->accounts.limit = page.left();
    const auto rows = request.registry->accounts(wanted->accounts);
    if (!rows) return std::unexpected(from_registry(rows.error(), "tenant"));
    for (auto row : rows->rows) {
      if (row.status == vault::AccountStatus::closed) continue;
      if (is_configured(*request.snapshot, row.id)) row.source = vault::AccountSource::config;
      page.add(row);
    }
    wanted->accounts.after = rows->next_after;
    wanted->accounts_done = !rows->next_after;
  }
  if (!wanted->accounts_done)
    return page.end(std::string(k_after_account) + std::to_string(wanted->accounts.after.value_or(0)));

  std::set<core::TenantId> configured;
  for (const auto& caller : request.snapshot->loaded.config.callers) configured.insert(caller.tenant);
  std::string last = wanted->after_configured;
  for (const auto& tenant : configured) {
    if (tenant.bytes() <= wanted->after_configured) continue;
    if (tenant.bytes().find(wanted->accounts.text) == std::string::npos) continue;
    const auto known = find_tenant(request, *request.registry, tenant);
    if (!known && known.error().error.code != Code::not_found) return std::unexpected(known.error());
    if (!known || known->stored) continue;
    if (page.left() == 0) return page.end(std::string(k_after_configured) + last);
    page.add(known->row);
    last = tenant.bytes();
  }
  return page.end(std::nullopt);
}

}  // namespace talon::gateway
