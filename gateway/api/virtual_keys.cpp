#include "gateway/api/virtual_keys.h"

#include "gateway/api/account_json.h"
#include "gateway/api/paging.h"

namespace talon::gateway {
namespace {

using core::Code;

void append_row(std::string& out, const ApiRequest& request, const vault::VirtualKeyRow& row) {
  append_virtual_key(out, row, request.clock->now(), request.snapshot->loaded.config.stale_days(row.project));
}

/// `key` nullopt: a replay.
std::string issued_json(const ApiRequest& request, const vault::VirtualKeyRow& row,
                        std::optional<std::string_view> key) {
  std::string out;
  JsonObject object(out);
  object.text("id", vault::key_id_text(row.id));
  key ? object.text("plaintext", *key) : object.null("plaintext");
  append_row(object.member("row"), request, row);
  object.end();
  return out;
}

}  // namespace

Answer issue_virtual_key(const Change& change) {
  BodyReader in(change.body);
  vault::NewVirtualKey wanted;
  wanted.name = in.name("name");
  wanted.tenant = in.optional_tenant("tenant_id");
  wanted.issued_by = in.optional_name("issued_by");
  wanted.project = in.optional_name("project").value_or("default");
  wanted.expose_cost = in.optional_boolean("expose_cost").value_or(false);
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));

  const auto key = replay_key(change.admin);
  if (!key) return std::unexpected(key.error());
  auto replayed = replay(change.admin, *key);
  if (!replayed) return std::unexpected(replayed.error());
  if (*replayed) return **std::move(replayed);

  if (wanted.tenant) {
    const auto row = change.registry().account(*wanted.tenant);
    if (!row) return std::unexpected(from_registry(row.error(), "tenant"));
    if (*row && (*row)->status == vault::AccountStatus::closed)
      return refuse(Code::conflict, "The account of tenant \"" + wanted.tenant->bytes() + "\" is closed.");
  }
  vault::Registry::VirtualAnswerOf keep;
  if (*key) {
    keep = [&](const vault::IssuedVirtualKey& issued) {
      return vault::Idempotent{(*key)->key, (*key)->body, issued_json(change.request(), issued.row, std::nullopt)};
    };
  }
  const auto issued = change.registry().issue_virtual_key(wanted, change.actor(), keep);
  if (!issued) return std::unexpected(from_registry(issued.error(), "tenant"));
  if (issued->row.tenant) change.tell(*issued->row.tenant);
  return json_response(issued_json(change.request(), issued->row, issued->key.reveal()));
}

Answer revoke_virtual_key(const Change& change) {
  BodyReader in(change.body);
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  const auto id = vault::parse_key_id(change.last);
  if (!id) return std::unexpected(from_registry({Code::not_found, {}, {}}, "virtual key that is in force"));
  const auto row = change.registry().revoke_virtual_key(*id, change.actor());
  if (!row) return std::unexpected(from_registry(row.error(), "virtual key that is in force"));
  if (row->tenant) change.tell(*row->tenant);
  std::string out;
  JsonObject object(out);
  object.text("id", vault::key_id_text(row->id));
  object.boolean("revoked", true);
  append_row(object.member("row"), change.request(), *row);
  object.end();
  return json_response(std::move(out));
}

Answer list_virtual_keys(const ApiRequest& request) {
  const auto query = Query::parse(request.query, query_members(*request.match.route));
  if (!query) return refuse(query.error());
  const auto revoked = query->find("include_revoked").value_or("true");
  if (revoked != "true" && revoked != "false")
    return refuse(Code::invalid_request, "The query parameter \"include_revoked\" is true or false.");
  const auto wanted = read_key_page(*query, ListOf::virtual_keys);
  if (!wanted) return std::unexpected(wanted.error());
  const auto which = revoked == "true" ? vault::VirtualKeys::all : vault::VirtualKeys::in_force;
  const auto page = request.registry->virtual_keys(*wanted, which);
  if (!page) return std::unexpected(from_registry(page.error(), "virtual key"));
  std::string out;
  JsonObject object(out);
  object.member("keys") += '[';
  append_list(out, page->rows, [&](const vault::VirtualKeyRow& row) { append_row(out, request, row); });
  out += ']';
  add_next_cursor(object, ListOf::virtual_keys, place_of(page->next));
  object.end();
  return json_response(std::move(out));
}

}  // namespace talon::gateway
