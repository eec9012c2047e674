// `/v1/proxy/{provider}/{path}?{query}`: where it goes, and what the operator's credential may reach.
#include <algorithm>

#include "core/text.h"
#include "gateway/http/target.h"
#include "gateway/provider/call.h"
#include "gateway/provider/stateless_paths.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::string_view k_prefix = "/v1/proxy/";

/// nullptr, or why the path could mean different things to different readers.
const char* ambiguous(std::string_view path) {
  if (path.find("//") != std::string_view::npos) return "it has an empty segment (\"//\")";
  if (path.find('\\') != std::string_view::npos) return "it contains a backslash";
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    const auto decoded = core::percent_decode(segment);
    if (!decoded) return "a percent escape is broken";
    if (decoded->find_first_of(std::string_view("/\\\0", 3)) != std::string::npos)
      return "it contains an encoded slash, backslash or NUL";
    const auto name = std::string_view(*decoded).substr(0, decoded->find(';'));
    if (name == "." || name == "..") return "it has a dot segment";
  }
  return nullptr;
}

/// The query without its members named `key` (a credential in Google's manner).
std::string without_key(std::string_view query) {
  std::string kept;
  while (!query.empty()) {
    const auto member = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), member.size() + 1));
    const auto name = core::percent_decode(member.substr(0, member.find('=')));
    if (name && equal_names(*name, "key")) continue;
    if (!kept.empty()) kept += '&';
    kept += member;
  }
  return kept;
}

std::unexpected<Refusal> not_allowed(const RequestHead& head, const ProxyTarget& target) {
  return refuse(Code::provider_path_not_allowed, std::string(head.method) + " " + core::record_text(target.path) +
                                                     " is not open with the operator's credential; only inference that "
                                                     "keeps nothing at the provider and GET /models are.");
}

}  // namespace

std::expected<ProxyTarget, Refusal> parse_proxy_target(const Snapshot& snapshot, const RequestHead& head) {
  auto path = head.path;
  if (!path.starts_with(k_prefix)) return refuse(Code::not_found, "There is nothing here.");
  path.remove_prefix(k_prefix.size());
  const auto slash = std::min(path.find('/'), path.size());
  const auto name = decode_path_parameter(path.substr(0, slash));
  path.remove_prefix(slash);
  if (!name) return refuse(name.error());
  if (path.empty()) return refuse(Code::not_found, "There is nothing here; a path follows the provider's name.");
  if (const auto* why = ambiguous(path))
    return refuse(Code::invalid_request, "The path behind the provider's name is refused: " + std::string(why) + ".");

  const auto* provider = snapshot.provider(*name);
  if (provider == nullptr && snapshot.loaded.config.knows_provider(*name))
    return refuse(Code::no_provider_configured, "The provider \"" + *name + "\" cannot be called by this version.");
  if (provider == nullptr)
    return refuse(Code::not_found, "The provider \"" + core::record_text(*name) + "\" is not configured here.");
  ProxyTarget target{*name, std::string(path), provider->base_path + std::string(path)};
  // A query that needs no change stays as it was, odd forms included.
  if (const auto query = without_key(head.query); !query.empty()) target.target += "?" + query;
  return target;
}

std::expected<void, Refusal> check_provider_state(const CallView& view) {
  if (view.provider_state.empty()) return {};
  std::string names;
  for (const auto& name : view.provider_state) names += (names.empty() ? "\"" : ", \"") + name + "\"";
  return refuse(Code::provider_path_not_allowed, "The body names what is kept at the provider (" + names +
                                                     "); with the operator's credential that is not open.");
}

std::expected<void, Refusal> check_shared_credential(const RequestHead& head, const ProxyTarget& target,
                                                     const CallView& view) {
  const auto* const open = std::ranges::find_if(k_stateless_paths, [&](const StatelessPath& path) {
    return path.method == head.method && path.path == target.path;
  });
  if (open == k_stateless_paths.end()) return not_allowed(head, target);
  if (open->body == BodyForm::json && !view.json_object)
    return refuse(Code::invalid_json, "The body is not a JSON object.");
  return check_provider_state(view);
}

}  // namespace talon::gateway
