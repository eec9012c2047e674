// See door.h.
#include "gateway/net/door.h"

#include <algorithm>

namespace talon::gateway {
namespace {

core::Error needs_restart(const std::string& member, const core::Place& place) {
  return {core::Code::config_invalid,
          "\"" + member + "\" cannot change while the server runs; restart it, or put the old value back", place};
}

core::Result<void> add_doors(const std::vector<core::ListenAddress>& addresses, Serves serves, Doors& doors) {
  for (const auto& address : addresses) {
    Door door{serves, nullptr};
    if (address.tls) {
      auto identity = TlsIdentity::load(address.tls->certificate, address.tls->private_key);
      if (!identity) {
        core::Error error = identity.error();
        error.place = address.place;
        return core::fail(std::move(error));
      }
      door.tls = std::move(*identity);
    }
    doors.push_back(std::move(door));
  }
  return {};
}

bool same_addresses(const std::vector<core::ListenAddress>& a, const std::vector<core::ListenAddress>& b) {
  return std::ranges::equal(a, b, [](const core::ListenAddress& one, const core::ListenAddress& other) {
    return one.host == other.host && one.port == other.port && one.unix_path == other.unix_path &&
           one.tls.has_value() == other.tls.has_value();
  });
}

core::Place place_of(const core::Config& config, const std::vector<core::ListenAddress>& addresses) {
  return addresses.empty() ? core::Place{config.file} : addresses.front().place;
}

}  // namespace

bool is_served(Serves serves, Who who) noexcept {
  switch (serves) {
    case Serves::data:
      return who != Who::admin && who != Who::anyone;
    case Serves::admin:
      return who != Who::caller;
    case Serves::everything:
      break;
  }
  return true;
}

core::Result<DoorsRef> make_doors(const core::Config& config) {
  auto doors = std::make_shared<Doors>();
  TALON_TRY_VOID(add_doors(config.listen, config.admin_listen.empty() ? Serves::everything : Serves::data, *doors));
  TALON_TRY_VOID(add_doors(config.admin_listen, Serves::admin, *doors));
  return DoorsRef(std::move(doors));
}

core::Result<void> check_unchanged(const core::Config& running, const core::Config& next) {
  if (!same_addresses(running.listen, next.listen))
    return core::fail(needs_restart("server.listen", place_of(next, next.listen)));
  if (!same_addresses(running.admin_listen, next.admin_listen))
    return core::fail(needs_restart("server.admin_listen", place_of(next, next.admin_listen)));
  if (running.durability != next.durability)
    return core::fail(needs_restart("vault.durability", core::Place{next.file}));
  if (running.journal_priority != next.journal_priority)
    return core::fail(needs_restart("vault.priority", core::Place{next.file}));
  return {};
}

}  // namespace talon::gateway
