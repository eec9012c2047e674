#include "gateway/api/idempotency.h"

#include <algorithm>

#include "gateway/api/access.h"
#include "gateway/api/read_scope.h"

namespace talon::gateway {
namespace {
using core::Code;
}

std::expected<std::optional<ReplayKey>, Refusal> replay_key(const AdminRequest& request) {
  const auto& fields = *request.request.fields;
  const auto text = fields.find("Idempotency-Key");
  if (!text) return std::nullopt;
  constexpr std::size_t k_longest = 255;
  const bool visible = std::ranges::all_of(*text, [](char c) { return c >= '!' && c <= '~'; });
  if (text->empty() || text->size() > k_longest || !visible || fields.count("Idempotency-Key") > 1)
    return refuse(Code::invalid_request, "An Idempotency-Key is one text of 1 to 255 visible ASCII characters.");
  // A line feed stands in none of the parts: two requests cannot have one key by cutting them elsewhere.
  ReplayKey key;
  key.key = actor_of(*request.request.caller).name;
  key.key += '\n';
  key.key += request.request.match.route->name;
  key.key += '\n';
  key.key += request.request.match.first;
  key.key += '\n';
  key.key += *text;
  key.body = vault::sha256(request.body);
  return key;
}

std::expected<std::optional<Response>, Refusal> replay(const AdminRequest& request,
                                                       const std::optional<ReplayKey>& key) {
  if (!key) return std::nullopt;
  const auto kept = request.registry->kept_answer(key->key);
  if (!kept) return std::unexpected(from_registry(kept.error(), "answer"));
  if (!*kept) return std::nullopt;
  if ((*kept)->body != key->body) {
    return refuse(Code::idempotency_conflict,
                  "This Idempotency-Key was sent before with another body; a new request takes a new one.");
  }
  auto response = json_response((*kept)->answer);
  response.fields.emplace_back("Idempotent-Replay", "true");
  return response;
}

}  // namespace talon::gateway
