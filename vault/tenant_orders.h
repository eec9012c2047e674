// The orders that listings of tenants go on in. "Most recent activity first" changes with every call, so a listing keeps
// the order it began with: in a busy vault the next page would otherwise pass over all who were active meanwhile.
//
// Any thread. The last k_most listings are kept, and no more than k_most_places in all.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/time.h"
#include "vault/store/tables.h"

namespace talon::vault {

class TenantOrders {
 public:
  struct Place {
    LogNumber log{};
    core::Instant last;  ///< its activity when the order was found
  };
  using Order = std::shared_ptr<const std::vector<Place>>;
  static constexpr std::size_t k_most = 16, k_most_places = 2'000'000;

  /// The number under which it is found again, by who asks with the same text.
  [[nodiscard]] std::uint64_t keep(std::string text, Order order);
  /// nullptr: not kept any more.
  [[nodiscard]] Order find(std::uint64_t number, std::string_view text);

 private:
  struct Kept {
    std::uint64_t number = 0;
    std::string text;
    Order order;
  };
  std::mutex guard_;
  std::list<Kept> kept_;  ///< the last used first
};

}  // namespace talon::vault
