// ExportPipe: a bounded pipe from an exporting thread to the worker's connection. The exporter blocks
// when the client is slow, and is told when the client is gone; nobody else waits for either.
//
// Thread rule: write() on the exporter's thread, the rest on the loop. Both sides share it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "gateway/net/loop.h"
#include "gateway/net/parking.h"
#include "gateway/net/task.h"

namespace talon::gateway {

class ExportPipe : public std::enable_shared_from_this<ExportPipe> {
 public:
  static constexpr std::size_t k_bound = 1 << 20;

  explicit ExportPipe(Loop& loop) : loop_(loop) {}

  using Exporter = std::move_only_function<core::Result<void>(ExportPipe&)>;
  /// Runs `exporter` on a thread of its own; at its end the pipe is closed with its result.
  static void start(const std::shared_ptr<ExportPipe>& pipe, Exporter exporter);

  /// Exporter's side: waits for room. Error: write_failed when the reader left.
  [[nodiscard]] core::Result<void> write(std::string_view bytes);

  /// Reader's side: the next bytes into `into` (replaced); false at the end, then result() is there.
  [[nodiscard]] Task<bool> read(std::string& into);
  [[nodiscard]] const core::Result<void>& result() const noexcept { return *result_; }
  /// The reader wants no more; the exporter's next write fails. Waits for its end.
  [[nodiscard]] Task<> abandon();

 private:
  void close(core::Result<void> result);
  void wake_reader();
  Loop& loop_;
  Parking parking_{loop_};
  std::mutex mutex_;
  std::condition_variable room_;
  std::string bytes_;
  bool reader_waits_ = false;
  bool abandoned_ = false;
  std::optional<core::Result<void>> result_;
};

}  // namespace talon::gateway
