// Records as canonical lines. Members are written in byte order by hand: the order is part of the
// format, so it stands here to be read, and the tests compare it with an independent writer.
#include "core/evidence_record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/canonical_json.h"
#include "core/plain_bytes.h"
#include "core/text.h"

namespace talon::core {
namespace {

constexpr std::array<std::string_view, 6> k_outcomes = {"allowed",   "denied",    "failed",
                                                        "cancelled", "truncated", "interrupted"};

/// A stored line must be canonical whatever a caller forgot: an integer beyond the profile becomes its bound.
std::int64_t in_range(std::int64_t value) noexcept { return std::clamp(value, -k_max_integer, k_max_integer); }

/// Appends what `write` puts at the end of `out`, `most` bytes or fewer; `write` returns where it stopped.
template <class Write>
void append_at_most(std::string& out, std::size_t most, Write write) {
  const std::size_t size = out.size();
  out.resize_and_overwrite(
      size + most, [&](char* data, std::size_t) { return static_cast<std::size_t>(write(data + size) - data); });
}

char* put(char* at, std::string_view text) noexcept { return at + text.copy(at, text.size()); }

/// Writes the members of one object; knows where commas go. Each member is one growth of the line: a record
/// has about forty, and one is formatted for each intent and each outcome.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) {}

  void text(std::string_view name, std::string_view value) {
    if (stands_as_it_is(value)) {
      append_at_most(out_, name.size() + k_around + value.size() + 2, [&](char* at) {
        at = put_name(at, name);
        *at++ = '"';
        at = put(at, value);
        *at++ = '"';
        return at;
      });
      return;
    }
    open(name);
    // As in_range(): one bad byte would spoil its log.
    append_string(out_, record_text(value));
  }
  void text_if(std::string_view name, const std::optional<std::string>& value) {
    if (value) text(name, std::string_view(*value));
  }
  void integer(std::string_view name, std::int64_t value) {
    append_at_most(out_, name.size() + k_around + k_most_digits, [&](char* at) {
      at = put_name(at, name);
      return std::to_chars(at, at + k_most_digits, in_range(value)).ptr;
    });
  }
  void integer(std::string_view name, const std::optional<std::int64_t>& value) {
    if (value) integer(name, *value);
  }
  void micros(std::string_view name, const std::optional<Micros>& value) {
    if (value) integer(name, value->count);
  }
  /// Booleans stand only when true.
  void flag(std::string_view name, bool value) {
    if (!value) return;
    open(name);
    out_ += "true";
  }
  void hash(std::string_view name, const std::optional<Hash>& value) {
    if (!value) return;
    append_at_most(out_, name.size() + k_around + k_hash_text + 2, [&](char* at) {
      at = put_name(at, name);
      *at++ = '"';
      at += base64_encode_to(at, {reinterpret_cast<const char*>(value->data()), value->size()});
      *at++ = '"';
      return at;
    });
  }
  template <class Fill>
  void object(std::string_view name, Fill fill) {
    open(name);
    out_ += '{';
    Members inner(out_);
    fill(inner);
    out_ += '}';
  }
  template <class Items, class Fill>
  void array_of_objects(std::string_view name, const Items& items, Fill fill) {
    open(name);
    out_ += '[';
    for (bool first = true; const auto& item : items) {
      out_ += std::exchange(first, false) ? "{" : ",{";
      Members inner(out_);
      fill(inner, item);
      out_ += '}';
    }
    out_ += ']';
  }

 private:
  static constexpr std::size_t k_around = 4;  // comma, two quotes, colon
  static constexpr std::size_t k_most_digits = 20;
  static constexpr std::size_t k_hash_text = (sizeof(Hash) + 2) / 3 * 4;

  char* put_name(char* at, std::string_view name) noexcept {
    if (!std::exchange(first_, false)) *at++ = ',';
    *at++ = '"';
    at = put(at, name);
    *at++ = '"';
    *at++ = ':';
    return at;
  }
  void open(std::string_view name) {
    append_at_most(out_, name.size() + k_around, [&](char* at) { return put_name(at, name); });
  }
  /// The usual case: a short text that needs no escape and is its own record text.
  static bool stands_as_it_is(std::string_view value) noexcept {
    return value.size() <= 256 && plain_run(value) == value.size();
  }

  std::string& out_;
  bool first_ = true;
};

void write_ask(Members& out, const Ask& ask) {
  out.text("endpoint", ask.endpoint);
  out.integer("max_tokens", ask.max_tokens);
  out.text_if("model", ask.model);
  out.integer("n", ask.n);
  out.flag("stream", ask.stream);
}

void write_bodies(Members& out, const Bodies& bodies) {
  out.integer("key", bodies.key);
  out.hash("request", bodies.request);
  out.hash("response", bodies.response);
  out.hash("upstream", bodies.upstream);
}

void write_cost(Members& out, const Cost& cost) {
  out.integer("held_nano_usd", cost.held.nano());
  out.integer("nano_usd", cost.cost.nano());
  out.flag("priced", cost.priced);
}

void write_decision(Members& out, const Decision& decision) {
  if (decision.code) out.text("code", word(*decision.code));
  out.text("outcome", word(decision.outcome));
  out.hash("policy", decision.policy);
  out.hash("prices", decision.prices);
  out.flag("shadow", decision.shadow);
}

void write_attempt(Members& out, const Attempt& attempt) {
  out.integer("duration_us", attempt.duration.count);
  if (attempt.error) out.text("error", word(*attempt.error));
  out.text_if("model", attempt.model);
  out.text("provider", attempt.provider);
  out.integer("status", attempt.status);
  out.micros("ttfb_us", attempt.ttfb);
}

void write_route(Members& out, const Route& route) {
  out.array_of_objects("attempts", route.attempts, write_attempt);
  out.text_if("policy", route.policy);
}

void write_change(Members& out, const MemberChange& change) {
  out.text_if("after", change.after);
  out.text_if("before", change.before);
  out.text("member", change.member);
}

void write_attributed(Members& out, const AttributedCall& call) {
  out.text("id", call.id.text());
  out.integer("nano_usd", call.cost.nano());
}

std::int64_t sum_of(const std::vector<AttributedCall>& calls) {
  NanoUsd sum;
  for (const auto& call : calls) sum = sum.checked_add(call.cost).value_or(sum);
  return sum.nano();
}

void write_timing(Members& out, const Timing& timing) {
  out.micros("own_us", timing.own);
  out.integer("total_us", timing.total.count);
  out.micros("ttft_us", timing.ttft);
}

void write_usage(Members& out, const Usage& usage) {
  out.integer("audio_us", usage.audio_us);
  out.text("basis", word(usage.basis));
  out.integer("cached_read", usage.cached_read);
  out.integer("cached_write", usage.cached_write);
  out.integer("characters", usage.characters);
  out.integer("input", usage.input);
  out.integer("output", usage.output);
  out.integer("reasoning", usage.reasoning);
}

/// The four stretches between the stamps: members before `clock`, from `clock` to `seq`, from `seq`
/// to `time`, and after `time`. One overload set for each kind, each in byte order.
struct Stretches {
  const EvidenceRecord& record;

  void before_clock(Members&, const MarkDetail&) const {}
  void before_clock(Members&, const GenesisDetail&) const {}
  void before_clock(Members& out, const BootDetail& boot) const { out.flag("clean", boot.clean); }
  void before_clock(Members& out, const OperatorDetail& event) const {
    out.text("action", event.action);
    out.text("actor", event.actor);
    if (!event.changes.empty()) out.array_of_objects("changes", event.changes, write_change);
  }
  void before_clock(Members& out, const AttributionDetail& moved) const {
    out.array_of_objects("calls", moved.calls, write_attributed);
  }
  void before_clock(Members& out, const RequestDetail& request) const {
    out.object("ask", [&](Members& inner) { write_ask(inner, request.ask); });
    out.text("attribution", word(request.attribution));
    if (request.bodies) out.object("bodies", [&](Members& inner) { write_bodies(inner, *request.bodies); });
    out.text("caller", request.caller);
  }

  void before_seq(Members& out, const MarkDetail&) const {
    id(out);
    out.text("kind", "mark");
  }
  void before_seq(Members& out, const GenesisDetail& genesis) const {
    out.text("export_key", genesis.export_key);
    id(out);
    out.text("key", genesis.key);
    out.text("kind", "genesis");
    out.text("origin", genesis.origin);
  }
  void before_seq(Members& out, const BootDetail& boot) const {
    id(out);
    out.integer("interrupted", boot.interrupted);
    out.text("kind", "boot");
  }
  void before_seq(Members& out, const OperatorDetail& event) const {
    out.integer("count", event.count);
    id(out);
    out.text("kind", "operator");
  }
  void before_seq(Members& out, const AttributionDetail& moved) const {
    out.text("event", moved.event == AttributionDetail::Event::attributed ? "attributed" : "released");
    id(out);
    out.text("kind", "attribution");
    out.integer("nano_usd", sum_of(moved.calls));
  }
  void before_seq(Members& out, const RequestDetail& request) const {
    if (request.cost) out.object("cost", [&](Members& inner) { write_cost(inner, *request.cost); });
    out.integer("count", request.count);
    out.object("decision", [&](Members& inner) { write_decision(inner, request.decision); });
    id(out);
    out.text("key_id", request.key_id);
    out.text("kind", "request");
    out.text_if("project", request.project);
    out.text("request_id", request.request_id);
    if (request.route) out.object("route", [&](Members& inner) { write_route(inner, *request.route); });
  }

  template <class Detail>
  void before_time(Members& out, const Detail&) const {
    tenant(out);
  }
  void before_time(Members& out, const OperatorDetail& event) const {
    out.text_if("target", event.target);
    tenant(out);
  }
  void before_time(Members& out, const AttributionDetail& moved) const {
    out.text("session", moved.session);
    tenant(out);
  }
  void before_time(Members& out, const RequestDetail& request) const {
    if (!request.session.empty()) out.text("session", request.session);
    out.integer("status", request.status);
    tenant(out);
  }

  void after_time(Members& out, const MarkDetail&) const { version(out); }
  void after_time(Members& out, const OperatorDetail&) const { version(out); }
  void after_time(Members& out, const AttributionDetail&) const { version(out); }
  void after_time(Members& out, const GenesisDetail& genesis) const {
    version(out);
    out.text("writer", genesis.writer);
  }
  void after_time(Members& out, const BootDetail& boot) const {
    version(out);
    out.text("version", boot.version);
  }
  void after_time(Members& out, const RequestDetail& request) const {
    out.object("timing", [&](Members& inner) { write_timing(inner, request.timing); });
    out.text_if("trace", request.trace);
    if (request.usage) out.object("usage", [&](Members& inner) { write_usage(inner, *request.usage); });
    version(out);
  }

 private:
  void id(Members& out) const {
    constexpr std::string_view k_prefix = "ev_";
    std::array<char, k_prefix.size() + 26> text{};
    put(put(text.data(), k_prefix), record.id.ulid().text());
    out.text("id", {text.data(), text.size()});
  }
  void version(Members& out) const { out.integer("v", 1); }
  void tenant(Members& out) const {
    if (record.log.is_tenant()) out.text("tenant", record.log.bytes());
  }
};

constexpr std::string_view k_clock = "\"clock\":";
constexpr std::string_view k_seq = "\"seq\":";
constexpr std::string_view k_time = "\"time\":";

}  // namespace

std::string_view word(Outcome outcome) noexcept { return k_outcomes[static_cast<std::size_t>(outcome)]; }

std::optional<Outcome> parse_outcome(std::string_view text) noexcept {
  for (std::size_t i = 0; i < k_outcomes.size(); ++i) {
    if (k_outcomes[i] == text) return static_cast<Outcome>(i);
  }
  return std::nullopt;
}

std::string_view word(Attribution attribution) noexcept {
  switch (attribution) {
    case Attribution::key:
      return "key";
    case Attribution::call:
      return "call";
    case Attribution::session:
      return "session";
  }
  return "key";
}

std::string_view word(UsageBasis basis) noexcept {
  switch (basis) {
    case UsageBasis::provider:
      return "provider";
    case UsageBasis::counted:
      return "counted";
    case UsageBasis::estimated:
      return "estimated";
  }
  return "provider";
}

UnsequencedLine::UnsequencedLine(const std::array<std::string_view, 4>& pieces) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    text_ += pieces[i];
    if (i < ends_.size()) ends_[i] = text_.size();
  }
}

std::array<std::string_view, 4> UnsequencedLine::pieces() const noexcept {
  const std::string_view text = text_;
  const auto piece = [&](std::size_t from, std::size_t to) { return text.substr(from, to - from); };
  return {piece(0, ends_[0]), piece(ends_[0], ends_[1]), piece(ends_[1], ends_[2]), text.substr(ends_[2])};
}

UnsequencedLine to_unsequenced_line(const EvidenceRecord& record) {
  constexpr std::size_t k_usual = 1000;  // of a call; beyond 1,032 the allocator keeps no spare blocks for a thread
  UnsequencedLine line;
  std::string& out = line.text_;
  out.reserve(k_usual);
  const Stretches stretches{record};
  // Commas between a stretch and a stamp: every stretch but the first is followed or preceded by members that always
  // stand (`id` before `seq`, `v` after `time`); the first may be empty.
  const auto write = [&](const auto& detail) {
    out = "{";
    Members before_clock(out);
    stretches.before_clock(before_clock, detail);
    if (out.size() > 1) out += ',';
    line.ends_[0] = out.size();

    Members before_seq(out);
    stretches.before_seq(before_seq, detail);
    out += ',';
    out += k_seq;
    line.ends_[1] = out.size();

    out += ',';
    Members before_time(out);
    stretches.before_time(before_time, detail);
    if (out.size() > line.ends_[1] + 1) out += ',';
    out += k_time;
    line.ends_[2] = out.size();

    out += ',';
    Members after_time(out);
    stretches.after_time(after_time, detail);
    out += '}';
  };
  std::visit(write, record.detail);
  return line;
}

void sequence_into(std::string& out, const UnsequencedLine& line, std::int64_t seq, Instant time,
                   std::optional<Instant> clock) {
  constexpr std::size_t k_stamps = 3 * 20 + k_clock.size() + 1;
  const auto [before_clock, before_seq, before_time, after_time] = line.pieces();
  out.clear();
  out.reserve(line.size() + k_stamps);
  out += before_clock;
  if (clock) {
    out += k_clock;
    append_integer(out, in_range(clock->micros));
    out += ',';
  }
  out += before_seq;
  append_integer(out, in_range(seq));
  out += before_time;
  append_integer(out, in_range(time.micros));
  out += after_time;
}

std::string sequence(const UnsequencedLine& line, std::int64_t seq, Instant time, std::optional<Instant> clock) {
  std::string out;
  sequence_into(out, line, seq, time, clock);
  return out;
}

std::string to_line(const EvidenceRecord& record) {
  return sequence(to_unsequenced_line(record), record.seq, record.time, record.clock);
}

}  // namespace talon::core
