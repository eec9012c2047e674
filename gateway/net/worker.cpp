// See worker.h.
#include "gateway/net/worker.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "gateway/http/head_writer.h"
#include "gateway/net/address.h"
#include "gateway/net/connection.h"
#include "gateway/net/parking.h"

namespace talon::gateway {
namespace {

constexpr int k_accepts_a_turn = 64;
constexpr std::chrono::milliseconds k_accept_pause{200};
constexpr std::int64_t k_flush_every_ms = 1'000;

/// IMF-fixdate (RFC 9110 §5.6.7).
std::string http_date_of(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  constexpr std::array k_days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array k_months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "---, %d --- %Y %H:%M:%S GMT", &parts);
  std::string date = text.data();
  date.replace(0, 3, k_days.at(static_cast<std::size_t>(parts.tm_wday)));
  date.replace(8, 3, k_months.at(static_cast<std::size_t>(parts.tm_mon)));
  return date;
}

/// Says why, as far as one write goes, and closes: the connection is one too many.
void turn_away(Worker& worker, int descriptor, const Door& door) {
  Socket socket(worker.loop, descriptor);
  if (door.tls) return;  // a handshake is more than one too many gets
  std::string id = "req_";
  id += core::Ulid::make(worker.shared.clock.now(), worker.random).text();
  const auto response = to_response(
      Refusal{core::Error{core::Code::overloaded, "Too many connections are open; try again shortly.", {}}}, id);
  std::string head;
  begin_head(head, response.status);
  add_field(head, "Content-Type", response.content_type);
  add_field(head, "Content-Length", std::uint64_t{response.body.size()});
  add_field(head, "X-Request-Id", id);
  add_field(head, "Connection", "close");
  end_head(head);
  const std::array<std::string_view, 2> pieces{head, response.body};
  static_cast<void>(socket.send(pieces));
}

/// Submits an item nobody waits for, when the queue was full at first.
Task<> submit_later(Worker& worker, std::unique_ptr<vault::JournalItem> item) {
  RoomWait room(worker.shared.vault.journal(), worker.port);
  while (worker.port.submit(worker.shared.vault.journal(), item) == vault::Submit::queue_full) co_await room;
}

}  // namespace

void BlockRandom::fill(std::span<std::byte> out) noexcept {
  if (out.size() > block_.size() - used_) {
    system_.fill(block_);
    used_ = 0;
  }
  const auto from = std::span(block_).subspan(used_, out.size());
  std::copy(from.begin(), from.end(), out.begin());
  std::fill(from.begin(), from.end(), std::byte{});
  used_ += out.size();
}

Worker::Worker(Shared& all, const SnapshotRef& current, const DoorsRef& doors)
    : shared(all), pools(loop, all.resolver, all.tls) {
  adopt(current, doors);
  loop.on_tick([this] { tick(); });
  tick();
}
Worker::~Worker() = default;

void Worker::accept_on(int listening_descriptor, std::size_t door) {
  to_accept_.emplace_back(std::make_unique<Socket>(loop, listening_descriptor), door);
}

void Worker::run() {
  for (auto& [listener, door] : to_accept_) start(accept_loop(std::move(listener), door));
  to_accept_.clear();
  loop.run();
}

Task<> Worker::accept_loop(std::unique_ptr<Socket> listener, std::size_t door) {
  accepting_.push_back(listener.get());
  Parking pause(loop);
  while (!draining_) {
    const Wake wake = co_await listener->readable(k_no_deadline);
    if (wake != Wake::ready) break;
    for (int turn = 0; turn < k_accepts_a_turn; ++turn) {
      int descriptor = -1;
      const Accept accepted = accept_from(listener->descriptor(), descriptor);
      if (accepted == Accept::none_waiting) {
        listener->read_would_block();
        break;
      }
      if (accepted == Accept::exhausted) {
        // No descriptors left: those that are open go on, new ones wait in the backlog.
        const Deadline deadline = loop.in(k_accept_pause);
        const Wake paused = co_await pause.wait(deadline, nullptr);
        static_cast<void>(paused);
        break;
      }
      if (shared.connections.load(std::memory_order_relaxed) >= k_max_connections) {
        turn_away(*this, descriptor, doors()[door]);
      } else {
        start(serve_connection(*this, descriptor, door));
      }
    }
  }
  std::erase(accepting_, listener.get());
  listener.reset();
  end_if_done();
}

void Worker::adopt(const SnapshotRef& next, const DoorsRef& doors) {
  // A count of its own: requests take and drop references, and one count for all workers would go back and forth
  // between their cores.
  const auto own = std::make_shared<const SnapshotRef>(next);
  snapshot_ = SnapshotRef(own, own->get());
  doors_ = doors;
}

void Worker::ask(std::move_only_function<void(Worker&)> work, std::move_only_function<void()> done) {
  // Shared, because an ended loop leaves the work undone and `done` is called here.
  const auto told = std::make_shared<std::move_only_function<void()>>(std::move(done));
  const bool posted = loop.post_if_running([this, work = std::move(work), told]() mutable {
    work(*this);
    (*told)();
  });
  if (!posted) (*told)();
}

void Worker::drain() {
  loop.post([this] {
    if (!draining_) draining_since_ms_ = loop.now_ms();
    draining_ = true;
    for (Socket* listener : accepting_) listener->interrupt(Wake::stopping);
    for (Connection* one = first_; one != nullptr; one = one->next_) {
      if (one->idle_) one->interrupts.interrupt(Wake::stopping);
    }
    end_if_done();
  });
}

void Worker::stop_now() {
  drain();
  loop.post([this] {
    stopping_ = true;
    for (Connection* one = first_; one != nullptr; one = one->next_) one->interrupts.interrupt(Wake::stopping);
  });
}

void Worker::joined(Connection& connection) noexcept {
  connection.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &connection;
  first_ = &connection;
  ++connections_;
  shared.connections.fetch_add(1, std::memory_order_relaxed);
}

void Worker::left(Connection& connection) noexcept {
  (connection.previous_ != nullptr ? connection.previous_->next_ : first_) = connection.next_;
  if (connection.next_ != nullptr) connection.next_->previous_ = connection.previous_;
  --connections_;
  shared.connections.fetch_sub(1, std::memory_order_relaxed);
  if (draining_) loop.post([this] { end_if_done(); });
}

void Worker::end_if_done() {
  if (!draining_ || connections_ > 0 || !accepting_.empty()) return;
  flush_denials(Denials::Which::all);
  if (port.outstanding() > 0) return;  // the next tick asks again
  pools.close_idle();
  flush_log();
  loop.stop();
}

void Worker::tick() {
  last_seen_ms_.store(loop.now_ms(), std::memory_order_relaxed);
  const std::int64_t second = shared.clock.now().micros / core::k_micros_per_second;
  if (second != date_second_) {
    date_second_ = second;
    date_ = http_date_of(second);
  }
  if (stopping_) {
    for (Connection* one = first_; one != nullptr; one = one->next_) one->interrupts.interrupt(Wake::stopping);
  }
  if (draining_ && loop.now_ms() - draining_since_ms_ >= k_drain_read_time.count()) {
    for (Connection* one = first_; one != nullptr; one = one->next_) {
      if (one->reading_) one->interrupts.interrupt(Wake::stopping);
    }
  }
  if (loop.now_ms() - last_flush_ms_ >= k_flush_every_ms) {
    last_flush_ms_ = loop.now_ms();
    pools.tick();
    flush_denials(Denials::Which::due);
  }
  flush_log();
  end_if_done();
}

void Worker::log_request(const RequestLine& line) {
  shared.log.append(log_lines_, Log::Level::info, "request",
                    {{"request_id", line.request_id},
                     {"trace_id", line.trace},
                     {"evidence_id", line.evidence},
                     {"caller", line.caller},
                     {"tenant", line.tenant},
                     {"method", line.method},
                     {"route", line.path},
                     {"model", line.model},
                     {"provider", line.provider},
                     {"status", line.status != 0 ? std::optional(line.status) : std::nullopt},
                     {"outcome", line.outcome},
                     {"code", line.code},
                     {"duration_us", line.duration.count}});
  if (log_lines_.size() >= shared.log.block()) flush_log();
}

void Worker::flush_log() {
  if (log_lines_.empty()) return;
  shared.log.write_lines(log_lines_);
  log_lines_.clear();
}

void Worker::flush_denials(Denials::Which which) {
  for (auto& record : denials.flush(shared.clock.monotonic(), which)) write_behind(std::move(record));
}

void Worker::write_behind(core::EvidenceRecord record) {
  auto item = std::make_unique<vault::JournalItem>();
  item->kind = vault::ItemKind::record;
  item->log = record.log;
  item->id = record.id;
  item->line = core::to_unsequenced_line(record);
  if (const auto* request = std::get_if<core::RequestDetail>(&record.detail)) item->rollup.caller = request->caller;
  start(submit_later(*this, std::move(item)));
}

}  // namespace talon::gateway
