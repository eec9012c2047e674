#include "gateway/api/sessions.h"

#include "gateway/api/access.h"
#include "gateway/api/json_object.h"
#include "gateway/api/paging.h"
#include "gateway/guard/attribute.h"
#include "gateway/guard/sessions.h"
#include "gateway/guard/tenants.h"
#include "gateway/http/target.h"
#include "vault/journal/waiting_port.h"

namespace talon::gateway {
namespace {

using core::Code;

std::uint8_t modality_bit(std::string_view word) {
  using vault::Modality;
  return word == "stt" ? Modality::stt : word == "tts" ? Modality::tts : word == "llm" ? Modality::llm : 0;
}

struct Wanted {
  std::string id, project;
  std::uint8_t modality = 0;
  std::string modality_word;
  std::optional<core::TenantId> tenant;
};

std::expected<Wanted, Refusal> read_body(const Change& change) {
  BodyReader in(change.body);
  Wanted wanted;
  const auto id = in.optional_session("session_id");
  const auto tenant = in.optional_tenant("tenant_id");
  wanted.project = in.optional_name("project").value_or("");
  if (wanted.project == vault::k_default_project) wanted.project.clear();
  wanted.modality_word = in.optional_word("modality", {"llm", "stt", "tts"}).value_or("");
  wanted.modality = modality_bit(wanted.modality_word);
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));

  if (change.request().fields->find("X-Talon-Session-Id"))
    return refuse(Code::invalid_request, "X-Talon-Session-Id tags calls; here \"session_id\" names the session.");
  std::optional<std::string> named;
  if (tenant) named = tenant->bytes();
  const auto who = attribute(*change.request().caller, *change.request().fields, named, {});
  if (!who) return std::unexpected(who.error());
  wanted.tenant = who->tenant;
  if (id) {
    wanted.id = *id;
  } else {
    core::SystemRandom random;
    wanted.id = "ses_" + std::string(core::Ulid::make(change.now(), random).text());
  }
  return wanted;
}

/// Its `operator` record, and the row with it.
std::unique_ptr<vault::JournalItem> item_of(const Change& change, const Wanted& wanted, const SessionState& session,
                                            const std::optional<core::TenantId>& tenant) {
  core::SystemRandom random;
  core::EvidenceRecord record;
  record.id = core::EvidenceId::make(change.now(), random);
  record.log = tenant ? core::LogName::of(*tenant) : core::LogName::operator_log();
  core::OperatorDetail detail;
  detail.actor = change.actor().name;
  detail.action = "session.create";
  detail.target = session.id;
  if (!session.project.empty()) detail.changes.push_back({"project", std::nullopt, session.project});
  if (!wanted.modality_word.empty()) detail.changes.push_back({"modality", std::nullopt, wanted.modality_word});
  record.detail = std::move(detail);

  auto item = std::make_unique<vault::JournalItem>();
  item->kind = vault::ItemKind::record;
  item->log = record.log;
  item->id = record.id;
  item->line = core::to_unsequenced_line(record);
  item->rollup.makes_session = true;
  item->rollup.session = session.id;
  item->rollup.operator_session = session.shared;
  item->rollup.modality = wanted.modality;
  item->rollup.project = session.project;
  return item;
}

/// The tenant's log is open and its account may be used.
std::expected<void, Refusal> check_tenant(const Change& change, const core::TenantId& tenant) {
  const auto most = static_cast<std::size_t>(change.config().max_tagged_tenants);
  const auto seat = change.admin.tenants->open_tagged(core::LogName::of(tenant), most);
  if (!seat) {
    if (seat.error().code == Code::tenant_limit_exceeded) return refuse(seat.error());
    return std::unexpected(from_vault(seat.error()));
  }
  if (auto refused = check_account(**seat)) return std::unexpected(*std::move(refused));
  return {};
}

}  // namespace

std::string session_json(const vault::SessionInfo& session, bool with_cost) {
  std::string out;
  JsonObject object(out);
  object.text("session_id", session.id);
  object.text("uid", session.uid);
  object.tenant(session.tenant);
  object.text("project", session.project);
  object.member("modalities") += '[';
  append_list(out, session.modalities, [&out](const std::string& word) { append_json_quoted(out, word); });
  out += ']';
  object.instant("started_at", session.started);
  object.null("ended_at");
  with_cost ? object.money("total_cost_usd", session.cost) : object.null("total_cost_usd");
  object.number("request_count", session.requests);
  object.end();
  return out;
}

std::unexpected<Refusal> ambiguous_session(const std::vector<vault::SessionInfo>& found) {
  std::string uids;
  for (const auto& session : found) uids += (uids.empty() ? "" : ", ") + session.uid;
  return refuse(Code::ambiguous_session, "This id stands in several id spaces; ask for one by its uid: " + uids + ".");
}

Answer create_session(const Change& change) {
  const auto& caller = *change.request().caller;
  const auto wanted = read_body(change);
  if (!wanted) return std::unexpected(wanted.error());
  if (wanted->tenant) {
    if (const auto usable = check_tenant(change, *wanted->tenant); !usable) return std::unexpected(usable.error());
  }
  const auto space = session_space(caller);
  const auto loaded = change.admin.sessions->load(*change.admin.vault, space, wanted->id, wanted->project);
  if (!loaded) return std::unexpected(from_vault(loaded.error()));
  SessionState& session = **loaded;
  const auto home = session.shared ? core::LogName::unattributed() : space;
  const auto before = change.admin.vault->stored_session(home, session.id);
  if (!before) return std::unexpected(from_vault(before.error()));
  const auto tenant = change.admin.sessions->claim(session, wanted->tenant);
  if (!*before || ((*before)->tenant != tenant)) {
    if (tenant && tenant != wanted->tenant) {
      if (const auto usable = check_tenant(change, *tenant); !usable) return std::unexpected(usable.error());
    }
    auto made = vault::commit_and_wait(change.admin.vault->journal(), item_of(change, *wanted, session, tenant));
    if (!made) return refuse(Code::vault_unavailable, "The session cannot be recorded at the moment; try again later.");
  }
  const auto stored = change.admin.vault->stored_session(home, session.id);
  if (!stored) return std::unexpected(from_vault(stored.error()));
  if (!*stored) return refuse(Code::internal_error, "The session was made and is not there.");
  return answer_with(*before ? 200 : 201, session_json(**stored, caller.expose_cost));
}

std::expected<Response, Refusal> list_sessions(const ApiRequest& request) {
  const auto query = Query::parse(request.query, {"tenant", "limit", "cursor"});
  if (!query) return refuse(query.error());
  const auto scope = read_scope(request, *query, AllLogs::allowed);
  if (!scope) return std::unexpected(scope.error());
  const auto asked = read_page(*query, ListOf::sessions);
  if (!asked) return std::unexpected(asked.error());
  vault::SessionQuery wanted;
  wanted.log = scope->log;
  wanted.limit = asked->limit;
  wanted.after = asked->after;
  const auto page = request.vault->sessions(wanted);
  if (!page) return std::unexpected(from_vault(page.error()));
  std::string out;
  JsonObject object(out);
  object.member("sessions") += '[';
  append_list(out, page->sessions, [&out](const vault::SessionInfo& session) { out += session_json(session); });
  out += ']';
  add_next_cursor(object, ListOf::sessions, page->next);
  object.end();
  return json_response(std::move(out));
}

std::expected<Response, Refusal> show_session(const ApiRequest& request) {
  const auto query = Query::parse(request.query, {"tenant"});
  if (!query) return refuse(query.error());
  const auto scope = read_scope(request, *query, AllLogs::allowed);
  if (!scope) return std::unexpected(scope.error());
  const auto id = path_parameter(request, request.match.first);
  if (!id) return std::unexpected(id.error());
  const auto found = request.vault->sessions_named(*id, scope->log);
  if (!found) return std::unexpected(from_vault(found.error()));
  if (found->empty()) return refuse(Code::not_found, "No session with this id is known here.");
  // A tenant's own space goes before the operator's; an operator has to say which.
  if (found->size() > 1 && request.caller->kind == KeyKind::admin) return ambiguous_session(*found);
  return json_response(session_json(found->front()));
}

}  // namespace talon::gateway
