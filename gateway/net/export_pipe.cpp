// See export_pipe.h.
#include "gateway/net/export_pipe.h"

#include <thread>

namespace talon::gateway {

void ExportPipe::start(const std::shared_ptr<ExportPipe>& pipe, Exporter exporter) {
  std::thread([pipe, run = std::move(exporter)]() mutable { pipe->close(run(*pipe)); }).detach();
}

// Posting is the last thing done under the lock: after it, the reader may let the loop end.
void ExportPipe::wake_reader() {
  if (!reader_waits_) return;
  reader_waits_ = false;
  loop_.post([self = shared_from_this()] { self->parking_.wake(); });
}

core::Result<void> ExportPipe::write(std::string_view bytes) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return abandoned_ || bytes_.size() < k_bound; });
  if (abandoned_) return core::fail(core::Code::write_failed, "The client left during the export.");
  bytes_ += bytes;
  wake_reader();
  return {};
}

void ExportPipe::close(core::Result<void> result) {
  const std::lock_guard lock(mutex_);
  result_ = std::move(result);
  wake_reader();
}

Task<bool> ExportPipe::read(std::string& into) {
  into.clear();
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (!bytes_.empty()) {
        into.swap(bytes_);
        room_.notify_one();
        co_return true;
      }
      if (result_) co_return false;
      reader_waits_ = true;
    }
    const auto woken = co_await parking_.wait(k_no_deadline, nullptr);
    static_cast<void>(woken);
  }
}

Task<> ExportPipe::abandon() {
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    room_.notify_one();
  }
  std::string rest;
  while (co_await read(rest)) {
  }
}

}  // namespace talon::gateway
