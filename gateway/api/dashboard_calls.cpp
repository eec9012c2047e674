// Calls, from their records: the log, and percentiles of how long they took.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "gateway/api/dashboard.h"
#include "gateway/api/dashboard_query.h"
#include "gateway/api/json_object.h"
#include "gateway/api/read_scope.h"
#include "vault/export/tables.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::size_t k_most_measured = 200'000;

void milliseconds(JsonObject& object, std::string_view name, const std::optional<core::Micros>& value) {
  value ? static_cast<void>(object.member(name) += fmt::format("{:.3f}", vault::milliseconds(*value)))
        : object.null(name);
}

/// All columns of the table `requests`; metadata as an object.
void append_call(std::string& out, const vault::CallInfo& call) {
  const vault::RequestRow row{call};
  JsonObject object(out);
  object.text("id", call.id.text());
  object.member("timestamp") += fmt::format("{:.6f}", row.timestamp());
  object.text("project", call.project);
  object.text("modality", "llm");
  object.text("model_id", row.model_id());
  object.text("provider", call.provider);
  object.number("input_units", call.input.value_or(0));
  object.number("output_units", call.output.value_or(0));
  row.unpriced() ? object.null("cost_usd") : object.money("cost_usd", call.cost);
  object.text("pricing_source", row.pricing_source());
  milliseconds(object, "ttfb_ms", call.ttfb);
  milliseconds(object, "total_latency_ms", call.total);
  object.text("status", row.status());
  const auto from = row.fallback_from();
  from ? object.text("fallback_from", *from) : object.null("fallback_from");
  call.code ? object.text("error_message", *call.code) : object.null("error_message");
  object.member("metadata") += row.metadata();
  object.text("session_id", call.session);
  object.tenant(call.tenant);
  object.end();
}

/// Microseconds of one model's calls.
struct Measured {
  std::vector<std::int64_t> ttfb, total;
};

/// Of sorted values, linear between the two nearest; one value is its own percentile.
std::string percentile(const std::vector<std::int64_t>& sorted, double part) {
  if (sorted.empty()) return "null";
  const double at = part * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(at));
  const auto high = std::min(low + 1, sorted.size() - 1);
  const auto from = static_cast<double>(sorted[low]);
  return fmt::format("{:.3f}", (from + (static_cast<double>(sorted[high]) - from) * (at - std::floor(at))) / 1e3);
}

std::string average(const std::vector<std::int64_t>& values) {
  if (values.empty()) return "null";
  double sum = 0;
  for (const auto value : values) sum += static_cast<double>(value);
  return fmt::format("{:.3f}", sum / static_cast<double>(values.size()) / 1e3);
}

void append_percentiles(std::string& out, std::vector<std::int64_t>& values) {
  std::ranges::sort(values);
  JsonObject object(out);
  object.member("p50") += percentile(values, 0.50);
  object.member("p95") += percentile(values, 0.95);
  object.member("p99") += percentile(values, 0.99);
  object.end();
}

}  // namespace

std::expected<Response, Refusal> dashboard_logs(const ApiRequest& request) {
  const auto query = Query::parse(request.query, query_members(*request.match.route));
  if (!query) return refuse(query.error());
  const auto list = read_dashboard_list(*query, ListOf::calls);
  if (!list) return std::unexpected(list.error());
  const auto modality = query->find("modality").value_or("llm");
  if (modality != "llm" && modality != "stt" && modality != "tts")
    return refuse(Code::invalid_request, "The query parameter \"modality\" is stt, llm or tts.");
  vault::CallPage page;
  // Only language models are called so far.
  if (modality == "llm") {
    auto found = request.vault->calls(list->wanted<vault::CallQuery>());
    if (!found) return std::unexpected(from_vault(found.error()));
    page = *std::move(found);
  }
  std::string out = "[";
  append_list(out, page.calls, [&out](const vault::CallInfo& call) { append_call(out, call); });
  out += ']';
  auto response = json_response(std::move(out));
  add_next_link(response, request, *query, ListOf::calls, page.next);
  return response;
}

std::expected<Response, Refusal> dashboard_latency(const ApiRequest& request) {
  const auto sums = read_dashboard_sums(request);
  if (!sums) return std::unexpected(sums.error());
  vault::CallQuery wanted;
  wanted.log = sums->filter.log;
  wanted.project = sums->filter.project;
  wanted.period = sums->named.period;
  wanted.limit = 1000;
  std::map<std::string, Measured> models;
  for (std::size_t seen = 0; seen < k_most_measured;) {
    const auto page = request.vault->calls(wanted);
    if (!page) return std::unexpected(from_vault(page.error()));
    seen += page->calls.size();
    for (const auto& call : page->calls) {
      if (call.outcome != "allowed") continue;
      auto& model = models[vault::RequestRow{call}.model_id()];
      if (call.ttfb) model.ttfb.push_back(call.ttfb->count);
      if (call.total) model.total.push_back(call.total->count);
    }
    if (!page->next) break;
    wanted.after = *page->next;
  }
  std::string out;
  JsonObject object(out);
  for (auto& [name, model] : models) {
    JsonObject one(object.member(name));
    one.member("avg_ttfb_ms") += average(model.ttfb);
    one.member("avg_latency_ms") += average(model.total);
    one.number("request_count", static_cast<std::int64_t>(model.total.size()));
    append_percentiles(one.member("ttfb_percentiles"), model.ttfb);
    append_percentiles(one.member("latency_percentiles"), model.total);
    one.end();
  }
  object.end();
  return json_response(std::move(out));
}

}  // namespace talon::gateway
