#include "vault/log/crew.h"

#include <algorithm>
#include <system_error>

namespace talon::vault {
namespace {

constexpr std::size_t k_block = 32;      ///< things that one thread takes at a time
constexpr std::size_t k_worth_it = 256;  ///< fewer are not worth waking anybody
constexpr std::size_t k_most = 8;

}  // namespace

Crew::~Crew() {
  {
    const std::lock_guard lock(guard_);
    over_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Crew::start(std::size_t count, std::function<void(std::size_t)> work) {
  const bool worth_it = count >= k_worth_it;
  if (worth_it && threads_.empty()) {
    const std::size_t processors = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, k_most);
    try {
      while (threads_.size() + 1 < processors) threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): fewer threads, and more for the owner to do
    }
  }
  {
    const std::lock_guard lock(guard_);
    work_ = std::move(work);
    count_ = count;
    next_.store(0);
    if (worth_it) ++job_;
  }
  if (worth_it) wake_.notify_all();
}

void Crew::finish() {
  help();
  std::unique_lock lock(guard_);
  idle_.wait(lock, [this] { return helping_ == 0; });
  count_ = 0;
}

void Crew::help() {
  for (;;) {
    const auto begin = next_.fetch_add(k_block);
    if (begin >= count_) return;
    for (auto i = begin; i < std::min(begin + k_block, count_); ++i) work_(i);
  }
}

void Crew::run() {
  std::uint64_t seen = 0;
  std::unique_lock lock(guard_);
  for (;;) {
    wake_.wait(lock, [&] { return over_ || job_ != seen; });
    if (over_) return;
    seen = job_;
    if (count_ == 0) continue;  // that job is finished already
    ++helping_;
    lock.unlock();
    help();
    lock.lock();
    if (--helping_ == 0) idle_.notify_one();
  }
}

}  // namespace talon::vault
