// Deferred: work for a moment later that mostly turns out not to be needed by then. Deferring and forgetting cost a few
// pointers each; the loop wakes for the oldest.
//
// Thread rule: the loop's.
#pragma once

#include <cstdint>

namespace talon::gateway {

class Loop;

class Deferred {
 public:
  Deferred() = default;
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  [[nodiscard]] bool waiting() const noexcept { return loop_ != nullptr; }

 protected:
  /// Forgets itself.
  ~Deferred();

 private:
  friend class Loop;
  /// Its time has come; it is not waiting any more and may be deferred again.
  virtual void run() = 0;

  Loop* loop_ = nullptr;  ///< while it waits
  Deferred* next_ = nullptr;
  Deferred* previous_ = nullptr;
  std::int64_t due_us_ = 0;
};

}  // namespace talon::gateway
