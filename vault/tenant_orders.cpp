#include "vault/tenant_orders.h"

#include <algorithm>
#include <span>

#include "core/random.h"

namespace talon::vault {

std::uint64_t TenantOrders::keep(std::string text, Order order) {
  core::SystemRandom random;
  std::uint64_t number = 0;
  random.fill(std::as_writable_bytes(std::span(&number, 1)));
  const std::lock_guard lock(guard_);
  kept_.push_front({number, std::move(text), std::move(order)});
  std::size_t places = 0, count = 0;
  for (auto at = kept_.begin(); at != kept_.end();) {
    places += at->order->size();
    count += 1;
    const bool stays = count == 1 || (count <= k_most && places <= k_most_places);
    at = stays ? std::next(at) : kept_.erase(at);
  }
  return number;
}

TenantOrders::Order TenantOrders::find(std::uint64_t number, std::string_view text) {
  const std::lock_guard lock(guard_);
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& kept) { return kept.number == number && kept.text == text; });
  if (found == kept_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found);
  return found->order;
}

}  // namespace talon::vault
