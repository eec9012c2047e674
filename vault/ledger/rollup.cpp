#include "vault/ledger/rollup.h"

namespace talon::vault {
namespace {

constexpr std::uint32_t k_lifetime_day = 0xffffffff;
constexpr std::size_t k_name_hash = 16;

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
  append_number(out, requests);
  append_number(out, unpriced);
  append_number(out, cost.nano());
  append_number(out, first.micros);
  append_number(out, last.micros);
  out += id;
  return out;
}

std::optional<SessionRow> SessionRow::decode(std::string_view value) {
  ByteReader in(value);
  SessionRow out;
  out.requests = in.number<std::int64_t>();
  out.unpriced = in.number<std::int64_t>();
  out.cost = core::NanoUsd(in.number<std::int64_t>());
  out.first = {in.number<std::int64_t>()};
  out.last = {in.number<std::int64_t>()};
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

std::optional<RollupKey> decode_rollup_key(std::string_view key) {
  ByteReader in(key);
  RollupKey out;
  out.log = static_cast<LogNumber>(in.number<std::uint32_t>());
  const auto day = in.number<std::uint32_t>();
  const auto dimension = in.number<std::uint8_t>();
  if (!in.ok() || dimension > static_cast<std::uint8_t>(Dimension::model)) return std::nullopt;
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
  return flags;
}

RollupChange change_of(const core::RecordSummary& summary, std::uint8_t flags) {
  RollupChange change;
  change.counts_as_request = (flags & k_flag_request) != 0;
  change.unpriced = (flags & k_flag_unpriced) != 0;
  if (summary.has_cost) change.cost = summary.cost;
  change.caller = summary.caller.value_or("");
  change.provider = summary.provider.value_or("");
  change.model = summary.model.value_or("");
  if ((flags & k_flag_session) != 0) change.session = summary.session.value_or("");
  return change;
}

namespace {
/// Money saturates nowhere near its range; a sum that would leave it stays where it is, and a recount says so.
void add_cost(core::NanoUsd& sum, core::NanoUsd cost) {
  if (const auto total = sum.checked_add(cost)) sum = *total;
}
}  // namespace

void add_to(Lifetime& lifetime, const RollupChange& change, core::Instant time, bool opens_session) {
  add_cost(lifetime.cost, change.cost);
  if (!change.counts_as_request) return;
  ++lifetime.requests;
  if (change.unpriced) ++lifetime.unpriced;
  if (opens_session) ++lifetime.sessions;
  if (!lifetime.first) lifetime.first = time;
  lifetime.last = time;
}

void add_to(DayCell& cell, const RollupChange& change) {
  add_cost(cell.cost, change.cost);
  if (change.counts_as_request) ++cell.requests;
}

void add_to(SessionRow& session, const RollupChange& change, core::Instant time) {
  if (session.requests == 0) session.first = time;
  session.last = time;
  add_cost(session.cost, change.cost);
  ++session.requests;
  if (change.unpriced) ++session.unpriced;
}

}  // namespace talon::vault
