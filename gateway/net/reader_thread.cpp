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

bool ReaderThread::Wait::await_suspend(std::coroutine_handle<> waiter) {
  const std::lock_guard lock(reader_.mutex_);
  taken_ = reader_.queue_.size() < k_queue;
  if (!taken_) return false;
  reader_.queue_.push_back({&job_, &loop_, waiter});
  reader_.changed_.notify_one();
  return true;
}

bool ReaderThread::post(Job job) {
  const std::lock_guard lock(mutex_);
  if (queue_.size() >= k_queue) return false;
  queue_.push_back({nullptr, nullptr, {}, std::move(job)});
  changed_.notify_one();
  return true;
}

void ReaderThread::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Entry entry = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    (entry.job != nullptr ? *entry.job : entry.own)();
    if (entry.loop != nullptr) entry.loop->post([waiter = entry.waiter] { waiter.resume(); });
    lock.lock();
  }
}

}  // namespace talon::gateway
