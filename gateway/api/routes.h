// The one route table: dispatch, `405 Allow`, and who may call what are read from it (interfaces.md §3–4).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace talon::gateway {

enum class RouteKind : std::uint8_t {
  governed,    ///< a call to a provider: chat, completions, embeddings, proxy
  data,        ///< data plane, answered here: models
  read,        ///< a tenant's own evidence and costs; admin with ?tenant=
  operations,  ///< open without a key: healthz, readyz
};

enum class RouteId : std::uint8_t {
  chat_completions,
  completions,
  embeddings,
  proxy,
  models,
  evidence_list,
  evidence_show,
  evidence_export,
  evidence_checkpoint,
  costs,
  healthz,
  readyz,
};

struct Route {
  RouteId id;
  RouteKind kind;
  std::string_view method;   ///< "GET" (also serves HEAD), "POST", "*" for any
  std::string_view pattern;  ///< "/v1/evidence/{id}", "/v1/proxy/{provider}/{path…}"
};

[[nodiscard]] std::span<const Route> routes() noexcept;

struct RouteMatch {
  const Route* route = nullptr;  ///< nullptr: no such path (404), or the path with other methods (allow)
  std::string_view allow;        ///< "GET, HEAD" when the path exists but not the method (405)
  std::string_view first, rest;  ///< percent-encoded path parameters
};
[[nodiscard]] RouteMatch match(std::string_view method, std::string_view path) noexcept;

}  // namespace talon::gateway
