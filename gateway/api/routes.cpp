// The route table. Order matters where a fixed segment and a parameter stand in the same place: the
// fixed one comes first.
#include "gateway/api/routes.h"

#include <array>

namespace talon::gateway {
namespace {

constexpr std::array k_routes = {
    Route{RouteId::chat_completions, RouteKind::governed, "POST", "/v1/chat/completions"},
    Route{RouteId::completions, RouteKind::governed, "POST", "/v1/completions"},
    Route{RouteId::embeddings, RouteKind::governed, "POST", "/v1/embeddings"},
    Route{RouteId::proxy, RouteKind::governed, "*", "/v1/proxy/{provider}/{path…}"},
    Route{RouteId::models, RouteKind::data, "GET", "/v1/models"},
    Route{RouteId::evidence_list, RouteKind::read, "GET", "/v1/evidence"},
    Route{RouteId::evidence_export, RouteKind::read, "GET", "/v1/evidence/export"},
    Route{RouteId::evidence_checkpoint, RouteKind::read, "GET", "/v1/evidence/checkpoint"},
    Route{RouteId::evidence_show, RouteKind::read, "GET", "/v1/evidence/{id}"},
    Route{RouteId::costs, RouteKind::read, "GET", "/v1/costs"},
    Route{RouteId::healthz, RouteKind::operations, "GET", "/healthz"},
    Route{RouteId::readyz, RouteKind::operations, "GET", "/readyz"},
};

/// `{name}` takes one segment that is not empty; `{name…}` takes the rest, which may hold slashes.
bool fits(std::string_view pattern, std::string_view path, RouteMatch& match) noexcept {
  while (!pattern.empty()) {
    const auto brace = pattern.find('{');
    const auto fixed = pattern.substr(0, brace);
    if (!path.starts_with(fixed)) return false;
    path.remove_prefix(fixed.size());
    if (brace == std::string_view::npos) return path.empty();
    const auto close = pattern.find('}', brace);
    const bool takes_rest = pattern.substr(brace, close - brace).ends_with("…");
    const auto value = takes_rest ? path : path.substr(0, path.find('/'));
    if (value.empty()) return false;
    (match.first.empty() ? match.first : match.rest) = value;
    path.remove_prefix(value.size());
    pattern.remove_prefix(close + 1);
  }
  return path.empty();
}

/// TRACE would echo credentials, CONNECT would open a tunnel: no route takes them.
constexpr std::string_view k_any_method = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

bool takes(std::string_view route_method, std::string_view method) noexcept {
  if (route_method == "*") return method != "TRACE" && method != "CONNECT";
  return method == route_method || (route_method == "GET" && method == "HEAD");
}

std::string_view allowed(std::string_view route_method) noexcept {
  if (route_method == "*") return k_any_method;
  return route_method == "GET" ? "GET, HEAD" : route_method;
}

}  // namespace

std::span<const Route> routes() noexcept { return k_routes; }

RouteMatch match(std::string_view method, std::string_view path) noexcept {
  for (const auto& route : k_routes) {
    RouteMatch found;
    if (!fits(route.pattern, path, found)) continue;
    // Every path has one row, so the first that fits decides.
    if (!takes(route.method, method)) {
      found.allow = allowed(route.method);
      return found;
    }
    found.route = &route;
    return found;
  }
  return {};
}

}  // namespace talon::gateway
