// The endpoints under /v1/evidence.
#pragma once

#include <expected>

#include "gateway/api/reads.h"

namespace talon::gateway {

/// `GET /v1/evidence?limit&cursor&from&to&outcome&order&tenant`
[[nodiscard]] std::expected<Response, Refusal> list_evidence(const ApiRequest& request);
/// `GET /v1/evidence/{id}?tenant`
[[nodiscard]] std::expected<Response, Refusal> show_evidence(const ApiRequest& request);
/// `GET /v1/evidence/checkpoint?tenant`
[[nodiscard]] std::expected<Response, Refusal> sign_checkpoint(const ApiRequest& request);

}  // namespace talon::gateway
