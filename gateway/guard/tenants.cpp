// See tenants.h.
#include "gateway/guard/tenants.h"

#include <algorithm>
#include <utility>

namespace talon::gateway {
namespace {

using core::Code;

const SeatRef k_no_seat;

std::optional<core::TenantId> tenant_of(const core::LogName& log) {
  if (!log.is_tenant()) return std::nullopt;
  auto tenant = core::TenantId::parse(log.bytes());
  if (!tenant) return std::nullopt;
  return *std::move(tenant);
}

}  // namespace

std::optional<Refusal> check_account(const Seat& seat) {
  return seat.account == nullptr ? std::nullopt : check_account(seat.account->row);
}

std::optional<Refusal> check_account(const vault::AccountRow& row) {
  const std::string whose = "The account of tenant \"" + row.id.bytes() + "\" is ";
  switch (row.status) {
    case vault::AccountStatus::active:
      return std::nullopt;
    case vault::AccountStatus::suspended:
      return Refusal{core::Error{Code::tenant_suspended,
                                 whose + "suspended; the operator of this gateway can resume it.", std::nullopt}};
    case vault::AccountStatus::closed:
      break;
  }
  return Refusal{core::Error{Code::tenant_closed, whose + "closed.", std::nullopt}};
}

SeatRef Tenants::kept(const core::LogName& log) const {
  const std::lock_guard lock(mutex_);
  const auto found = seats_.find(log);
  return found == seats_.end() ? nullptr : found->second;
}

Tenants::ContentKeyRef Tenants::key_of(const core::LogName& log) const {
  const std::lock_guard lock(mutex_);
  const auto found = keys_.find(log);
  return found == keys_.end() ? nullptr : found->second;
}

core::Result<SeatRef> Tenants::load(const core::LogName& log, bool open_log) {
  std::uint64_t drops = 0;
  {
    const std::lock_guard lock(mutex_);
    drops = drops_;
  }
  auto seat = std::make_shared<Seat>();
  seat->log = log;
  seat->tenant = tenant_of(log);
  if (seat->tenant && sources_.registry != nullptr) {
    auto account = sources_.registry->open_account(*seat->tenant);
    if (!account) {
      return core::fail(Code::vault_unavailable,
                        "The account of tenant \"" + log.bytes() + "\" cannot be opened: " + account.error().message);
    }
    seat->account = *std::move(account);
  }
  seat->key = key_of(log);
  if (seat->key == nullptr && open_log) {
    TALON_TRY(key, sources_.open_log(log));
    const std::lock_guard lock(mutex_);
    seat->key = keys_.try_emplace(log, std::move(key)).first->second;
  }
  if (sources_.meters && seat->key != nullptr) {
    TALON_TRY(meters, sources_.meters(log, seat->account));
    seat->meters = meters;
  }
  if (seat->key != nullptr) {
    const std::lock_guard lock(mutex_);
    // An account that changed while it was read is read again by the next request.
    if (drops == drops_) seats_.insert_or_assign(log, seat);
  }
  return SeatRef(std::move(seat));
}

core::Result<SeatRef> Tenants::open(const core::LogName& log) {
  if (auto known = kept(log)) return known;
  return load(log, true);
}

core::Result<SeatRef> Tenants::look(const core::LogName& log) {
  if (auto known = kept(log)) return known;
  return load(log, false);
}

core::Result<SeatRef> Tenants::of_key(vault::LogNumber number) {
  if (sources_.registry == nullptr) return core::fail(Code::not_found, "There are no accounts here.");
  TALON_TRY(tenant, sources_.registry->tenant_of(number));
  if (!tenant) return core::fail(Code::not_found, "The key's tenant is not known.");
  return open(core::LogName::of(*tenant));
}

core::Result<SeatRef> Tenants::open_tagged(const core::LogName& log, std::size_t most) {
  // Open: the configuration names it, it has an account, or it was counted before.
  if (key_of(log) != nullptr || !log.is_tenant()) return open(log);
  const std::lock_guard one_by_one(tagging_);
  TALON_TRY(by_tag, came_by_tag(log));
  if (!by_tag) return open(log);
  TALON_TRY_VOID(count_earlier(most));
  if (!tagged_.contains(log) && tagged_.size() >= most) {
    return core::fail(Code::tenant_limit_exceeded,
                      "Too many tenants are known here already; no new tenant id is taken.");
  }
  TALON_TRY(seat, open(log));
  tagged_.insert(log);
  return std::move(seat);
}

core::Result<bool> Tenants::came_by_tag(const core::LogName& log) const {
  const auto tenant = tenant_of(log);
  if (!tenant || sources_.registry == nullptr) return true;
  TALON_TRY(row, sources_.registry->account(*tenant));
  return !row || row->source == vault::AccountSource::tag;
}

/// What the configuration names is open by now; other tenants in the vault came by tag or have an account. Which of
/// them is looked up only when it matters: there may be a hundred thousand.
core::Result<void> Tenants::count_earlier(std::size_t most) {
  if (!counted_) {
    TALON_TRY(logs, sources_.logs());
    const std::lock_guard lock(mutex_);
    for (auto& log : logs) {
      if (log.is_tenant() && !keys_.contains(log)) tagged_.insert(std::move(log));
    }
    counted_ = true;
  }
  if (exact_ || tagged_.size() < most) return {};
  std::vector<core::LogName> with_account;
  for (const auto& log : tagged_) {
    TALON_TRY(by_tag, came_by_tag(log));
    if (!by_tag) with_account.push_back(log);
  }
  for (const auto& log : with_account) tagged_.erase(log);
  exact_ = true;
  return {};
}

void Tenants::drop(const core::LogName& log) {
  const std::lock_guard lock(mutex_);
  seats_.erase(log);
  ++drops_;
}

const SeatRef& SeatCache::find(const core::LogName& log) const noexcept {
  const auto found = slots_.find(log);
  return found == slots_.end() ? k_no_seat : found->second;
}

const SeatRef& SeatCache::find(vault::LogNumber number) const noexcept {
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? k_no_seat : *found->second;
}

SeatRef SeatCache::keep(const SeatRef& seat, std::uint64_t epoch) {
  if (epoch != epoch_ || seat->key == nullptr) return seat;
  // A count of its own: requests take and drop references, and one count for all workers would go back and forth
  // between their cores.
  const auto own = std::make_shared<const SeatRef>(seat);
  return slots_.insert_or_assign(seat->log, SeatRef(own, own->get())).first->second;
}

SeatRef SeatCache::keep(vault::LogNumber number, const SeatRef& seat, std::uint64_t epoch) {
  auto used = keep(seat, epoch);
  if (const auto slot = slots_.find(seat->log); slot != slots_.end())
    by_number_.insert_or_assign(number, &slot->second);
  return used;
}

void SeatCache::forget(const core::LogName& log) {
  ++epoch_;
  if (const auto slot = slots_.find(log); slot != slots_.end()) slot->second = nullptr;
}

}  // namespace talon::gateway
