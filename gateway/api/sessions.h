// POST and GET /v1/sessions[/{id}] (interfaces.md §3, "Sessions"; §4). A session made here counts as one from then on,
// before it has a call; its tenant is the key's, or the one that the request names. An id that stands in this space
// already answers 200 with what is there, after the tag has filled a tenant that was missing.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "gateway/api/change.h"

namespace talon::gateway {

/// The object of a session, without line feed. Who may not be told what calls cost sees null there.
[[nodiscard]] std::string session_json(const vault::SessionInfo& session, bool with_cost = true);
/// 409, naming the uids of those that an id may mean.
[[nodiscard]] std::unexpected<Refusal> ambiguous_session(const std::vector<vault::SessionInfo>& found);

[[nodiscard]] Answer create_session(const Change& change);
[[nodiscard]] std::expected<Response, Refusal> list_sessions(const ApiRequest& request);
/// 404 for what is not in sight, 409 ambiguous_session (admin keys only) where an id stands in several spaces.
[[nodiscard]] std::expected<Response, Refusal> show_session(const ApiRequest& request);

}  // namespace talon::gateway
