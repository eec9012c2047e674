// Provider keys and API keys of a tenant.
#include "gateway/api/account_keys.h"

#include <algorithm>

#include "core/text.h"
#include "gateway/api/account_json.h"
#include "gateway/api/paging.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::int64_t k_longest_timeout_s = 600, k_most_retries = 10, k_most_days = 36'500;

/// The tier's count of something is used up.
Refusal used_up(Code code, const core::Tier& tier, std::string_view what, std::int64_t limit, std::size_t current) {
  return {{code,
           "The limit of the tier \"" + tier.name + "\" for " + std::string(what) + " is " + std::to_string(limit) +
               "; in use: " + std::to_string(current) + ".",
           {}},
          {{"tier", json_quote(tier.name)}, {"limit", std::to_string(limit)}, {"current", std::to_string(current)}},
          {}};
}

std::int64_t usual_timeout_s(const Snapshot& snapshot, std::string_view provider) {
  const auto* known = snapshot.provider(provider);
  return known == nullptr ? k_longest_timeout_s
                          : std::chrono::duration_cast<std::chrono::seconds>(known->config.timeout).count();
}

std::vector<std::string_view> provider_names(const core::Config& config) {
  std::vector<std::string_view> names(std::begin(core::k_built_in_providers), std::end(core::k_built_in_providers));
  for (const auto& provider : config.providers) {
    if (std::ranges::find(names, provider.name) == names.end()) names.push_back(provider.name);
  }
  return names;
}

Refusal unknown_provider(const core::Config& config, const std::string& name) {
  std::string known;
  for (const auto provider : provider_names(config)) known.append(known.empty() ? "" : ", ").append(provider);
  return {{Code::invalid_request,
           "The provider \"" + core::record_text(name) + "\" in the path is not known here; known are " + known + '.',
           {}},
          {{"param", "\"provider\""}},
          {}};
}

void append_models(std::string& out, const ApiRequest& request, const vault::ProviderKeyRow& row) {
  const auto quoted = [&out](const std::string& model) { append_json_quoted(out, model); };
  out += '[';
  if (!row.models.empty()) {
    append_list(out, row.models, quoted);
  } else {  // no probe has answered yet
    std::vector<std::string> models;
    for (const auto& price : request.snapshot->prices().rows()) {
      if (price.provider == row.provider && std::ranges::find(models, price.model) == models.end())
        models.push_back(price.model);
    }
    append_list(out, models, quoted);
  }
  out += ']';
}

}  // namespace

Answer put_provider_key(const Change& change) {
  if (!change.config().knows_provider(change.last))
    return std::unexpected(unknown_provider(change.config(), change.last));
  BodyReader in(change.body);
  vault::NewProviderKey wanted;
  wanted.provider = change.last;
  wanted.api_key = in.provider_key("api_key");
  if (auto config = in.optional_object("config")) {
    wanted.timeout_s = config->optional_integer("timeout", 1, k_longest_timeout_s).value_or(0);
    wanted.max_retries = config->optional_integer("max_retries", 0, k_most_retries).value_or(0);
    if (config->has("base_url")) {
      static_cast<void>(config->optional_name("base_url"));
      config->refuse("base_url", "is the operator's to set: it would let a tenant aim the gateway at other addresses.");
    }
    if (auto problem = config->problem()) return std::unexpected(*std::move(problem));
  }
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));

  const auto known = change.known();
  if (!known) return std::unexpected(known.error());
  const auto rows = change.registry().provider_keys(*change.tenant);
  if (!rows) return std::unexpected(from_registry(rows.error(), "tenant"));
  const auto* tier = tier_of(change.request(), known->row);
  const bool replaces = std::ranges::any_of(*rows, [&](const auto& row) { return row.provider == wanted.provider; });
  if (!replaces && tier != nullptr && tier->max_providers && std::ssize(*rows) >= *tier->max_providers)
    return std::unexpected(
        used_up(Code::provider_limit_exceeded, *tier, "providers", *tier->max_providers, rows->size()));

  const auto stored = change.registry().put_provider_key(*change.tenant, std::move(wanted), change.actor());
  if (!stored) return std::unexpected(from_registry(stored.error(), "tenant"));
  change.tell(*change.tenant);
  const auto timeout = usual_timeout_s(*change.request().snapshot, stored->provider);
  return answer_with(201, provider_key_json(*change.tenant, *stored, timeout));
}

Answer remove_provider(const Change& change) {
  BodyReader in(change.body);
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  if (const auto known = change.known(); !known) return std::unexpected(known.error());
  const auto removed = change.registry().remove_provider(*change.tenant, change.last, change.actor());
  if (!removed) return std::unexpected(from_registry(removed.error(), "provider key"));
  change.tell(*change.tenant);
  return nothing_left();
}

Answer create_api_key(const Change& change) {
  BodyReader in(change.body);
  vault::NewApiKey wanted;
  wanted.name = in.name("name");
  if (const auto days = in.optional_integer("expires_in_days", 1, k_most_days))
    wanted.expires = core::Instant{change.now().micros + *days * core::k_micros_per_day};
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));

  const auto key = replay_key(change.admin);
  if (!key) return std::unexpected(key.error());
  auto replayed = replay(change.admin, *key);
  if (!replayed) return std::unexpected(replayed.error());
  if (*replayed) return **std::move(replayed);

  const auto known = change.known();
  if (!known) return std::unexpected(known.error());
  if (const auto* tier = tier_of(change.request(), known->row); tier != nullptr && tier->max_api_keys) {
    const auto rows = change.registry().api_keys(*change.tenant);
    if (!rows) return std::unexpected(from_registry(rows.error(), "tenant"));
    const auto live = std::ranges::count_if(
        *rows, [now = change.now()](const auto& row) { return !row.expires || now < *row.expires; });
    if (live >= *tier->max_api_keys) {
      return std::unexpected(used_up(Code::api_key_limit_exceeded, *tier, "API keys", *tier->max_api_keys,
                                     static_cast<std::size_t>(live)));
    }
  }
  vault::Registry::KeyAnswerOf keep;
  if (*key) {
    keep = [&](const vault::IssuedKey& issued) {
      return vault::Idempotent{(*key)->key, (*key)->body, issued_api_key_json(issued.row, std::nullopt)};
    };
  }
  const auto issued = change.registry().create_api_key(*change.tenant, wanted, change.actor(), keep);
  if (!issued) return std::unexpected(from_registry(issued.error(), "tenant"));
  change.tell(*change.tenant);
  return answer_with(201, issued_api_key_json(issued->row, issued->key.reveal()));
}

Answer revoke_api_key(const Change& change) {
  BodyReader in(change.body);
  if (auto problem = in.problem()) return std::unexpected(*std::move(problem));
  if (const auto known = change.known(); !known) return std::unexpected(known.error());
  const auto id = vault::parse_key_id(change.last);
  if (!id) return std::unexpected(from_registry({Code::not_found, {}, {}}, "API key"));
  const auto revoked = change.registry().revoke_api_key(*change.tenant, *id, change.actor());
  if (!revoked) return std::unexpected(from_registry(revoked.error(), "API key"));
  change.tell(*change.tenant);
  return nothing_left();
}

Answer list_providers(const ApiRequest& request, const core::TenantId& tenant) {
  auto rows = request.registry->provider_keys(tenant);
  if (!rows) return std::unexpected(from_registry(rows.error(), "tenant"));
  std::ranges::sort(*rows, {}, [](const auto& row) { return row.created.micros; });
  std::string out;
  JsonObject object(out);
  object.member("providers") += '[';
  append_list(out, *rows, [&](const vault::ProviderKeyRow& row) {
    JsonObject provider(out);
    provider.text("provider_id", row.provider);
    append_models(provider.member("models"), request, row);
    provider.text("status", row.healthy ? "active" : "unhealthy");
    if (row.last_check) provider.seconds("last_health_check", row.last_check);
    provider.end();
  });
  out += ']';
  object.end();
  return json_response(std::move(out));
}

Answer list_api_keys(const ApiRequest& request, const core::TenantId& tenant) {
  const auto query = Query::parse(request.query, query_members(*request.match.route));
  if (!query) return refuse(query.error());
  const auto wanted = read_key_page(*query, ListOf::api_keys);
  if (!wanted) return std::unexpected(wanted.error());
  const auto page = request.registry->api_keys(tenant, *wanted);
  if (!page) return std::unexpected(from_registry(page.error(), "tenant"));
  std::string out;
  JsonObject object(out);
  object.member("api_keys") += '[';
  append_list(out, page->rows, [&out](const vault::ApiKeyRow& row) { append_api_key(out, row); });
  out += ']';
  add_next_cursor(object, ListOf::api_keys, place_of(page->next));
  object.end();
  return json_response(std::move(out));
}

}  // namespace talon::gateway
