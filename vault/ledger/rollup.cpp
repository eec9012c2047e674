#include "vault/ledger/rollup.h"

#include <algorithm>

namespace talon::vault {
namespace {

constexpr std::uint32_t k_lifetime_day = 0xffffffff;
constexpr std::size_t k_name_hash = 16;
constexpr std::uint8_t k_session_form = 2;
constexpr std::string_view k_uid_prefix = "ses_";

SmallBytes& add_name(SmallBytes& key, std::string_view name) {
  const auto hash = sha256(name);
  return key.bytes(bytes_of(hash).substr(0, k_name_hash));
}

}  // namespace

SmallBytes Lifetime::encode() const {
  SmallBytes out;
  out.number(sessions).number(requests).number(unpriced).number(cost.nano());
  out.number(first ? first->micros : std::int64_t{-1}).number(last ? last->micros : std::int64_t{-1});
  return out;
}

std::optional<Lifetime> Lifetime::decode(std::string_view value) {
  ByteReader in(value);
  Lifetime out;
  out.sessions = in.number<std::int64_t>();
  out.requests = in.number<std::int64_t>();
  out.unpriced = in.number<std::int64_t>();
  out.cost = core::NanoUsd(in.number<std::int64_t>());
  const auto first = in.number<std::int64_t>();
  const auto last = in.number<std::int64_t>();
  if (!in.ended()) return std::nullopt;
  if (first >= 0) out.first = core::Instant{first};
  if (last >= 0) out.last = core::Instant{last};
  return out;
}

std::string DayCell::encode() const {
  std::string out;
  append_number(out, cost.nano());
  append_number(out, requests);
  out += name;
  return out;
}

std::optional<DayCell> DayCell::decode(std::string_view value) {
  ByteReader in(value);
  DayCell out;
  out.cost = core::NanoUsd(in.number<std::int64_t>());
  out.requests = in.number<std::int64_t>();
  if (!in.ok()) return std::nullopt;
  out.name = in.rest();
  return out;
}

std::string SessionRow::encode() const {
  std::string out;
  append_number(out, k_session_form);
  append_number(out, requests);
  append_number(out, unpriced);
  append_number(out, cost.nano());
  append_number(out, first.micros);
  append_number(out, last.micros);
  append_number(out, static_cast<std::uint32_t>(tenant));
  out += view(uid);
  append_number(out, modalities);
  append_number(out, static_cast<std::uint16_t>(project.size()));
  out += project;
  out += id;
  return out;
}

std::optional<SessionRow> SessionRow::decode(std::string_view value) {
  const bool early = !value.empty() && value.front() == 0;
  ByteReader in(value);
  SessionRow out;
  if (!early && in.number<std::uint8_t>() != k_session_form) return std::nullopt;
  out.requests = in.number<std::int64_t>();
  out.unpriced = in.number<std::int64_t>();
  out.cost = core::NanoUsd(in.number<std::int64_t>());
  out.first = {in.number<std::int64_t>()};
  out.last = {in.number<std::int64_t>()};
  if (!early) {
    out.tenant = static_cast<LogNumber>(in.number<std::uint32_t>());
    const auto uid = in.bytes(out.uid.size());
    if (in.ok()) std::copy(uid.begin(), uid.end(), out.uid.begin());
    out.modalities = in.number<std::uint8_t>();
    out.project = in.bytes(in.number<std::uint16_t>());
  }
  if (!in.ok()) return std::nullopt;
  out.id = in.rest();
  return out;
}

SmallBytes lifetime_key(LogNumber log) {
  SmallBytes key;
  key.number(static_cast<std::uint32_t>(log)).number(k_lifetime_day).number(std::uint8_t{0});
  return key;
}

SmallBytes day_prefix(LogNumber log, core::Day day, Dimension dimension) {
  SmallBytes key;
  key.number(static_cast<std::uint32_t>(log)).number(static_cast<std::uint32_t>(day.number));
  key.number(static_cast<std::uint8_t>(dimension));
  return key;
}

SmallBytes day_key(LogNumber log, core::Day day, Dimension dimension, std::string_view name) {
  auto key = day_prefix(log, day, dimension);
  if (dimension != Dimension::all) add_name(key, name);
  return key;
}

SmallBytes session_key(LogNumber log, std::string_view session_id) {
  SmallBytes key;
  key.number(static_cast<std::uint32_t>(log));
  return add_name(key, session_id);
}

SmallBytes session_time_key(LogNumber log, core::Instant first, std::string_view session_key) {
  SmallBytes key;
  key.number(static_cast<std::uint32_t>(log)).number(first.micros).bytes(session_key);
  return key;
}

SmallBytes session_call_key(std::string_view session_key, Position position) {
  return SmallBytes().bytes(session_key).number(position);
}

SmallBytes session_name_key(std::string_view session_key) {
  return SmallBytes().bytes(session_key.substr(4)).bytes(session_key.substr(0, 4));
}

std::string uid_text(const IdBytes& uid) {
  return std::string(k_uid_prefix) + std::string(evidence_id(uid).ulid().text());
}

std::optional<IdBytes> parse_uid(std::string_view text) {
  if (!text.starts_with(k_uid_prefix)) return std::nullopt;
  const auto ulid = core::Ulid::parse(text.substr(k_uid_prefix.size()));
  if (!ulid) return std::nullopt;
  return id_bytes(core::EvidenceId(*ulid));
}

std::optional<RollupKey> decode_rollup_key(std::string_view key) {
  ByteReader in(key);
  RollupKey out;
  out.log = static_cast<LogNumber>(in.number<std::uint32_t>());
  const auto day = in.number<std::uint32_t>();
  const auto dimension = in.number<std::uint8_t>();
  if (!in.ok() || dimension > static_cast<std::uint8_t>(Dimension::project_model)) return std::nullopt;
  out.dimension = static_cast<Dimension>(dimension);
  if (in.rest().size() != (out.dimension == Dimension::all ? 0 : k_name_hash)) return std::nullopt;
  out.lifetime = day == k_lifetime_day;
  if (!out.lifetime) out.day = {static_cast<std::int32_t>(day)};
  return out;
}

std::uint8_t row_flags(const RollupChange& change) {
  std::uint8_t flags = 0;
  if (change.counts_as_request) flags |= k_flag_request;
  if (change.unpriced) flags |= k_flag_unpriced;
  if (!change.session.empty()) flags |= k_flag_session;
  if (change.operator_session) flags |= k_flag_operator_session;
  if (change.makes_session) flags |= k_flag_makes_session;
  if (change.adopts_call) flags |= k_flag_adopts_call;
  return flags;
}

void set_flags(RollupChange& change, std::uint8_t flags) {
  change.counts_as_request = (flags & k_flag_request) != 0;
  change.unpriced = (flags & k_flag_unpriced) != 0;
  change.operator_session = (flags & k_flag_operator_session) != 0;
  change.makes_session = (flags & k_flag_makes_session) != 0;
  change.adopts_call = (flags & k_flag_adopts_call) != 0;
}

void change_of(const core::RecordSummary& summary, std::uint8_t flags, RollupChange& change) {
  const auto take = [](std::string& into, const std::optional<std::string>& from) {
    if (from) {
      into = *from;
    } else {
      into.clear();
    }
  };
  set_flags(change, flags);
  change.cost = summary.has_cost ? summary.cost : core::NanoUsd();
  change.modality = 0;
  take(change.caller, summary.caller);
  take(change.provider, summary.provider);
  take(change.model, summary.model);
  take(change.project, summary.project);
  if ((flags & k_flag_session) != 0) {
    take(change.session, change.makes_session ? summary.target : summary.session);
  } else {
    change.session.clear();
  }
}

RollupChange change_of(const core::RecordSummary& summary, std::uint8_t flags) {
  RollupChange change;
  change_of(summary, flags, change);
  return change;
}

namespace {
/// Money saturates nowhere near its range; a sum that would leave it stays where it is, and a recount says so.
void add_cost(core::NanoUsd& sum, core::NanoUsd cost) {
  if (const auto total = sum.checked_add(cost)) sum = *total;
}
}  // namespace

void add_to(Lifetime& lifetime, const RollupChange& change, core::Instant time, int sessions) {
  add_cost(lifetime.cost, change.cost);
  if (!change.counts_as_request && !change.makes_session) return;
  if (change.counts_as_request) ++lifetime.requests;
  if (change.unpriced) ++lifetime.unpriced;
  lifetime.sessions += sessions;
  lifetime.first = std::min(lifetime.first.value_or(time), time);
  lifetime.last = std::max(lifetime.last.value_or(time), time);
}

void add_to(DayCell& cell, const RollupChange& change) {
  add_cost(cell.cost, change.cost);
  if (change.counts_as_request) ++cell.requests;
}

void add_to(SessionRow& session, const RollupChange& change, core::Instant time) {
  session.first = std::min(session.first, time);
  session.last = std::max(session.last, time);
  add_cost(session.cost, change.cost);
  if (change.counts_as_request) ++session.requests;
  if (change.unpriced) ++session.unpriced;
  session.modalities |= change.modality;
}

void take_from(Lifetime& lifetime, const RollupChange& change) {
  add_cost(lifetime.cost, core::NanoUsd(-change.cost.nano()));
  if (change.counts_as_request) --lifetime.requests;
  if (change.unpriced) --lifetime.unpriced;
}

void take_from(DayCell& cell, const RollupChange& change) {
  add_cost(cell.cost, core::NanoUsd(-change.cost.nano()));
  if (change.counts_as_request) --cell.requests;
}

}  // namespace talon::vault
