// EvidenceRecord: one event as it stands in a log, and its canonical line (evidence.md §1).
//
// The line's exact bytes are the Merkle leaf; nobody re-serialises a stored line. The gateway fills
// a record but for `seq`, `time` and `clock`, which the journal stamps when it sequences it.
// Strings must already be record_text() where they come from outside; one that is not is written as
// its record_text(), and an integer beyond ±(2^53-1) as that bound, so that no caller's slip can make a
// stored line non-canonical.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/tenant_id.h"
#include "core/time.h"

namespace talon::core {

/// A SHA-256 value. Written as base64 in records.
using Hash = std::array<std::byte, 32>;

enum class Outcome { allowed, denied, failed, cancelled, truncated, interrupted };
[[nodiscard]] std::string_view word(Outcome outcome) noexcept;
[[nodiscard]] std::optional<Outcome> parse_outcome(std::string_view text) noexcept;

enum class Attribution { key, call, session };
[[nodiscard]] std::string_view word(Attribution attribution) noexcept;

/// Where the token counts come from.
enum class UsageBasis { provider, counted, estimated };
[[nodiscard]] std::string_view word(UsageBasis basis) noexcept;

/// What was asked for.
struct Ask {
  std::string endpoint;  ///< route pattern without method, e.g. "/v1/chat/completions"
  std::optional<std::string> model;
  bool stream = false;
  std::optional<std::int64_t> n;
  std::optional<std::int64_t> max_tokens;
};

struct Decision {
  Outcome outcome = Outcome::allowed;
  std::optional<Code> code;  ///< why not allowed
  bool shadow = false;
  std::optional<Hash> policy;  ///< of the canonical line of the effective policy
  std::optional<Hash> prices;  ///< of the canonical line of the effective price row
};

struct Attempt {
  std::string provider;
  std::optional<std::string> model;
  std::optional<std::int64_t> status;
  std::optional<Code> error;
  std::optional<Micros> ttfb;
  Micros duration;
};

struct Route {
  std::optional<std::string> policy;
  std::vector<Attempt> attempts;
};

struct Usage {
  UsageBasis basis = UsageBasis::provider;
  std::optional<std::int64_t> input, output, cached_read, cached_write, reasoning, audio_us, characters;
};

/// `priced` false: no price is known and nothing was charged (counted as unpriced, never as free).
struct Cost {
  NanoUsd cost;
  NanoUsd held;
  bool priced = true;
};

struct Timing {
  Micros total;
  std::optional<Micros> own;   ///< spent in Talon itself
  std::optional<Micros> ttft;  ///< until the first content reached the client
};

/// Salted commitments to the exact bytes; `key` is the number of the log's content key.
struct Bodies {
  std::int64_t key = 1;
  std::optional<Hash> request, upstream, response;
};

/// `genesis`: seq 0 of every log.
struct GenesisDetail {
  std::string origin;
  std::string key;         ///< vkey in force
  std::string export_key;  ///< RW…
  std::string writer;      ///< talon/<version>
};

/// `request`: one for each governed call.
struct RequestDetail {
  std::string request_id;
  std::string caller;
  std::string key_id;
  std::string session;  ///< empty: none was opened or named (a denial)
  Attribution attribution = Attribution::key;
  std::optional<std::string> project;  ///< nullopt: the default one
  std::optional<std::string> trace;
  std::optional<std::int64_t> status;  ///< sent to the client
  std::optional<std::int64_t> count;   ///< on the merged record of later denials
  Ask ask;
  Decision decision;
  std::optional<Route> route;
  std::optional<Usage> usage;
  std::optional<Cost> cost;
  Timing timing;
  std::optional<Bodies> bodies;
};

/// `mark`: the log had reached `time`.
struct MarkDetail {};

/// `boot` (operator's log).
struct BootDetail {
  std::string version;
  bool clean = false;
  std::int64_t interrupted = 0;
};

/// One member that an operator's act changed; nullopt: there was, or is, none. Never a secret.
struct MemberChange {
  std::string member;
  std::optional<std::string> before, after;
};

/// `operator`: something an operator, or a stranger at the door, did.
struct OperatorDetail {
  std::string actor;
  std::string action;
  std::optional<std::string> target;
  std::optional<std::int64_t> count;    ///< events that one sampled record stands for
  std::vector<MemberChange> changes{};  ///< at most 28, so that the line stays below k_max_line
};

/// One call whose session's tenant was filled in.
struct AttributedCall {
  EvidenceId id;
  NanoUsd cost;
  friend bool operator==(const AttributedCall&, const AttributedCall&) = default;
};
inline constexpr std::size_t k_max_attributed_calls = 500;  ///< in one record

/// `attribution`: the calls of a session that had no tenant now count for one. `attributed` stands in that tenant's
/// log, `released` in the unattributed one; the calls' own records stay where they are.
struct AttributionDetail {
  enum class Event { attributed, released } event = Event::attributed;
  std::string session;
  std::vector<AttributedCall> calls;  ///< at most k_max_attributed_calls; their sum is written beside them
};

struct EvidenceRecord {
  std::int64_t seq = 0;
  EvidenceId id;
  Instant time;
  std::optional<Instant> clock;  ///< what the clock read, where it is not `time`
  LogName log = LogName::unattributed();
  std::variant<GenesisDetail, RequestDetail, MarkDetail, BootDetail, OperatorDetail, AttributionDetail> detail;
};

/// The canonical line, without newline. Never longer than k_max_line for records filled as this
/// header asks (attempts ≤ 32).
[[nodiscard]] std::string to_line(const EvidenceRecord& record);

/// The pieces of a line around what the journal stamps, so that most of the formatting happens on
/// the worker: line = before_clock [+ clock] + before_seq + seq + before_time + time + after_time.
class UnsequencedLine {
 public:
  UnsequencedLine() = default;
  /// Of the four pieces, in the order of the line.
  explicit UnsequencedLine(const std::array<std::string_view, 4>& pieces);
  /// The default: no line at all.
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  /// Bytes of all pieces.
  [[nodiscard]] std::size_t size() const noexcept { return text_.size(); }
  [[nodiscard]] std::array<std::string_view, 4> pieces() const noexcept;

 private:
  friend UnsequencedLine to_unsequenced_line(const EvidenceRecord& record);
  std::string text_;                   ///< the pieces, one after the other
  std::array<std::size_t, 3> ends_{};  ///< of all but the last
};
/// `seq`, `time` and `clock` of the record are ignored.
[[nodiscard]] UnsequencedLine to_unsequenced_line(const EvidenceRecord& record);
/// to_line(record) == sequence(to_unsequenced_line(record), record.seq, record.time, record.clock).
[[nodiscard]] std::string sequence(const UnsequencedLine& line, std::int64_t seq, Instant time,
                                   std::optional<Instant> clock);
/// The same into a text that keeps its memory from line to line.
void sequence_into(std::string& out, const UnsequencedLine& line, std::int64_t seq, Instant time,
                   std::optional<Instant> clock);

/// What readers and roll-ups need from a stored line; unknown kinds and members are kept out of it.
struct RecordSummary {
  std::int64_t seq = 0;
  EvidenceId id;
  Instant time;
  std::string kind;
  std::optional<std::string> tenant, caller, session, model, provider, outcome, code;
  NanoUsd cost;
  bool priced = false;  ///< a cost member with priced = true
  bool has_cost = false;
  std::int64_t count = 0;  ///< denials merged into this record
  std::optional<std::string> project;
  std::optional<std::string> target, action;  ///< of an operator record
  std::optional<std::string> event;           ///< of an attribution record, as is what follows
  std::vector<AttributedCall> calls;
  NanoUsd calls_cost;
};
/// `model` is the one asked for, `provider` that of the last attempt. One strict pass: a line that
/// is not canonical is refused too. Error: Code::vault_corrupt, naming what is wrong with the line.
[[nodiscard]] Result<RecordSummary> summarize(std::string_view line);

}  // namespace talon::core
