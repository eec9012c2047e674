// Evidence over HTTP: pages, single records with their proofs, checkpoints, exports.
#include "gateway/api/evidence_reads.h"

#include "gateway/api/access.h"
#include "gateway/api/paging.h"
#include "gateway/api/read_scope.h"
#include "gateway/api/render.h"

namespace talon::gateway {
namespace {

using core::Code;

std::expected<vault::EvidenceQuery, Refusal> read_query(const Query& query) {
  vault::EvidenceQuery wanted;
  const auto period = read_period(query);
  if (!period) return std::unexpected(period.error());
  wanted.period = *period;
  const auto page = read_page(query, ListOf::evidence);
  if (!page) return std::unexpected(page.error());
  wanted.limit = page->limit;
  if (const auto outcome = query.find("outcome")) {
    wanted.outcome = core::parse_outcome(*outcome);
    if (!wanted.outcome)
      return refuse(Code::invalid_request,
                    "The query parameter \"outcome\" is allowed, denied, failed, cancelled, truncated or interrupted.");
  }
  if (const auto order = query.find("order")) {
    if (*order != "desc" && *order != "asc")
      return refuse(Code::invalid_request, "The query parameter \"order\" is desc or asc.");
    wanted.order = *order == "asc" ? vault::Order::oldest_first : vault::Order::newest_first;
  }
  if (!page->after.empty()) {
    wanted.after = parse_evidence_place(page->after, wanted.order);
    if (!wanted.after) return refuse_cursor();
  }
  return wanted;
}

/// Whose records the query and the key say. A tenant's own reads are a feature of its tier; without a tier nothing is
/// missing, and the operator reads everything.
std::expected<ReadScope, Refusal> evidence_scope(const ApiRequest& request, const Query& query, AllLogs all_logs) {
  auto scope = read_scope(request, query, all_logs);
  if (!scope || request.caller->kind == KeyKind::admin || !scope->tenant || request.registry == nullptr) return scope;
  const auto row = request.registry->account(*scope->tenant);
  if (!row) return std::unexpected(from_registry(row.error(), "tenant"));
  if (!*row) return scope;
  const auto* tier = tier_of(request, **row);
  if (tier != nullptr && !has_feature(tier, **row, core::Feature::audit_logs))
    return std::unexpected(feature_refusal(*tier, core::Feature::audit_logs));
  return scope;
}

std::string file_name(const ReadScope& scope, std::string_view suffix) {
  std::string name = "talon-";
  name += scope.tenant ? "tenant-" + scope.tenant->percent_encoded() : std::string(scope.log ? "unattributed" : "all");
  return name.append(suffix);
}

Response attachment(std::string content_type, const std::string& name) {
  Response head;
  head.content_type = std::move(content_type);
  head.fields.emplace_back("Content-Disposition", "attachment; filename=\"" + name + "\"");
  return head;
}

core::Result<void> drop_report(core::Result<vault::ExportReport> report) {
  if (!report) return core::fail(std::move(report).error());
  return {};
}

}  // namespace

std::expected<Response, Refusal> list_evidence(const ApiRequest& request) {
  const auto query = Query::parse(request.query, {"limit", "cursor", "from", "to", "outcome", "order", "tenant"});
  if (!query) return refuse(query.error());
  const auto scope = evidence_scope(request, *query, AllLogs::refused);
  if (!scope) return std::unexpected(scope.error());
  const auto wanted = read_query(*query);
  if (!wanted) return std::unexpected(wanted.error());
  const auto page = request.vault->evidence(*scope->log, *wanted);
  if (!page) return std::unexpected(from_vault(page.error()));
  return json_response(evidence_page_json(*page, wanted->order));
}

std::expected<Response, Refusal> show_evidence(const ApiRequest& request) {
  const auto query = Query::parse(request.query, {"tenant"});
  if (!query) return refuse(query.error());
  const auto scope = evidence_scope(request, *query, AllLogs::allowed);
  if (!scope) return std::unexpected(scope.error());
  // A malformed id never existed either: the same answer.
  const auto text = decode_path_parameter(request.match.first);
  const auto id = text ? core::EvidenceId::parse(*text) : core::Result<core::EvidenceId>(core::fail(text.error()));
  if (!id) return std::unexpected(from_vault({Code::evidence_unknown, {}, {}}));
  const auto detail = scope->log ? request.vault->evidence_by_id(*scope->log, *id) : request.vault->find_evidence(*id);
  if (!detail) {
    // Whether the tenant or the record is missing: the same answer too.
    const bool missing = detail.error().code == Code::tenant_unknown;
    return std::unexpected(from_vault(missing ? core::Error{Code::evidence_unknown, {}, {}} : detail.error()));
  }
  return json_response(evidence_detail_json(*detail));
}

std::expected<Response, Refusal> sign_checkpoint(const ApiRequest& request) {
  const auto query = Query::parse(request.query, {"tenant"});
  if (!query) return refuse(query.error());
  const auto scope = evidence_scope(request, *query, AllLogs::refused);
  if (!scope) return std::unexpected(scope.error());
  auto note = request.vault->checkpoint(*scope->log);
  if (!note) return std::unexpected(from_vault(note.error()));
  Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = *std::move(note);
  return response;
}

std::expected<ExportPlan, Refusal> plan_export(const ApiRequest& request) {
  const auto query = Query::parse(request.query, {"format", "from", "to", "tenant"});
  if (!query) return refuse(query.error());
  const auto format = query->find("format").value_or("bundle");
  if (format == "csv" || format == "sqlite")
    return refuse(Code::not_supported, "The format \"" + std::string(format) + "\" is not supported by this version.");
  if (format != "bundle" && format != "ndjson")
    return refuse(Code::invalid_request, "The query parameter \"format\" is bundle or ndjson.");
  const bool is_bundle = format == "bundle";
  const auto scope = evidence_scope(request, *query, is_bundle ? AllLogs::refused : AllLogs::allowed);
  if (!scope) return std::unexpected(scope.error());
  const auto period = read_period(*query);
  if (!period) return std::unexpected(period.error());

  const auto* vault = request.vault;
  if (scope->log) {  // once the head has left, a log that is not there could not be said any more
    vault::EvidenceQuery one;
    one.limit = 1;
    if (const auto page = vault->evidence(*scope->log, one); !page) return std::unexpected(from_vault(page.error()));
  }
  ExportPlan plan;
  if (is_bundle) {
    plan.head = attachment("application/x-tar", file_name(*scope, ".talon"));
    plan.run = [vault, log = *scope->log, period = *period](const vault::ByteSink& sink) {
      return drop_report(vault->export_bundle(log, period, sink));
    };
  } else {
    plan.head = attachment("application/x-ndjson", file_name(*scope, ".ndjson"));
    plan.run = [vault, log = scope->log, period = *period](const vault::ByteSink& sink) {
      return drop_report(vault->export_ndjson(log, period, sink));
    };
  }
  return plan;
}

}  // namespace talon::gateway
