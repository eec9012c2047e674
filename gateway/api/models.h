// `GET /v1/models`: what can be asked for here; never the provider account's own list.
#pragma once

#include <expected>

#include "gateway/api/reads.h"

namespace talon::gateway {

/// OpenAI's list object: the priced models of the providers that are on. Refusals: attribute()'s (403
/// wrong_key_kind for the admin key, 403 tenant_mismatch, 400 for ids), 400 for query members.
[[nodiscard]] std::expected<Response, Refusal> list_models(const ApiRequest& request);

}  // namespace talon::gateway
