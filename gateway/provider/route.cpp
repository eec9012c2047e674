// Which provider takes a model, and where there.
#include "gateway/provider/call.h"

namespace talon::gateway {
namespace {

using core::Code;

Chosen usable(const Provider* provider, const vault::Account* account) noexcept {
  return provider != nullptr ? usable(*provider, account) : Chosen{};
}

/// Of the providers that can be used: the only one, or that there is none.
struct Choice {
  Chosen only;
  std::size_t count = 0;
};
Choice usable_ones(const Snapshot& snapshot, const vault::Account* account) noexcept {
  Choice choice;
  for (const auto& provider : snapshot.providers) {
    const auto chosen = usable(provider, account);
    if (chosen.provider == nullptr) continue;
    choice.only = chosen;
    ++choice.count;
  }
  return choice;
}

std::unexpected<Refusal> not_usable(const Provider& provider, const vault::Account* account) {
  const std::string named = "The provider \"" + provider.config.name + "\" ";
  const bool own = account != nullptr && account->only_own_credentials;
  if (!provider.spoken) return refuse(Code::no_provider_configured, named + "cannot be called by this version.");
  if (own) return refuse(Code::no_provider_configured, named + "has no key of this tenant; bring one to use it.");
  return refuse(Code::no_provider_configured, named + "is off; the operator of this gateway has to give it a key.");
}

/// Providers whose keys tenants may store, but whose dialect is not spoken yet.
std::unexpected<Refusal> not_spoken(std::string_view name) {
  return refuse(Code::no_provider_configured,
                "The provider \"" + std::string(name) + "\" cannot be called by this version.");
}

bool brought_for(const vault::Account* account, const core::PriceTable& prices, std::string_view model,
                 const vault::ProviderCredential*& found) {
  if (account == nullptr) return false;
  for (const auto& credential : account->credentials) {
    if (prices.find(credential.provider, model) == nullptr) continue;
    found = &credential;
    return true;
  }
  return false;
}

}  // namespace

Chosen usable(const Provider& provider, const vault::Account* account) noexcept {
  const auto* own = account != nullptr ? account->credential(provider.config.name) : nullptr;
  if (own != nullptr && provider.spoken) return {&provider, own};
  const bool only_own = account != nullptr && account->only_own_credentials;
  return provider.on && !only_own ? Chosen{&provider, nullptr} : Chosen{};
}

std::expected<Chosen, Refusal> choose_provider(const Snapshot& snapshot, const vault::Account* account,
                                               const CallView& view) {
  const auto choice = usable_ones(snapshot, account);
  if (choice.count == 0) {
    if (account != nullptr && account->only_own_credentials) {
      return refuse(Code::no_provider_configured,
                    account->credentials.empty()
                        ? "No provider is configured for this tenant; store a provider key first."
                        : "None of the providers whose keys this tenant stored can be called by this version.");
    }
    return refuse(Code::no_provider_configured,
                  "No provider is configured; the operator of this gateway has to give one a key.");
  }
  if (view.provider) {
    const auto* named = snapshot.provider(*view.provider);
    if (named == nullptr && snapshot.loaded.config.knows_provider(*view.provider)) return not_spoken(*view.provider);
    if (named == nullptr)
      return refuse(Code::invalid_request, "The provider \"" + *view.provider + "\" is not configured here.");
    const auto chosen = usable(*named, account);
    if (chosen.provider == nullptr) return not_usable(*named, account);
    return chosen;
  }
  const auto model = view.model.value_or(std::string());
  // The price table may have the name under several providers: the first of them that can be used.
  for (const auto& provider : snapshot.providers) {
    if (snapshot.prices().find(provider.config.name, model) == nullptr) continue;
    if (const auto chosen = usable(provider, account); chosen.provider != nullptr) return chosen;
  }
  // The tenant brought a key for it, so it is not another provider's.
  const vault::ProviderCredential* brought = nullptr;
  if (brought_for(account, snapshot.prices(), model, brought)) return not_spoken(brought->provider);
  if (const auto chosen = usable(snapshot.provider(snapshot.loaded.config.default_provider), account);
      chosen.provider != nullptr)
    return chosen;
  if (choice.count == 1) return choice.only;
  return refuse(Code::invalid_request, "No provider is known for the model \"" + model +
                                           "\"; name one in \"provider\" or set gateway.default_provider.");
}

std::expected<Chosen, Refusal> choose_named(const Snapshot& snapshot, const vault::Account* account,
                                            std::string_view name) {
  const auto* named = snapshot.provider(name);
  if (named == nullptr) return not_spoken(name);  // parse_proxy_target() knows it
  const auto chosen = usable(*named, account);
  if (chosen.provider == nullptr) return not_usable(*named, account);
  return chosen;
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
