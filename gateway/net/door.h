// Door: one listening address as its connections see it: what is answered behind it, and its certificate. Doors are part
// of a generation: a reload may bring other certificates, never other addresses.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/config.h"
#include "core/error.h"
#include "gateway/api/routes.h"
#include "gateway/net/tls.h"

namespace talon::gateway {

enum class Serves : std::uint8_t {
  everything,  ///< no admin_listen is configured
  data,        ///< `listen` beside an admin_listen: neither admin and dashboard routes nor operations
  admin,       ///< `admin_listen`: all but the data plane
};
[[nodiscard]] bool is_served(Serves serves, Who who) noexcept;

struct Door {
  Serves serves = Serves::everything;
  std::shared_ptr<const TlsIdentity> tls;  ///< nullptr: plain HTTP
};
/// In the order of `listen`, then of `admin_listen`.
using Doors = std::vector<Door>;
using DoorsRef = std::shared_ptr<const Doors>;

/// Reads the certificates. Error: config_invalid naming the file and what is wrong with it.
[[nodiscard]] core::Result<DoorsRef> make_doors(const core::Config& config);

/// What cannot change while the server runs: addresses, whether they speak TLS, durability, the journal's priority. Error: config_invalid naming
/// the member.
[[nodiscard]] core::Result<void> check_unchanged(const core::Config& running, const core::Config& next);

}  // namespace talon::gateway
