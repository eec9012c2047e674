// See sessions.h.
#include "gateway/guard/sessions.h"

namespace talon::gateway {
namespace {

std::string own_project(const std::string& project) { return project == vault::k_default_project ? "" : project; }

SessionRef state_of(const vault::SessionInfo& stored, bool shared) {
  return std::make_shared<SessionState>(stored.id, own_project(stored.project), shared, stored.tenant);
}

}  // namespace

core::LogName session_space(const Caller& caller) {
  return caller.tenant ? core::LogName::of(*caller.tenant) : core::LogName::unattributed();
}

std::string Sessions::key_of(const core::LogName& space, std::string_view id) {
  std::string key;
  key.reserve(space.bytes().size() + 1 + id.size());
  key = space.bytes();
  key += '\0';  // in no tenant id
  key += id;
  return key;
}

SessionRef Sessions::find(const core::LogName& space, std::string_view id) const {
  const auto key = key_of(space, id);
  const std::lock_guard lock(mutex_);
  if (const auto found = sessions_.find(key); found != sessions_.end()) return found->second;
  if (const auto found = aliases_.find(key); found != aliases_.end()) return found->second.lock();
  return nullptr;
}

core::Result<SessionRef> Sessions::load(const vault::Vault& vault, const core::LogName& space, std::string_view id,
                                        std::string_view project) {
  const std::lock_guard one_by_one(loading_);
  if (auto known = find(space, id)) return known;
  const bool shared = space.is_unattributed();
  const auto operators = core::LogName::unattributed();

  TALON_TRY(stored, vault.stored_session(space, id));
  if (stored) {
    if (stored->id == id) return keep(key_of(space, id), state_of(*stored, shared));
    // By its uid: the session may be in memory under its id.
    auto session = find(space, stored->id);
    if (!session) session = keep(key_of(space, stored->id), state_of(*stored, shared));
    keep_alias(key_of(space, id), session);
    return session;
  }
  if (!shared) {
    // One of the operator's that is the tenant's already.
    auto session = find(operators, id);
    if (!session) {
      TALON_TRY(theirs, vault.stored_session(operators, id));
      const bool joins = theirs && theirs->tenant && theirs->tenant->bytes() == space.bytes();
      if (joins) session = find(operators, theirs->id);
      if (joins && !session) session = keep(key_of(operators, theirs->id), state_of(*theirs, true));
    }
    if (session) {
      const auto tenant = tenant_of(*session);
      if (tenant && tenant->bytes() == space.bytes()) {
        keep_alias(key_of(space, id), session);
        return session;
      }
    }
  }
  std::optional<core::TenantId> owner;
  if (!shared) {
    TALON_TRY(tenant, core::TenantId::parse(space.bytes()));
    owner = std::move(tenant);
  }
  return keep(key_of(space, id),
              std::make_shared<SessionState>(std::string(id), std::string(project), shared, std::move(owner)));
}

SessionRef Sessions::open_own(const std::string& id, const core::TenantId& tenant) {
  return keep(key_of(core::LogName::unattributed(), id), std::make_shared<SessionState>(id, "", true, tenant));
}

std::optional<core::TenantId> Sessions::tenant_of(const SessionState& session) const {
  const std::lock_guard lock(mutex_);
  return session.tenant_;
}

std::optional<core::TenantId> Sessions::claim(SessionState& session, const std::optional<core::TenantId>& tag) {
  const std::lock_guard lock(mutex_);
  if (!session.tenant_) session.tenant_ = tag;
  return session.tenant_;
}

SessionRef Sessions::keep(std::string key, SessionRef session) {
  const std::lock_guard lock(mutex_);
  make_room();
  return sessions_.try_emplace(std::move(key), std::move(session)).first->second;
}

void Sessions::keep_alias(std::string key, const SessionRef& session) {
  const std::lock_guard lock(mutex_);
  if (aliases_.size() >= k_most) aliases_.clear();
  aliases_[std::move(key)] = session;
}

/// Those that only the directory knows are on disk as they are here, or were never used.
void Sessions::make_room() {
  if (sessions_.size() < k_most) return;
  std::erase_if(sessions_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

}  // namespace talon::gateway
