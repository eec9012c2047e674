// Which provider takes a model, and where there.
#include "gateway/provider/call.h"

namespace talon::gateway {
namespace {

using core::Code;

const Provider* on(const Provider* provider) noexcept {
  return provider != nullptr && provider->on ? provider : nullptr;
}

const Provider* only_one_on(const Snapshot& snapshot) noexcept {
  const Provider* only = nullptr;
  for (const auto& provider : snapshot.providers) {
    if (!provider.on) continue;
    if (only != nullptr) return nullptr;
    only = &provider;
  }
  return only;
}

}  // namespace

std::expected<const Provider*, Refusal> choose_provider(const Snapshot& snapshot, const CallView& view) {
  if (!snapshot.any_provider_on())
    return refuse(Code::no_provider_configured,
                  "No provider is configured; the operator of this gateway has to give one a key.");
  if (view.provider) {
    const auto* named = snapshot.provider(*view.provider);
    if (named == nullptr)
      return refuse(Code::invalid_request, "The provider \"" + *view.provider + "\" is not configured here.");
    if (!named->on)
      return refuse(Code::no_provider_configured, "The provider \"" + *view.provider +
                                                      "\" is off; the operator of this gateway has to give it a key.");
    return named;
  }
  const auto model = view.model.value_or(std::string());
  // The price table may have the name under several providers: the first of them that is on.
  for (const auto& provider : snapshot.providers) {
    if (provider.on && snapshot.prices().find(provider.config.name, model) != nullptr) return &provider;
  }
  if (const auto* fallback = on(snapshot.provider(snapshot.loaded.config.default_provider))) return fallback;
  if (const auto* only = only_one_on(snapshot)) return only;
  return refuse(Code::invalid_request, "No provider is known for the model \"" + model +
                                           "\"; name one in \"provider\" or set gateway.default_provider.");
}

std::string upstream_target(const Provider& provider, Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::chat_completions:
      return provider.base_path + "/chat/completions";
    case Endpoint::completions:
      return provider.base_path + "/completions";
    case Endpoint::embeddings:
      return provider.base_path + "/embeddings";
    case Endpoint::proxy:
      break;
  }
  return provider.base_path;  // a proxied call has its own target: ProxyTarget::target
}

}  // namespace talon::gateway
