// Bursts of denials, and strangers at the door.
#include "gateway/guard/denials.h"

#include <algorithm>

namespace talon::gateway {
namespace {

constexpr core::Micros k_window{core::k_micros_per_second};

bool over(core::Micros opened, core::Micros now) noexcept { return now.count - opened.count >= k_window.count; }

core::EvidenceRecord stranger(std::string_view who, core::Code code, core::Instant clock, core::Random& random) {
  core::EvidenceRecord record;
  record.id = core::EvidenceId::make(clock, random);
  record.log = core::LogName::operator_log();
  core::OperatorDetail detail;
  detail.actor = std::string(who);
  detail.action = "refused";
  detail.target = std::string(core::word(code));
  detail.count = 1;
  record.detail = std::move(detail);
  return record;
}

}  // namespace

Denials::Answer Denials::denied(core::EvidenceRecord& record, core::Micros now, core::Instant clock,
                                core::Random& random) {
  const auto& detail = std::get<core::RequestDetail>(record.detail);
  std::string whose = record.log.bytes();
  whose += '\n';  // in no tenant id
  whose += detail.caller;
  const auto key = std::pair(std::move(whose), detail.decision.code.value_or(core::Code::internal_error));

  auto [found, fresh] = bursts_.try_emplace(key, Burst{now, std::nullopt});
  auto& burst = found->second;
  if (fresh || over(burst.opened, now)) {
    if (burst.merged) due_.push_back(*std::move(burst.merged));
    burst = {now, std::nullopt};
    record.id = core::EvidenceId::make(clock, random);
    return {record.id, true};
  }
  if (!burst.merged) {
    record.id = core::EvidenceId::make(clock, random);
    burst.merged = record;
    auto& merged = std::get<core::RequestDetail>(burst.merged->detail);
    merged.count = 0;
    merged.bodies.reset();
  }
  record.id = burst.merged->id;
  ++*std::get<core::RequestDetail>(burst.merged->detail).count;
  return {record.id, false};
}

std::optional<core::EvidenceRecord> Denials::refused_unknown(core::Code code, core::Micros now, core::Instant clock,
                                                             core::Random& random, std::string_view who) {
  const auto same = [&](const core::EvidenceRecord& record) {
    const auto& detail = std::get<core::OperatorDetail>(record.detail);
    return detail.actor == who && detail.target == core::word(code);
  };
  if (const auto waiting = std::ranges::find_if(unknown_, same); waiting != unknown_.end()) {
    ++*std::get<core::OperatorDetail>(waiting->detail).count;
  } else {
    unknown_.push_back(stranger(who, code, clock, random));
  }
  if (last_unknown_ && !over(*last_unknown_, now)) return std::nullopt;
  last_unknown_ = now;
  return take_unknown();
}

core::EvidenceRecord Denials::take_unknown() {
  auto record = std::move(unknown_.front());
  unknown_.erase(unknown_.begin());
  return record;
}

std::vector<core::EvidenceRecord> Denials::flush(core::Micros now, Which which) {
  auto out = std::exchange(due_, {});
  std::erase_if(bursts_, [&](auto& entry) {
    auto& burst = entry.second;
    if (which == Which::due && !over(burst.opened, now)) return false;
    if (burst.merged) out.push_back(*std::move(burst.merged));
    return true;
  });
  const bool due = which == Which::all || !last_unknown_ || over(*last_unknown_, now);
  if (due && !unknown_.empty()) {
    last_unknown_ = now;
    do out.push_back(take_unknown());
    while (which == Which::all && !unknown_.empty());
  }
  return out;
}

}  // namespace talon::gateway
