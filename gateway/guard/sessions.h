// Sessions: which session a call belongs to, and whose it is, decided in memory (interfaces.md §3, "Sessions").
//
// Each tenant has its own id space; unscoped and static keys share the operator's, where a session belongs to nobody
// until a tagged call is admitted to it: its tenant has it for ever. The journal makes that durable with the call's
// record (vault/journal/writer_attribution.cpp). What is not in memory is loaded from the vault; whoever holds a
// SessionRef until its record is committed keeps it here, so memory is never behind the disk.
//
//   auto session = sessions.find(space, id);                 // nullptr: not in memory
//   … on the look-up or the opening thread: session = sessions.load(vault, space, id) …
//   const auto tenant = sessions.claim(session, tag);        // last step of admission: whose it is from now on
//
// Thread rule: any thread; one lock, held for a look-up. load() blocks (LMDB). Bounded: k_most sessions, those that no
// call holds go first.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/error.h"
#include "core/tenant_id.h"
#include "gateway/snapshot.h"
#include "vault/vault.h"

namespace talon::gateway {

/// One session as its calls share it. Members do not change, but for `tenant`, which is the directory's.
class SessionState {
 public:
  SessionState(std::string id, std::string project, bool shared, std::optional<core::TenantId> tenant)
      : id(std::move(id)), project(std::move(project)), shared(shared), tenant_(std::move(tenant)) {}
  const std::string id;       ///< as it was named first; a uid leads to it
  const std::string project;  ///< empty: the default one
  const bool shared;          ///< in the operator's space

 private:
  friend class Sessions;
  std::optional<core::TenantId> tenant_;  ///< under the directory's lock
};
using SessionRef = std::shared_ptr<SessionState>;

/// The id space of a key: its tenant's log, or LogName::unattributed() for the operator's.
[[nodiscard]] core::LogName session_space(const Caller& caller);

class Sessions {
 public:
  static constexpr std::size_t k_most = 65'536;

  [[nodiscard]] SessionRef find(const core::LogName& space, std::string_view id) const;
  /// The session that this id or uid means in this space; where there is none a new one, of this project (empty: the
  /// default one). Error: what the vault says.
  [[nodiscard]] core::Result<SessionRef> load(const vault::Vault& vault, const core::LogName& space,
                                              std::string_view id, std::string_view project = {});
  /// The session of a tagged call of the operator's space that names none: its own, and its tenant's.
  [[nodiscard]] SessionRef open_own(const std::string& id, const core::TenantId& tenant);
  [[nodiscard]] std::optional<core::TenantId> tenant_of(const SessionState& session) const;
  /// A session of the operator's that is nobody's becomes `tag`'s; whose it is then. A tenant's own stays as it is.
  [[nodiscard]] std::optional<core::TenantId> claim(SessionState& session, const std::optional<core::TenantId>& tag);

 private:
  [[nodiscard]] static std::string key_of(const core::LogName& space, std::string_view id);
  [[nodiscard]] SessionRef keep(std::string key, SessionRef session);
  void keep_alias(std::string key, const SessionRef& session);
  void make_room();

  mutable std::mutex mutex_;
  std::unordered_map<std::string, SessionRef> sessions_;  ///< under mutex_; by space and id
  std::unordered_map<std::string, std::weak_ptr<SessionState>>
      aliases_;         ///< under mutex_: uids, and ids of joined ones
  std::mutex loading_;  ///< held while one is loaded
};

}  // namespace talon::gateway
