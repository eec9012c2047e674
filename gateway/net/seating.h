// How a worker comes by a seat (guard/tenants.h) that it does not have: the look-up thread loads it, and the worker
// keeps it.
//
// Thread rule: the worker's.
#pragma once

#include <expected>

#include "gateway/guard/tenants.h"
#include "gateway/net/task.h"

namespace talon::gateway {

class Worker;

enum class SeatNeed : std::uint8_t {
  known,   ///< what is known of the tenant; its log may stay closed (Seat::key is nullptr then)
  tagged,  ///< its log open, within limits.tenants
};
/// Refusals: 403 tenant_limit_exceeded, 503 overloaded or vault_unavailable.
[[nodiscard]] Task<std::expected<SeatRef, Refusal>> seat_of(Worker& worker, core::LogName log, SeatNeed need);
/// Of the tenant that a registry key belongs to.
[[nodiscard]] Task<std::expected<SeatRef, Refusal>> seat_of_key(Worker& worker, vault::LogNumber number);

}  // namespace talon::gateway
