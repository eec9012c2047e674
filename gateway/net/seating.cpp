// See seating.h.
#include "gateway/net/seating.h"

#include <optional>
#include <utility>

#include "gateway/net/worker.h"

namespace talon::gateway {
namespace {

using Loaded = std::optional<core::Result<SeatRef>>;

std::unexpected<Refusal> why_not(const Loaded& loaded) {
  if (!loaded) return refuse(core::Code::overloaded, "Too many requests wait for the vault; try again shortly.");
  return refuse(loaded->error());
}

}  // namespace

Task<std::expected<SeatRef, Refusal>> seat_of(Worker& worker, core::LogName log, SeatNeed need) {
  const auto epoch = worker.seats.epoch();
  Tenants& tenants = worker.shared.tenants;
  const auto most = static_cast<std::size_t>(worker.snapshot()->loaded.config.max_tagged_tenants);
  Loaded loaded;
  ReaderThread::Job job = [&] {
    loaded = need == SeatNeed::tagged ? tenants.open_tagged(log, most) : tenants.look(log);
  };
  const bool taken = co_await worker.shared.lookups.run(worker.loop, job);
  if (!taken || !*loaded) co_return why_not(loaded);
  co_return worker.seats.keep(**loaded, epoch);
}

Task<std::expected<SeatRef, Refusal>> seat_of_key(Worker& worker, vault::LogNumber number) {
  const auto epoch = worker.seats.epoch();
  Tenants& tenants = worker.shared.tenants;
  Loaded loaded;
  ReaderThread::Job job = [&] { loaded = tenants.of_key(number); };
  const bool taken = co_await worker.shared.lookups.run(worker.loop, job);
  if (!taken || !*loaded) co_return why_not(loaded);
  co_return worker.seats.keep(number, **loaded, epoch);
}

}  // namespace talon::gateway
