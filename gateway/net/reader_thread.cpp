// See reader_thread.h.
#include "gateway/net/reader_thread.h"

namespace talon::gateway {

ReaderThread::ReaderThread() : thread_([this] { work(); }) {}

ReaderThread::~ReaderThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool ReaderThread::take(Entry entry, Turn turn) {
  auto& queue = turn == Turn::first ? first_ : in_order_;
  if (queue.size() >= k_queue) return false;
  queue.push_back(std::move(entry));
  changed_.notify_one();
  return true;
}

bool ReaderThread::Wait::await_suspend(std::coroutine_handle<> waiter) {
  const std::lock_guard lock(reader_.mutex_);
  taken_ = reader_.take({&job_, &loop_, waiter}, turn_);
  return taken_;
}

bool ReaderThread::post(Job job, Turn turn) {
  const std::lock_guard lock(mutex_);
  return take({nullptr, nullptr, {}, std::move(job)}, turn);
}

void ReaderThread::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !next().empty(); });
    auto& queue = next();
    if (queue.empty()) return;
    Entry entry = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    (entry.job != nullptr ? *entry.job : entry.own)();
    if (entry.loop != nullptr) entry.loop->post([waiter = entry.waiter] { waiter.resume(); });
    lock.lock();
  }
}

}  // namespace talon::gateway
