// What one governed call carries from step to step; the steps of exchange.cpp, each in a source of its
// own (exchange_admit, exchange_forward, exchange_relay, exchange_settle).
//
// Thread rule: the worker's. A Call lives in the frame of exchange() and outlives every step.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/evidence_record.h"
#include "gateway/exchange.h"
#include "gateway/guard/caps.h"
#include "gateway/guard/limits.h"
#include "gateway/guard/sessions.h"
#include "gateway/net/connection.h"
#include "gateway/net/deferred.h"
#include "gateway/net/journal_port.h"
#include "gateway/net/upstream.h"
#include "gateway/net/worker.h"
#include "gateway/provider/call.h"
#include "gateway/provider/usage.h"
#include "vault/log/body_commitment.h"

namespace talon::gateway {

struct Call;

/// Batched: a call does not wait for its intent, so the intent need not be written while the call may end first; most
/// do, and their record says more. It falls due when the journal would commit it (Loop::k_moment is the journal's
/// window), or when the client is about to learn the call's id and could speak of it.
class LateIntent final : public Deferred {
 public:
  explicit LateIntent(Call& call) noexcept : call_(call) {}
  /// Was it handed to the journal? Then the record closes it.
  [[nodiscard]] bool submitted() const noexcept { return submitted_; }
  void note_submitted() noexcept { submitted_ = true; }

 private:
  void run() override;
  Call& call_;
  bool submitted_ = false;
};

struct Call {
  Call(Worker& on, Connection& from, SnapshotRef generation, const Caller& who_calls, RouteMatch route_match,
       std::string id);

  Worker& worker;
  Connection& client;
  const SnapshotRef snapshot;  ///< the generation it began with, whatever is loaded meanwhile
  const Caller& caller;
  RouteMatch match;
  std::string request_id;
  core::EvidenceId evidence;  ///< minted on arrival
  core::Micros began;         ///< monotonic
  std::string traceparent;    ///< valid, or empty
  std::string trace;          ///< its trace id

  // read, attribute
  Endpoint endpoint = Endpoint::chat_completions;
  std::string_view body;  ///< as received, transfer coding removed
  CallView view;
  Attributed who;
  SessionRef session;  ///< that the client named; held until the record is committed

  // route, admit
  std::optional<ProxyTarget> proxy;
  SeatRef seat;  ///< of who.log
  const Provider* provider = nullptr;
  const vault::ProviderCredential* credential = nullptr;  ///< the tenant's own (in `seat`); nullptr: the operator's
  const core::Tier* tier = nullptr;                       ///< of the tenant's account (in `snapshot`); nullptr: none
  std::optional<RateWindow> rate;                         ///< the tenant's, for x-ratelimit-*
  std::optional<core::Code> shadow;     ///< why this call would have been refused (gateway.mode: shadow)
  const core::PriceRow* row = nullptr;  ///< nullptr: unpriced
  bool free_of_charge = false;          ///< nothing to price: a proxied GET, HEAD or empty body
  const vault::ContentKey* content_key = nullptr;
  Hold hold;
  core::NanoUsd held;
  core::Bodies bodies;
  LateIntent intent{*this};
  core::EvidenceRecord record;  ///< begun with the intent or by settle(), which ends it

  // forward
  std::string rewritten;  ///< the body with edits; empty: forwarded as received
  std::unique_ptr<UpstreamConnection> upstream;
  bool sent = false;  ///< a byte may have reached the provider
  bool send_failed = false;
  std::vector<core::Attempt> attempts;
  core::Micros attempt_began;
  core::Micros upstream_began{};
  core::Micros upstream_ended{};

  // relay
  bool head_sent = false;
  std::size_t received = 0;  ///< bytes of the provider's body
  std::optional<core::Micros> ttft;
  std::string upstream_request_id;

  [[nodiscard]] const RequestHead& head() const noexcept { return client.head(); }
  [[nodiscard]] Workspace& space() noexcept { return client.space(); }
  [[nodiscard]] core::Micros now() const noexcept { return worker.shared.clock.monotonic(); }
  [[nodiscard]] core::Micros since(core::Micros start) const noexcept { return {now().count - start.count}; }
  [[nodiscard]] std::string_view model() const noexcept {
    return view.model ? std::string_view(*view.model) : std::string_view{};
  }
  /// The longest silence of the provider; with a key of its own the tenant may have set another.
  [[nodiscard]] std::chrono::milliseconds timeout() const noexcept {
    if (credential != nullptr && credential->timeout_s > 0) return std::chrono::seconds(credential->timeout_s);
    return provider->config.timeout;
  }
  [[nodiscard]] Deadline silence() const noexcept { return worker.loop.in(timeout()); }
  [[nodiscard]] int max_retries() const noexcept {
    return credential != nullptr ? static_cast<int>(credential->max_retries) : provider->config.max_retries;
  }
  [[nodiscard]] const core::Secret& upstream_key() const noexcept {
    return credential != nullptr ? credential->api_key : provider->api_key;
  }
  [[nodiscard]] PoolKey pool_key() const noexcept {
    return credential != nullptr ? PoolKey{provider->pool.endpoint, credential->id} : provider->pool;
  }
  [[nodiscard]] CredentialOwner credential_owner() const noexcept {
    return credential != nullptr ? CredentialOwner::tenant : CredentialOwner::gateway;
  }
};

/// What became of a call, as it goes into its record.
struct Ending {
  core::Outcome outcome = core::Outcome::allowed;
  std::optional<core::Code> code;
  std::optional<int> status;  ///< sent to the client, or about to be
  std::optional<core::Usage> usage;
  core::NanoUsd cost;
};

// --- exchange_admit.cpp ---------------------------------------------------------------------------

/// The record's parts that are known from the start.
[[nodiscard]] core::RequestDetail detail_of(const Call& call);
/// What head and body say: what is asked for, and whose call it is. Fills the call.
[[nodiscard]] std::optional<Refusal> read_and_attribute(Call& call);
/// What is known of the call's tenant; the look-up thread looks it up if it is not here.
[[nodiscard]] Task<std::optional<Refusal>> find_seat(Call& call);
/// Everything that account, body and snapshot decide, in the order of interfaces.md §3: account, feature, model,
/// provider, price. In shadow mode what would be refused for its model or price is only noted.
[[nodiscard]] std::optional<Refusal> decide(Call& call);
/// The call's log, for its content key, where find_seat() found it closed: the look-up thread opens it.
[[nodiscard]] Task<std::optional<Refusal>> open_log(Call& call);
/// Rates of tenant and caller, the tenant's month, the caller's cap: each one atomic step. The call counts and holds its
/// money from here on. In shadow mode the cap is only noted.
[[nodiscard]] std::optional<Refusal> admit(Call& call);
/// Fills call.record with what is known once the call is admitted.
void begin_record(Call& call);

// --- exchange_session.cpp -------------------------------------------------------------------------

/// For a call that names a session: finds it, on the look-up thread where it is not in memory; a session of the
/// operator's that has a tenant makes the call that tenant's.
[[nodiscard]] Task<std::optional<Refusal>> join_session(Call& call);
/// The last step of admission: the call's tag claims its session. False: another tag came first; the call is the
/// winner's now, holds nothing any more, and has to be admitted as such.
[[nodiscard]] bool claim_session(Call& call);
/// What the roll-ups learn of the call's session.
void note_session(const Call& call, vault::RollupChange& change);

// --- exchange_intent.cpp --------------------------------------------------------------------------

/// The call's intent on its way: strict waits for `write` where a byte would leave, batched does not wait. False: it
/// cannot be written down.
[[nodiscard]] Task<bool> submit_intent(Call& call, JournalWrite& write);
/// Before the client learns the call's id while the call goes on: the journal knows the call by then.
[[nodiscard]] Task<> announce(Call& call);

// --- exchange_forward.cpp -------------------------------------------------------------------------

/// A connection to the provider, pooled or new. Nothing of the request leaves yet.
[[nodiscard]] Task<core::Result<void>> check_out(Call& call);
/// Sends the request and reads the response's head: again if a pooled connection was dead, and as often as the
/// configuration allows after what may be tried again (provider/retry.h). `connected`: what came of check_out().
[[nodiscard]] Task<core::Result<void>> forward(Call& call, core::Result<void> connected);
/// Reads some of the response's body, decoded, to the end of space().upstream_body.
enum class Piece : std::uint8_t { more, end, closed, failed };
struct PieceRead {
  Piece piece = Piece::more;
  core::Error error;  ///< failed: provider_error, provider_timeout, cancelled, draining
};
[[nodiscard]] Task<PieceRead> read_piece(Call& call);
/// Is the end of the answer there already, behind a stream's last event? Does not wait.
[[nodiscard]] bool rest_is_there(Call& call);
/// A connection whose answer was read whole may serve again; any other is closed.
enum class Answer : std::uint8_t { whole, cut };
void give_back_upstream(Call& call, Answer answer);
/// Why a wait ended, as an error.
[[nodiscard]] core::Error error_of_wake(const Call& call, Wake wake);

// --- exchange_relay.cpp, exchange_flow.cpp, exchange_stream.cpp -----------------------------------

/// The provider's answer to the client, settled on the way.
[[nodiscard]] Task<> relay(Call& call);
[[nodiscard]] Task<> relay_flowing(Call& call);
[[nodiscard]] Task<> relay_stream(Call& call);

// --- exchange_answer.cpp --------------------------------------------------------------------------

inline constexpr std::string_view k_nothing{};
[[nodiscard]] inline bool is_success(int status) noexcept { return status / 100 == 2; }

[[nodiscard]] core::Hash commit_to(const Call& call, std::string_view name, std::string_view body);
/// Commitments to what came in and what was sent on.
void commit_request(Call& call);
[[nodiscard]] core::Usage counted(const Call& call, std::int64_t deltas, std::int64_t content_bytes);
/// How a call that did not go well ends in its record.
[[nodiscard]] Ending ending_of(const Call& call, const core::Error& error, core::Outcome outcome,
                               const std::optional<core::Usage>& usage);
/// The provider's part is over, badly: the call is taken off it at once.
void give_up(Call& call, const core::Error& error);

/// The client's head for an answer of the provider, into the workspace.
enum class BodyFraming : std::uint8_t { length, chunked, until_close, none };
void write_client_head(Call& call, BodyFraming framing, std::uint64_t length, const std::optional<core::NanoUsd>& cost);
/// How a body of unknown length goes to this client.
[[nodiscard]] BodyFraming unknown_length(const Call& call);
void note_first_content(Call& call);
/// Body bytes that may go now, in the client's framing. False: the client is gone.
[[nodiscard]] Task<bool> send_body(Call& call, BodyFraming framing, std::string_view bytes, std::string_view head,
                                   std::string_view after);
/// After a part of a body was sent, or not: the record commits to what went out, no further.
void note_sent(Call& call, bool sent, vault::BodyCommitment& commitment, std::string_view bytes);

/// Settles, then answers in our own envelope.
[[nodiscard]] Task<> answer_envelope(Call& call, Refusal refusal, Ending ending);
/// The call failed before anything of an answer went to the client.
[[nodiscard]] Task<> answer_failure(Call& call, core::Error error);

// --- exchange_settle.cpp --------------------------------------------------------------------------

/// What the usage, reported or counted, costs.
[[nodiscard]] core::NanoUsd cost_of_usage(const Call& call, const core::Usage& usage);
/// What the call changes in the roll-ups if it costs that much.
[[nodiscard]] vault::RollupChange rollup_of(const Call& call, core::NanoUsd cost);
/// Writes the record, and waits for it as the durability asks. False: it could not be written, and the
/// client must not see an end.
[[nodiscard]] Task<bool> settle(Call& call, Ending ending);
/// Answers a refusal; 402, 403 and 429 leave a record first (merged with others, evidence.md §1).
[[nodiscard]] Task<> answer_refusal(Call& call, Refusal refusal);
/// Text from outside as a field's value: visible ASCII as it is, anything else percent-encoded.
[[nodiscard]] std::string field_text(std::string_view text);
/// X-Request-Id and the X-Talon-* of this call.
void add_call_fields(std::string& out, const Call& call, const std::optional<core::NanoUsd>& cost);

}  // namespace talon::gateway
