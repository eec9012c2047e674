// Task: the coroutine of this room. Lazy: it runs when awaited, or when start() sends it off. Its end
// resumes whoever awaits it, without going through the event loop.
//
//   Task<int> length(Socket& socket);
//   const int n = co_await length(socket);
//   start(serve(connection));              // runs until its first wait, then by itself
//
// Thread rule: a task lives on one worker. Parameters are values, or references to what provably
// outlives it (style.md). An exception that leaves a task ends the process: ours do not throw.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "gateway/net/frames.h"

namespace talon::gateway {

template <class T = void>
class Task;

namespace task_detail {

struct PromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();

  struct Final {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      return self.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  static void* operator new(std::size_t size) { return Frames::of_this_thread().take(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    Frames::of_this_thread().give_back(frame, size);
  }
  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  void return_value(T&& result) { value.emplace(std::move(result)); }
  void return_value(const T& result) { value.emplace(result); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
};

/// A coroutine nobody awaits: runs at once, frees itself at its end.
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

}  // namespace task_detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = task_detail::Promise<T>;

  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      std::coroutine_handle<promise_type> handle;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
        handle.promise().continuation = awaiting;
        return handle;
      }
      T await_resume() const {
        if constexpr (!std::is_void_v<T>) return std::move(*handle.promise().value);
      }
    };
    return Awaiter{handle_};
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

namespace task_detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
inline Detached run_detached(Task<void> task) { co_await std::move(task); }
}  // namespace task_detail

/// Runs `task` now, until its first wait; the event loop carries it from there.
inline void start(Task<void> task) { task_detail::run_detached(std::move(task)); }

}  // namespace talon::gateway
