// exchange: the session that a call names, and whose it is (guard/sessions.h). Calls that name none pass by here.
#include <utility>

#include "gateway/exchange_call.h"

namespace talon::gateway {
namespace {

using core::Code;

/// The session's tenant is the call's, whatever the call says: the first tag won.
void follow(Call& call, const std::optional<core::TenantId>& tenant) {
  if (!tenant || call.who.tenant == tenant) return;
  call.who.tenant = tenant;
  call.who.log = core::LogName::of(*tenant);
  call.who.attribution = core::Attribution::session;
  call.seat = call.worker.seats.find(call.who.log);
  call.content_key = call.seat != nullptr ? call.seat->key.get() : nullptr;
}

std::uint8_t modality_of(const Call& call) {
  using vault::Modality;
  if (call.endpoint != Endpoint::proxy) return Modality::llm;
  const std::string_view path = call.head().path;
  if (path.ends_with("/audio/transcriptions") || path.ends_with("/audio/translations")) return Modality::stt;
  return path.ends_with("/audio/speech") ? Modality::tts : Modality::llm;
}

}  // namespace

Task<std::optional<Refusal>> join_session(Call& call) {
  auto& sessions = call.worker.shared.sessions;
  const core::LogName space = session_space(call.caller);
  call.session = sessions.find(space, call.who.session);
  if (call.session == nullptr) {
    std::optional<core::Error> problem;
    ReaderThread::Job job = [&] {
      auto loaded = sessions.load(call.worker.shared.vault, space, call.who.session);
      if (loaded) {
        call.session = *std::move(loaded);
      } else {
        problem = loaded.error();
      }
    };
    const bool taken = co_await call.worker.shared.lookups.run(call.worker.loop, job);
    if (!taken) {
      co_return Refusal{
          core::Error{Code::overloaded, "Too many requests wait for their session; try again shortly.", {}}};
    }
    if (problem) {
      co_return Refusal{
          core::Error{Code::vault_unavailable, "The session cannot be read at the moment; try again later.", {}}};
    }
  }
  call.who.session = call.session->id;
  if (call.session->shared) follow(call, sessions.tenant_of(*call.session));
  co_return std::nullopt;
}

bool claim_session(Call& call) {
  if (!call.who.client_session && !call.caller.tenant && call.who.tenant) {
    // It may be named while the call is under way: then it is this tenant's already.
    call.session = call.worker.shared.sessions.open_own(call.who.session, *call.who.tenant);
    return true;
  }
  if (call.session == nullptr || !call.session->shared) return true;
  const auto winner = call.worker.shared.sessions.claim(*call.session, call.who.tenant);
  if (winner == call.who.tenant) return true;
  // Another tag came first: what was taken for this one goes back, and the call is the winner's.
  call.hold = Hold();
  if (call.seat->meters != nullptr) call.seat->meters->month.give_back(call.worker.shared.clock.now());
  follow(call, winner);
  return false;
}

void note_session(const Call& call, vault::RollupChange& change) {
  if (call.who.client_session) change.session = call.who.session;
  change.operator_session = call.session != nullptr ? call.session->shared : !call.caller.tenant;
  change.modality = modality_of(call);
  if (call.session != nullptr) change.project = call.session->project;
}

}  // namespace talon::gateway
