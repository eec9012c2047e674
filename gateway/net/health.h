// Health: whether the provider keys that tenants brought work. Two sources: what real calls were answered, and a light
// probe (GET models with the tenant's key) soon after a key was stored and now and then while it is in use. Known by
// `status` and `last_health_check` of a tenant's providers; written through the registry, rarely.
//
// Nothing waits for it: it has a loop and a thread of its own. A provider that cannot be reached says nothing about a
// key. Bounds: k_probes at a time, k_waiting tenants wait, k_known keys are remembered.
//
// Thread rule: any thread. It must go before the reader and the admin thread do.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/time.h"
#include "gateway/net/loop.h"
#include "gateway/net/reader_thread.h"
#include "gateway/net/upstream.h"
#include "gateway/snapshot.h"
#include "vault/registry/registry.h"

namespace talon::gateway {

/// What an answer says about the key it was asked with; nullopt: nothing.
[[nodiscard]] std::optional<bool> key_works(int status) noexcept;
/// The ids of an answer to GET models, `{"data":[{"id":"…"},…]}`; empty when it is none. At most k_most_models.
/// `body` is followed by k_body_padding readable bytes.
inline constexpr std::size_t k_most_models = 1'000;
[[nodiscard]] std::vector<std::string> models_of(std::string_view body);

class Health {
 public:
  static constexpr std::size_t k_probes = 4;
  static constexpr std::size_t k_waiting = 1'024;
  static constexpr std::size_t k_known = 100'000;

  struct Parts {
    vault::Registry& registry;
    ReaderThread& reader;
    ReaderThread& admin;
    Resolver& resolver;
    const TlsContext& tls;
    const core::Clock& clock;
  };
  Health(const Parts& parts, SnapshotRef snapshot);
  /// Ends probes that run.
  ~Health();

  /// The generation whose providers are probed from now on.
  void adopt(SnapshotRef snapshot);
  /// Something about the tenant's account changed: keys that were never looked at are probed.
  void account_changed(const core::TenantId& tenant);
  /// A call of the tenant was answered. Cheap: it writes when the answer is news, else at most every ten minutes.
  void answered(const core::TenantId& tenant, const vault::IdBytes& credential, int status);

 private:
  struct Known {
    core::TenantId tenant;
    bool works = true;
    std::int64_t noted_us = 0;
  };
  enum class Which : std::uint8_t { unchecked, all };
  struct Errand {
    core::TenantId tenant;
    Which which;
  };
  struct Keys {
    vault::AccountRef account;
    std::vector<vault::ProviderKeyRow> rows;
  };

  void send(Errand errand);
  /// An answer told about this key since the start; it may not be written yet.
  [[nodiscard]] bool was_heard_of(const vault::IdBytes& credential);
  void patrol();
  void tick();
  Task<> run_errands();
  Task<> probe_account(Errand errand, Interrupts& interrupts);
  Task<> probe(core::TenantId tenant, const Provider& provider, const vault::ProviderCredential& credential,
               Interrupts& interrupts);
  void note(const core::TenantId& tenant, const vault::IdBytes& credential, bool works,
            std::vector<std::string> models);

  Parts parts_;
  std::mutex mutex_;
  SnapshotRef snapshot_;                   ///< under mutex_
  std::map<vault::IdBytes, Known> known_;  ///< under mutex_
  Loop loop_;
  // The loop's own:
  UpstreamPools pools_;
  std::deque<Errand> errands_;
  std::vector<Interrupts*> running_;
  std::set<vault::IdBytes> probing_;  ///< keys that are asked about now
  std::int64_t patrolled_ms_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace talon::gateway
