// What a governed call asks for, read from its body once (simdjson's first stage, then a walk over the
// tokens: json_cursor.h): UTF-8, the brackets and commas of the whole body, and the members we read are
// validated; all other values pass as raw text for the provider to judge. Pure functions over bytes.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/evidence_record.h"
#include "core/price.h"
#include "core/tier.h"
#include "gateway/http/error_envelope.h"
#include "gateway/http/message.h"
#include "gateway/snapshot.h"
#include "vault/registry/account.h"

namespace talon::gateway {

enum class Endpoint : std::uint8_t { chat_completions, completions, embeddings, proxy };
[[nodiscard]] std::string_view pattern(Endpoint endpoint) noexcept;  ///< "/v1/chat/completions"

/// A region of the body that must go, or where text must be put, before it is forwarded.
struct Edit {
  std::size_t at = 0;
  std::size_t remove = 0;
  std::string insert;
};

struct CallView {
  std::optional<std::string> model;
  bool stream = false;
  std::int64_t n = 1;
  std::int64_t prompts = 1;                 ///< /v1/completions (and proxied): each has n answers of its own
  std::int64_t best_of = 1;                 ///< … made for each, of which n are sent; all are billed
  std::optional<std::int64_t> max_tokens;   ///< max_completion_tokens, else max_tokens
  std::optional<std::string> tenant;        ///< our own member
  std::optional<std::string> provider;      ///< our own member
  bool client_wants_usage = false;          ///< stream_options.include_usage was true already
  bool json_object = false;                 ///< the body is one (always, but for Endpoint::proxy)
  std::string special;                      ///< our own member that asks for more than one plain answer; empty: none
  std::optional<core::Feature> feature;     ///< the feature of a tier that `special` is; nullopt: of no tier
  std::vector<std::string> provider_state;  ///< members naming provider-side state, at any depth (T13)
  std::vector<Edit> edits;                  ///< in order, for `forwarded_body`; empty: forward as received
};

/// The padding simdjson needs behind the body's end.
inline constexpr std::size_t k_body_padding = 64;

/// `body` is followed by k_body_padding readable bytes. Refusals: 400 invalid_json / invalid_request /
/// model_required naming the member: not an object, invalid UTF-8, NUL, too deep, a duplicate or
/// case-variant of a member we read, a wrong type. null counts as absent. For Endpoint::proxy a body that
/// does not begin like a JSON object is no refusal: the view is empty; and no member is read as ours or
/// edited (also not to ask for usage).
[[nodiscard]] std::expected<CallView, Refusal> inspect(Endpoint endpoint, std::string_view body);

/// The body with the edits applied (own members removed, include_usage asked for).
[[nodiscard]] std::string forwarded_body(std::string_view body, const CallView& view);

/// A provider, and the key it is called with.
struct Chosen {
  const Provider* provider = nullptr;
  const vault::ProviderCredential* credential = nullptr;  ///< the tenant's own; nullptr: the operator's
};
/// As what this tenant can call the provider; Chosen::provider is nullptr where it cannot.
[[nodiscard]] Chosen usable(const Provider& provider, const vault::Account* account) noexcept;
/// Which provider takes a model (interfaces.md §1, "A model goes to"). A tenant's own key goes before the operator's;
/// an account of own credentials has no other. `account`: nullptr if there is none. Refusals: 503
/// no_provider_configured, 400 invalid_request naming the model or the provider.
[[nodiscard]] std::expected<Chosen, Refusal> choose_provider(const Snapshot& snapshot, const vault::Account* account,
                                                             const CallView& view);
/// The provider that a proxied path names. Refusals: 404 if it is not known, 503 no_provider_configured.
[[nodiscard]] std::expected<Chosen, Refusal> choose_named(const Snapshot& snapshot, const vault::Account* account,
                                                          std::string_view name);

/// Hold of a call: input price × min(⌈bytes/3⌉, prompts × context window) + output price × prompts × max(n, best_of) ×
/// (max tokens, else min(model's maximum, configured)); embeddings have no output. nullptr row: zero. Rounded up.
[[nodiscard]] core::NanoUsd hold_for(const core::PriceRow* row, const CallView& view, Endpoint endpoint,
                                     std::size_t body_bytes, std::int64_t hold_max_output_tokens);

/// Request target of a data-plane endpoint at the provider, e.g. "/v1/chat/completions".
[[nodiscard]] std::string upstream_target(const Provider& provider, Endpoint endpoint);

/// The parts of `/v1/proxy/{provider}/{path}?{query}`. Refusals: 400 for dot segments, `//`, encoded
/// slashes and broken escapes; 404 for a provider that is not configured, 503 for one that is known but not spoken to.
struct ProxyTarget {
  std::string provider;
  std::string path;    ///< with leading slash, as sent
  std::string target;  ///< path appended to base_url, query kept (without `key`)
};
[[nodiscard]] std::expected<ProxyTarget, Refusal> parse_proxy_target(const Snapshot& snapshot, const RequestHead& head);
/// T13, for the endpoints of our own: 403 provider_path_not_allowed when the body names state that lives
/// at the provider.
[[nodiscard]] std::expected<void, Refusal> check_provider_state(const CallView& view);
/// T13: with the operator's credential only stateless inference POSTs and GET models pass
/// (stateless_paths.h), and only bodies that name no provider-side state. A path that takes JSON takes
/// nothing else: 400 invalid_json.
[[nodiscard]] std::expected<void, Refusal> check_shared_credential(const RequestHead& head, const ProxyTarget& target,
                                                                   const CallView& view);

/// Head of the request to the provider, blank line included: Host, Authorization, Content-Length,
/// traceparent (empty: the client's own passes), `Accept-Encoding: identity` (usage is read from the
/// answer), and the client's end-to-end fields (hop-by-hop, cookie, X-Talon-*, credentials and the names
/// of interfaces.md §4 never cross). `api_key`: empty for a provider that takes none. `content_length` nullopt: the
/// request has no body.
void write_upstream_head(std::string& out, const Provider& provider, const core::Secret& api_key,
                         const RequestHead& head, std::string_view target, std::optional<std::size_t> content_length,
                         std::string_view traceparent);

/// Whose key a provider was called with: what it says of that account is the account's owner's to know.
enum class CredentialOwner : std::uint8_t { gateway, tenant };
/// Which response fields go to the client (T13: organisation, project and rate limits only to the credential's owner;
/// cookies and hop-by-hop never; Retry-After only up to 60 seconds; framing and request ids are written anew).
[[nodiscard]] bool passes_to_client(const Field& field, CredentialOwner owner = CredentialOwner::gateway);

}  // namespace talon::gateway
