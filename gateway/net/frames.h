// Frames: memory of coroutines that have ended, kept for the next ones. A request makes about a dozen, always of the same
// sizes, and the larger ones are beyond what malloc keeps at hand for a thread (1 KiB).
//
// Bounds: k_kept of each size, sizes up to k_largest; what is more goes to the heap and back.
// Thread rule: each thread has its own.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace talon::gateway {

class Frames {
 public:
  Frames() = default;
  Frames(const Frames&) = delete;
  Frames& operator=(const Frames&) = delete;
  ~Frames() {
    for (Sort& sort : sorts_) {
      while (sort.first != nullptr) ::operator delete(sort.pop());
    }
  }

  [[nodiscard]] static Frames& of_this_thread() noexcept {
    thread_local Frames mine;
    return mine;
  }
  [[nodiscard]] void* take(std::size_t size) {
    if (size > k_largest) return ::operator new(size);
    Sort& sort = sort_of(size);
    return sort.first != nullptr ? sort.pop() : ::operator new((size + k_step - 1) / k_step * k_step);
  }
  void give_back(void* frame, std::size_t size) noexcept {
    if (size > k_largest || sort_of(size).count >= k_kept) return ::operator delete(frame);
    sort_of(size).push(frame);
  }

 private:
  static constexpr std::size_t k_step = 256;
  static constexpr std::size_t k_largest = 8 * 1024;
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  static constexpr std::size_t k_kept = 0;  // it is to see a frame used after its end
#else
  static constexpr std::size_t k_kept = 64;
#endif
#else
  static constexpr std::size_t k_kept = 64;
#endif

  struct Kept {
    Kept* next;
  };
  struct Sort {
    Kept* first = nullptr;
    std::size_t count = 0;
    void push(void* frame) noexcept {
      first = new (frame) Kept{first};
      ++count;
    }
    void* pop() noexcept {
      Kept* const frame = first;
      first = frame->next;
      --count;
      return frame;
    }
  };
  [[nodiscard]] Sort& sort_of(std::size_t size) noexcept { return sorts_[(size - 1) / k_step]; }
  std::array<Sort, k_largest / k_step> sorts_{};
};

}  // namespace talon::gateway
