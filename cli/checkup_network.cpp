// talon doctor: providers and certificates.
#include <fmt/format.h>

#include <future>

#include "cli/checkup.h"
#include "gateway/net/reach.h"
#include "gateway/net/tls.h"

namespace talon::cli {
namespace {

using Status = Check::Status;

constexpr std::chrono::milliseconds k_patience{3'000};
constexpr std::int64_t k_soon = 14 * core::k_micros_per_day;

/// When the certificate ends; its key must be its own.
core::Result<core::Instant> end_of_identity(const std::string& certificate, const std::string& private_key) {
  if (const auto pair = gateway::TlsIdentity::load(certificate, private_key); !pair) return core::fail(pair.error());
  return gateway::certificate_end(certificate);
}

}  // namespace

void check_providers(const vault::LoadedConfig& loaded, Checks& checks) {
  std::vector<std::future<core::Result<void>>> answers;
  const auto& providers = loaded.config.providers;
  for (std::size_t i = 0; i < providers.size(); ++i) {
    if (!loaded.providers[i].on()) {
      answers.emplace_back();
      continue;
    }
    answers.push_back(
        std::async(std::launch::async, [&url = providers[i].base_url] { return gateway::reach(url, k_patience); }));
  }
  std::size_t on = 0;
  for (std::size_t i = 0; i < providers.size(); ++i) {
    const auto id = "provider:" + providers[i].name;
    if (!answers[i].valid()) {
      checks.push_back(
          {id, Status::skip, "off: " + loaded.providers[i].off_because, "set it, if this provider is to serve"});
      continue;
    }
    ++on;
    if (const auto reached = answers[i].get(); reached) {
      checks.push_back({id, Status::pass, "reached " + providers[i].base_url, ""});
    } else {
      checks.push_back({id, Status::fail, reached.error().message,
                        "check base_url, the name service, the firewall and the certificate"});
    }
  }
  if (on == 0)
    checks.push_back({"providers", Status::warn, "no provider is on; calls without a key of the tenant's own get 503",
                      "give one its api_key: talon.yaml(5)"});
}

void check_certificates(const core::Config& config, core::Instant now, Checks& checks) {
  for (const auto* addresses : {&config.listen, &config.admin_listen}) {
    for (const auto& address : *addresses) {
      if (!address.tls) continue;
      const auto id = "certificate:" + address.text;
      const auto& file = address.tls->certificate;
      const auto end = end_of_identity(file, address.tls->private_key);
      if (!end) {
        checks.push_back({id, Status::fail, end.error().message, "name a certificate and its own key, both PEM"});
        continue;
      }
      const auto message = fmt::format("{} is good until {}", file, core::to_rfc3339_seconds(*end));
      const std::string remedy = "renew it, then: systemctl reload talon";
      if (*end <= now) {
        checks.push_back(
            {id, Status::fail, fmt::format("{} ended at {}", file, core::to_rfc3339_seconds(*end)), remedy});
      } else {
        const bool soon = end->micros - now.micros < k_soon;
        checks.push_back({id, soon ? Status::warn : Status::pass, message, soon ? remedy : ""});
      }
    }
  }
}

}  // namespace talon::cli
