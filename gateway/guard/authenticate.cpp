// Authentication: the one key a request carries, looked up by its keyed digest.
#include "gateway/guard/authenticate.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr const char* k_how_to_send = "Send it as \"Authorization: Bearer KEY\" or \"x-api-key: KEY\".";

std::unexpected<Refusal> unauthorized(std::string sentence) {
  return refuse(Code::invalid_key, std::move(sentence) + " " + k_how_to_send);
}

/// RFC 6750 §2.1: the scheme's name has no case, one or more spaces follow it.
std::optional<std::string_view> bearer_token(std::string_view value) {
  constexpr std::string_view k_scheme = "Bearer";
  if (value.size() <= k_scheme.size() || value[k_scheme.size()] != ' ') return std::nullopt;
  if (!equal_names(value.substr(0, k_scheme.size()), k_scheme)) return std::nullopt;
  value.remove_prefix(k_scheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
}

bool looks_like_a_providers(std::string_view key) {
  for (const std::string_view shape : {"sk-proj-", "sk-ant-", "sk-svcacct-", "AIza"}) {
    if (key.starts_with(shape)) return true;
  }
  return false;
}

}  // namespace

std::expected<std::string_view, Refusal> presented_key(const Fields& fields) {
  std::string_view key;
  for (const auto& [name, value] : fields) {
    std::string_view candidate;
    if (equal_names(name, "authorization")) {
      const auto token = bearer_token(value);
      if (!token) return unauthorized("The Authorization field holds no bearer key.");
      candidate = *token;
    } else if (equal_names(name, "x-api-key")) {
      candidate = value;
    } else {
      continue;
    }
    if (candidate.empty()) return unauthorized("An empty key was sent.");
    if (!key.empty() && candidate != key) return unauthorized("Two different keys were sent; one request has one key.");
    key = candidate;
  }
  if (key.empty()) return unauthorized("No key was sent.");
  return key;
}

std::expected<const Caller*, Refusal> find_caller(const Snapshot& snapshot, const KeyDigest& digest,
                                                  std::string_view key) {
  if (const auto found = snapshot.keys.find(digest); found != snapshot.keys.end())
    return &snapshot.callers[found->second];
  if (looks_like_a_providers(key)) {
    return unauthorized(
        "This looks like a provider's own key; use the key that the operator of this gateway gave you.");
  }
  return unauthorized("This key is not known here.");
}

std::expected<const Caller*, Refusal> authenticate(const Snapshot& snapshot, const vault::Vault& vault,
                                                   const Fields& fields) {
  const auto key = presented_key(fields);
  if (!key) return std::unexpected(key.error());
  return find_caller(snapshot, vault.key_digest(*key), *key);
}

}  // namespace talon::gateway
