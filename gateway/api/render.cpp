// Rendering by appending: no document is built for what is written once.
#include "gateway/api/render.h"

#include <charconv>
#include <map>

#include "core/text.h"
#include "gateway/api/cursor.h"
#include "gateway/api/json_object.h"

namespace talon::gateway {
namespace {

void append_summary(JsonObject& object, const vault::TenantRow& row) {
  object.number("session_count", row.session_count);
  object.money("total_cost_usd", row.total_cost);
  object.instant("first_seen", row.seen.first);
  object.instant("last_seen", row.seen.last);
}

void append_cell(JsonObject& object, const vault::CostCell& cell) {
  object.money("cost_usd", cell.cost);
  object.number("requests", cell.requests);
}

void append_breakdown(std::string& out, const std::map<std::string, vault::CostCell, std::less<>>& cells) {
  JsonObject breakdown(out);
  for (const auto& [name, cell] : cells) {
    JsonObject object(breakdown.member(name));
    append_cell(object, cell);
    object.end();
  }
  breakdown.end();
}

}  // namespace

std::string tenant_list_json(const vault::TenantList& list, const std::optional<std::string>& next_cursor) {
  std::string out;
  JsonObject object(out);
  object.member("tenants") += '[';
  append_list(out, list.tenants, [&out](const vault::TenantRow& tenant) {
    JsonObject row(out);
    row.tenant(tenant.tenant);
    append_summary(row, tenant);
    row.end();
  });
  out += ']';
  JsonObject bucket(object.member("unattributed"));
  append_summary(bucket, list.unattributed);
  bucket.end();
  if (next_cursor) object.text("next_cursor", *next_cursor);
  object.end();
  return out;
}

TenantWords words_of(const vault::AccountRow& account, std::string_view source, core::Instant now) {
  // The configuration's tenants stay the configuration's, whatever the API changed about them.
  const bool configured = source == "config";
  return {account.tier_at(now), std::string(vault::word(account.status)),
          configured ? std::string(source) : std::string(vault::word(account.source))};
}

std::string tenant_json(const vault::TenantDetail& detail, std::string_view source) {
  return tenant_json(detail, TenantWords{.tier = {}, .status = "active", .source = std::string(source)});
}

std::string tenant_json(const vault::TenantDetail& detail, const TenantWords& words) {
  std::string out;
  JsonObject object(out);
  object.tenant(detail.row.tenant);
  append_summary(object, detail.row);
  object.number("request_count", detail.request_count);
  object.number("unpriced_requests", detail.unpriced_requests);
  object.money("spend_today_usd", detail.spend_today);
  object.money("spend_month_usd", detail.spend_month);
  object.null("budget");
  object.text_or_null("tier", words.tier);
  object.text("status", words.status);
  object.text("source", words.source);
  JsonObject log(object.member("log"));
  log.text("origin", detail.log.origin);
  log.number("size", static_cast<std::int64_t>(detail.log.size));
  log.text("root_hash", vault::to_base64(detail.log.root));
  log.instant("time", detail.log.time);
  log.end();
  object.end();
  return out;
}

std::string costs_json(const std::optional<core::TenantId>& tenant, const vault::Costs& costs) {
  std::string out;
  JsonObject object(out);
  object.tenant(tenant);
  object.instant("from", costs.from);
  object.instant("to", costs.to);
  object.text("currency", "USD");
  object.money("total_usd", costs.total);
  object.money("today_usd", costs.today);
  object.money("month_usd", costs.month);
  object.number("requests", costs.requests);
  append_breakdown(object.member("by_caller"), costs.by_caller);
  append_breakdown(object.member("by_provider"), costs.by_provider);
  append_breakdown(object.member("by_model"), costs.by_model);
  object.member("by_day") += '[';
  append_list(out, costs.by_day, [&out](const auto& day_and_cell) {
    JsonObject day(out);
    day.text("day", core::to_date(day_and_cell.first));
    append_cell(day, day_and_cell.second);
    day.end();
  });
  out += ']';
  object.end();
  return out;
}

std::string evidence_detail_json(const vault::EvidenceDetail& detail) {
  std::string out;
  JsonObject object(out);
  object.member("record") += detail.line;  // a canonical line is JSON already
  object.text("line", detail.line);
  object.number("leaf_index", static_cast<std::int64_t>(detail.leaf_index));
  object.text("leaf_hash", vault::to_base64(detail.leaf));
  JsonObject inclusion(object.member("inclusion"));
  inclusion.number("tree_size", static_cast<std::int64_t>(detail.tree_size));
  inclusion.member("hashes") += '[';
  append_list(out, detail.inclusion,
              [&out](const vault::Hash& hash) { append_json_quoted(out, vault::to_base64(hash)); });
  out += ']';
  inclusion.end();
  object.text("checkpoint", detail.checkpoint);
  object.end();
  return out;
}

namespace {
/// A cursor is of the order, too, that gave it.
char letter_of(vault::Order order) noexcept { return order == vault::Order::oldest_first ? 'a' : 'd'; }
}  // namespace

std::string evidence_page_json(const vault::EvidencePage& page, vault::Order order) {
  std::string out;
  JsonObject object(out);
  object.member("records") += '[';
  append_list(out, page.lines, [&out](const std::string& line) { out += line; });
  out += ']';
  page.next_after
      ? object.text("next_cursor", encode_cursor(ListOf::evidence, letter_of(order) + std::to_string(*page.next_after)))
      : object.null("next_cursor");
  object.end();
  return out;
}

std::optional<vault::TreeSize> parse_evidence_place(std::string_view place, vault::Order order) {
  if (!place.starts_with(letter_of(order))) return std::nullopt;
  place.remove_prefix(1);
  vault::TreeSize after = 0;
  const auto* end = place.data() + place.size();
  const auto [stop, error] = std::from_chars(place.data(), end, after);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return after;
}

}  // namespace talon::gateway
