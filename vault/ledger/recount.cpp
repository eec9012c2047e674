#include "vault/ledger/recount.h"

#include <algorithm>

namespace talon::vault {
namespace {

core::NanoUsd sum(core::NanoUsd a, core::NanoUsd b) { return a.checked_add(b).value_or(a); }

template <class Map>
void append_unseen(const Map& map, std::vector<std::string>& keys) {
  for (const auto& [key, counted] : map) {
    if (!counted.seen) keys.push_back(key);
  }
}

}  // namespace

void Recount::count(LogNumber log, const RollupChange& change, core::Instant time, int sessions, Way way) {
  if (log == k_whole_vault && !whole_) return;
  auto& lifetime = lifetimes_[std::string(lifetime_key(log).view())].sums;
  if (way == Way::add) {
    add_to(lifetime, change, time, sessions);
  } else {
    take_from(lifetime, change);
  }
  if (!change.counts_as_request && change.cost.nano() == 0) return;
  const auto day = core::day_of(time);
  each_dimension(log, change, names_, [&](Dimension dimension, std::string_view name) {
    scratch_.assign(day_prefix(log, day, dimension).view());
    scratch_ += name;
    auto& recent = recent_[static_cast<std::size_t>(dimension) + (log == k_whole_vault ? k_dimensions : 0)];
    if (recent.cell == nullptr || recent.spelled != scratch_) {
      auto known = name_keys_.find(scratch_);
      if (known == name_keys_.end()) {
        known = name_keys_.emplace(scratch_, day_key(log, day, dimension, name).view()).first;
      }
      recent = {scratch_, &cells_[known->second]};
      recent.cell->sums.name = name;
    }
    if (way == Way::add) {
      add_to(recent.cell->sums, change);
    } else {
      take_from(recent.cell->sums, change);
    }
  });
}

void Recount::add(const RowHeader& header, const core::RecordSummary& summary, const core::LogName& log,
                  Position position) {
  if (log.is_unattributed()) unattributed_ = header.log;
  if (summary.kind == "attribution") return check_attribution(header, summary);
  auto& change = change_;
  change_of(summary, header.flags, change);
  if (!moves_rollups(change)) return;
  auto& money = money_[static_cast<std::uint32_t>(header.log)];
  money = sum(money, change.cost);
  const bool tenants = log.is_tenant();
  if (change.session.empty() || !(change.counts_as_request || change.makes_session)) {
    const int opens = change.counts_as_request ? 1 : 0;
    count(header.log, change, header.time, opens, Way::add);
    count(k_whole_vault, change, header.time, opens, Way::add);
    if (!tenants) alone_.emplace_back(position, header.time);
    return;
  }
  const bool shared = change.operator_session || !tenants;
  const auto space = shared ? unattributed_ : header.log;
  const std::string key(session_key(space, change.session).view());
  auto& session = sessions_[key];
  int opens = session.exists ? 0 : 1;
  if (!session.exists) {
    session.exists = true;
    session.sums.id = change.session;
    session.sums.modalities = Modality::llm;
    if (change.adopts_call && adopt(session, space, position)) {
      opens = 0;
    } else {
      if (change.adopts_call) wrong_.push_back("the record " + summary.id.text() + " names a call that is not there");
      session.sums.first = session.sums.last = header.time;
      session.sums.tenant = tenants ? header.log : LogNumber{};
      session.sums.project = change.project;
    }
    if (session.sums.tenant == LogNumber{}) nobodys_.insert(key);
  }
  if (change.session.starts_with("ses_") && change.session == uid_text(header.id)) session.sums.uid = header.id;
  if (shared && tenants && session.sums.tenant == LogNumber{}) {
    give(session, header.log);
    nobodys_.erase(key);
  }
  add_to(session.sums, change, header.time);
  const bool loose = !tenants && session.sums.tenant == LogNumber{};
  count(tenants ? header.log : loose ? unattributed_ : session.sums.tenant, change, header.time, opens, Way::add);
  count(k_whole_vault, change, header.time, opens, Way::add);
  if (!loose && !tenants && change.counts_as_request) expect(session.sums.tenant, {summary.id, change.cost});
  if (loose) session.loose.push_back({change, header.time, summary.id, position});
}

bool Recount::adopt(Session& session, LogNumber space, Position before) {
  const auto id = parse_uid(session.sums.id);
  const auto call = id && look_up_ ? look_up_(*id) : std::nullopt;
  if (!call || call->position >= before || !is_own_session(call->header) ||
      space_of_call(call->header, unattributed_) != space) {
    return false;
  }
  const auto time = call->header.time;
  auto change = change_of(call->summary, call->header.flags);
  auto& sums = session.sums;
  sums.uid = *id;
  sums.first = sums.last = time;
  sums.project = change.project;
  add_to(sums, change, time);
  if (call->header.log != unattributed_) {
    sums.tenant = call->header.log;
    return true;
  }
  adopted_.insert(call->position);
  session.loose.push_back({std::move(change), time, call->summary.id, call->position});
  return true;
}

void Recount::give(Session& session, LogNumber winner) {
  for (const auto& call : session.loose) {
    count(unattributed_, call.change, call.time, 0, Way::take);
    count(winner, call.change, call.time, 0, Way::add);
    if (call.change.counts_as_request) expect(winner, {call.id, call.change.cost});
  }
  session.loose.clear();
  session.sums.tenant = winner;
  ++lifetimes_[std::string(lifetime_key(winner).view())].sums.sessions;
  --lifetimes_[std::string(lifetime_key(unattributed_).view())].sums.sessions;
}

void Recount::expect(LogNumber winner, const core::AttributedCall& call) {
  due_[static_cast<std::uint32_t>(winner)].push_back(call);
  due_[static_cast<std::uint32_t>(unattributed_)].push_back(call);
}

void Recount::check_attribution(const RowHeader& header, const core::RecordSummary& summary) {
  const auto log = static_cast<std::uint32_t>(header.log);
  const bool released = summary.event == "released";
  auto& money = money_[log];
  money = sum(money, released ? core::NanoUsd(-summary.calls_cost.nano()) : summary.calls_cost);
  auto& due = due_[log];
  core::NanoUsd total;
  bool fits = released == (header.log == unattributed_) && !summary.calls.empty();
  for (const auto& call : summary.calls) {
    fits = fits && !due.empty() && due.front() == call;
    if (!due.empty()) due.pop_front();
    total = sum(total, call.cost);
  }
  if (!fits || total != summary.calls_cost) {
    wrong_.push_back("the attribution record " + summary.id.text() + " names other calls than its session had");
  }
}

std::vector<std::string> Recount::problems() const {
  auto out = wrong_;
  for (const auto& [log, due] : due_) {
    if (!due.empty()) out.push_back("calls of log number " + std::to_string(log) + " moved without attribution record");
  }
  for (const auto& [log, money] : money_) {
    const auto found = lifetimes_.find(std::string(lifetime_key(LogNumber{log}).view()));
    if (found == lifetimes_.end() ? money.nano() != 0 : found->second.sums.cost != money) {
      out.push_back("the money of log number " + std::to_string(log) + " is not what its records and attributions say");
    }
  }
  return out;
}

/// The unattributed bucket's first and last are those of what is left in it.
std::string Recount::encode_lifetime(std::string_view key, const Lifetime& sums) const {
  auto out = sums;
  if (unattributed_ != LogNumber{} && key == lifetime_key(unattributed_).view()) {
    const auto alone = [this](const auto& call) { return !adopted_.contains(call.first); };
    const auto first = std::find_if(alone_.begin(), alone_.end(), alone);
    const auto last = std::find_if(alone_.rbegin(), alone_.rend(), alone);
    out.first = first == alone_.end() ? std::nullopt : std::optional(first->second);
    out.last = last == alone_.rend() ? std::nullopt : std::optional(last->second);
    for (const auto& name : nobodys_) {
      const auto& session = sessions_.at(name);
      for (const auto& call : {session.loose.front().time, session.loose.back().time}) {
        out.first = std::min(out.first.value_or(call), call);
        out.last = std::max(out.last.value_or(call), call);
      }
    }
  }
  return std::string(out.encode().view());
}

std::optional<std::string> Recount::expected_rollup(std::string_view key) {
  const auto decoded = decode_rollup_key(key);
  if (!decoded) return std::nullopt;
  if (decoded->lifetime) {
    const auto found = lifetimes_.find(std::string(key));
    if (found == lifetimes_.end()) return std::nullopt;
    found->second.seen = true;
    return encode_lifetime(key, found->second.sums);
  }
  const auto found = cells_.find(std::string(key));
  if (found == cells_.end()) return std::nullopt;
  found->second.seen = true;
  return found->second.sums.encode();
}

std::optional<bool> Recount::session_fits(std::string_view key, std::string_view value) {
  const auto found = sessions_.find(std::string(key));
  if (found == sessions_.end()) return std::nullopt;
  found->second.seen = true;
  const auto stored = SessionRow::decode(value);
  if (!stored) return false;
  const auto& should = found->second.sums;
  return stored->requests == should.requests && stored->unpriced == should.unpriced && stored->cost == should.cost &&
         stored->first == should.first && stored->last == should.last && stored->id == should.id &&
         (should.uid == IdBytes{} || stored->uid == should.uid) && (!whole_ || stored->tenant == should.tenant);
}

std::vector<std::string> Recount::unseen_rollups() const {
  std::vector<std::string> keys;
  append_unseen(lifetimes_, keys);
  append_unseen(cells_, keys);
  return keys;
}

std::vector<std::string> Recount::unseen_sessions() const {
  std::vector<std::string> keys;
  append_unseen(sessions_, keys);
  return keys;
}

void Recount::each_rollup(const std::function<void(std::string_view, std::string_view)>& visit) {
  for (const auto& [key, counted] : lifetimes_) visit(key, encode_lifetime(key, counted.sums));
  for (const auto& [key, counted] : cells_) visit(key, counted.sums.encode());
}

void Recount::each_session(const std::function<void(std::string_view, SessionRow&)>& visit) {
  for (auto& [key, session] : sessions_) visit(key, session.sums);
}

void Recount::each_loose(const std::function<void(Position, std::string_view)>& visit) {
  for (const auto& [position, time] : alone_) {
    if (!adopted_.contains(position)) visit(position, {});
  }
  for (const auto& [key, session] : sessions_) {
    for (const auto& call : session.loose) visit(call.position, key);
  }
}

}  // namespace talon::vault
