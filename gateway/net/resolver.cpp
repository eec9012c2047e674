// See resolver.h.
#include "gateway/net/resolver.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "gateway/net/parking.h"

namespace talon::gateway {
namespace {

/// One look-up. `parking` is touched on the loop's thread only, and cleared when its waiter leaves.
struct Query {
  std::string host;
  std::uint16_t port = 0;
  Loop* loop = nullptr;
  Parking* parking = nullptr;
  std::optional<core::Result<std::vector<Address>>> answer;
};

}  // namespace

struct Resolver::State {
  std::mutex mutex;
  std::deque<std::shared_ptr<Query>> queue;
  std::size_t threads = 0;
  bool closed = false;

  /// Runs until the queue is empty. The state is shared: a thread stuck in getaddrinfo may outlive us.
  static void work(const std::shared_ptr<State>& state) {
    for (;;) {
      std::shared_ptr<Query> query;
      {
        const std::lock_guard lock(state->mutex);
        if (state->closed || state->queue.empty()) {
          --state->threads;
          return;
        }
        query = std::move(state->queue.front());
        state->queue.pop_front();
      }
      auto answer = look_up(query->host, query->port, Lookup::full);
      const std::lock_guard lock(state->mutex);
      if (state->closed) continue;  // the loops may be gone
      query->loop->post([query, found = std::move(answer)]() mutable {
        query->answer = std::move(found);
        if (query->parking != nullptr) query->parking->wake();
      });
    }
  }
};

Resolver::Resolver() : state_(std::make_shared<State>()) {}

Resolver::~Resolver() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  state_->queue.clear();
}

Task<core::Result<std::vector<Address>>> Resolver::resolve(Loop& loop, std::string host, std::uint16_t port,
                                                           Deadline deadline, Interrupts& interrupts) {
  auto literal = look_up(host, port, Lookup::literal_only);
  if (literal && !literal->empty()) co_return literal;

  const auto query = std::make_shared<Query>(Query{std::move(host), port, &loop, nullptr, std::nullopt});
  Parking parking(loop);
  query->parking = &parking;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->queue.size() >= k_queue)
      co_return core::fail(core::Code::overloaded, "Too many host names wait to be resolved.");
    state_->queue.push_back(query);
    if (state_->threads < k_threads) {
      ++state_->threads;
      std::thread([state = state_] { State::work(state); }).detach();
    }
  }
  const Wake wake = co_await parking.wait(deadline, &interrupts);
  query->parking = nullptr;
  if (wake == Wake::ready) co_return std::move(*query->answer);
  if (wake == Wake::timeout)
    co_return core::fail(core::Code::provider_timeout, "The provider's host name was not resolved in time.");
  co_return core::fail(core::Code::cancelled,
                       "The call was cancelled while the provider's host name was being resolved.");
}

}  // namespace talon::gateway
