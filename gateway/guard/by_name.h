// ByName: state kept under a name by all workers, in shards with a short lock each. Addresses are stable; an entry lives
// until it is idle and its shard has grown.
//
// Thread rule: any thread. A State is touched only while its shard's lock is held, which is never across a wait.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace talon::gateway {

template <class State>
class ByName {
  /// A name whose hash is known: nothing is hashed under a lock.
  struct Hashed {
    std::string_view name;
    std::size_t hash;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Hashed& name) const noexcept { return name.hash; }
    std::size_t operator()(const std::string& name) const noexcept { return std::hash<std::string_view>{}(name); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const std::string& a, const std::string& b) const noexcept { return a == b; }
    bool operator()(const Hashed& a, const std::string& b) const noexcept { return a.name == b; }
    bool operator()(const std::string& a, const Hashed& b) const noexcept { return a == b.name; }
  };

 public:
  struct Shard {
    std::mutex lock;
    std::unordered_map<std::string, State, Hash, Equal> states;
    std::size_t sweep_at = 1024;
  };
  struct Place {
    Shard* shard;
    State* state;
  };

  /// Calls `work(State&)` under the lock; what was not there is made. `idle(const State&)` says which entries may go
  /// when the shard has grown; the answer's address is good while the entry is not idle.
  template <class Idle, class Work>
  Place with(std::string_view name, Idle idle, Work work) {
    const std::size_t hash = std::hash<std::string_view>{}(name);
    Shard& shard = shards_[(hash >> 32U) % shards_.size()];
    const std::scoped_lock guard(shard.lock);
    auto found = shard.states.find(Hashed{name, hash});
    if (found == shard.states.end()) {
      if (shard.states.size() >= shard.sweep_at) {
        std::erase_if(shard.states, [&](const auto& entry) { return idle(entry.second); });
        shard.sweep_at = std::max<std::size_t>(1024, 2 * shard.states.size());
      }
      found = shard.states.try_emplace(std::string(name)).first;
    }
    work(found->second);
    return Place{&shard, &found->second};
  }

 private:
  std::array<Shard, 64> shards_;
};

}  // namespace talon::gateway
