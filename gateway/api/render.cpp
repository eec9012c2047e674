// Rendering by appending: no document is built for what is written once.
#include "gateway/api/render.h"

#include <charconv>
#include <map>

#include "core/text.h"
#include "gateway/http/error_envelope.h"

namespace talon::gateway {
namespace {

/// One JSON object, member by member.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  void end() { out_ += '}'; }

  /// The value follows, appended to out().
  std::string& member(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_quoted(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json_quoted(member(name), value); }
  void number(std::string_view name, std::int64_t value) { member(name) += std::to_string(value); }
  void size(std::string_view name, vault::TreeSize value) { member(name) += std::to_string(value); }
  void money(std::string_view name, core::NanoUsd value) { member(name) += value.to_decimal(); }
  void null(std::string_view name) { member(name) += "null"; }
  void instant(std::string_view name, const std::optional<core::Instant>& at) {
    at ? text(name, core::to_rfc3339_millis(*at)) : null(name);
  }
  void tenant(const std::optional<core::TenantId>& tenant) {
    tenant ? text("tenant_id", tenant->bytes()) : null("tenant_id");
  }

 private:
  std::string& out_;
  bool first_ = true;
};

/// Appends the elements of a range, each by `one`, with commas between them.
template <class Range, class One>
void append_list(std::string& out, const Range& range, One&& one) {
  bool first = true;
  for (const auto& element : range) {
    if (!first) out += ',';
    first = false;
    one(element);
  }
}

void append_summary(Object& object, const vault::TenantRow& row) {
  object.number("session_count", row.session_count);
  object.money("total_cost_usd", row.total_cost);
  object.instant("first_seen", row.seen.first);
  object.instant("last_seen", row.seen.last);
}

void append_cell(Object& object, const vault::CostCell& cell) {
  object.money("cost_usd", cell.cost);
  object.number("requests", cell.requests);
}

void append_breakdown(std::string& out, const std::map<std::string, vault::CostCell, std::less<>>& cells) {
  Object breakdown(out);
  for (const auto& [name, cell] : cells) {
    Object object(breakdown.member(name));
    append_cell(object, cell);
    object.end();
  }
  breakdown.end();
}

}  // namespace

std::string tenant_list_json(const vault::TenantList& list) {
  std::string out;
  Object object(out);
  object.member("tenants") += '[';
  append_list(out, list.tenants, [&out](const vault::TenantRow& tenant) {
    Object row(out);
    row.tenant(tenant.tenant);
    append_summary(row, tenant);
    row.end();
  });
  out += ']';
  Object bucket(object.member("unattributed"));
  append_summary(bucket, list.unattributed);
  bucket.end();
  object.end();
  return out;
}

std::string tenant_json(const vault::TenantDetail& detail, std::string_view source) {
  std::string out;
  Object object(out);
  object.tenant(detail.row.tenant);
  append_summary(object, detail.row);
  object.number("request_count", detail.request_count);
  object.number("unpriced_requests", detail.unpriced_requests);
  object.money("spend_today_usd", detail.spend_today);
  object.money("spend_month_usd", detail.spend_month);
  object.null("budget");
  object.null("tier");
  object.text("status", "active");
  object.text("source", source);
  Object log(object.member("log"));
  log.text("origin", detail.log.origin);
  log.size("size", detail.log.size);
  log.text("root_hash", vault::to_base64(detail.log.root));
  log.instant("time", detail.log.time);
  log.end();
  object.end();
  return out;
}

std::string costs_json(const std::optional<core::TenantId>& tenant, const vault::Costs& costs) {
  std::string out;
  Object object(out);
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
    Object day(out);
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
  Object object(out);
  object.member("record") += detail.line;  // a canonical line is JSON already
  object.text("line", detail.line);
  object.size("leaf_index", detail.leaf_index);
  object.text("leaf_hash", vault::to_base64(detail.leaf));
  Object inclusion(object.member("inclusion"));
  inclusion.size("tree_size", detail.tree_size);
  inclusion.member("hashes") += '[';
  append_list(out, detail.inclusion,
              [&out](const vault::Hash& hash) { append_json_quoted(out, vault::to_base64(hash)); });
  out += ']';
  inclusion.end();
  object.text("checkpoint", detail.checkpoint);
  object.end();
  return out;
}

std::string evidence_page_json(const vault::EvidencePage& page) {
  std::string out;
  Object object(out);
  object.member("records") += '[';
  append_list(out, page.lines, [&out](const std::string& line) { out += line; });
  out += ']';
  page.next_after ? object.text("next_cursor", encode_cursor(*page.next_after)) : object.null("next_cursor");
  object.end();
  return out;
}

namespace {
constexpr std::string_view k_cursor_begin = "after:";
}

std::string encode_cursor(vault::TreeSize after) {
  return core::hex_encode(std::string(k_cursor_begin) + std::to_string(after));
}

std::optional<vault::TreeSize> decode_cursor(std::string_view cursor) {
  const auto text = core::hex_decode(cursor);
  if (!text || !text->starts_with(k_cursor_begin)) return std::nullopt;
  vault::TreeSize after = 0;
  const auto* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data() + k_cursor_begin.size(), end, after);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return after;
}

}  // namespace talon::gateway
