#include "vault/journal/journal_thread.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>

#include "core/canonical_json.h"

namespace talon::vault {
namespace {

using std::chrono::steady_clock;
constexpr auto k_batch_window = std::chrono::milliseconds(2);
constexpr auto k_idle_index = std::chrono::seconds(1);
constexpr auto k_retry_reserve = std::chrono::seconds(1);
constexpr auto k_reader_check = std::chrono::seconds(5);
constexpr auto k_longest_sleep = std::chrono::seconds(1);  ///< a midnight is noticed within this

/// Among programs that keep every processor busy, a thread of normal priority waits a scheduler tick after each flush
/// where the kernel does not preempt them. Where there are none, real time only takes the processor from our own
/// workers (a fifth to a third of the throughput, measured on two processors), so it has to be asked for. Needs
/// RLIMIT_RTPRIO; where that is missing nothing is lost but time.
void ask_for_priority() noexcept {
  sched_param parameters{};
  parameters.sched_priority = 1;
  pthread_setschedparam(pthread_self(), SCHED_RR | SCHED_RESET_ON_FORK, &parameters);
}

/// Nobody waits for a batch: when a flush is done, the thread takes its turn and does not interrupt a worker.
void wake_politely() noexcept {
  const sched_param parameters{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH | SCHED_RESET_ON_FORK, &parameters);
}

}  // namespace

JournalThread::JournalThread(Environment& environment, Writer& writer, PositionFile position, JournalOptions options)
    : environment_(environment),
      writer_(writer),
      position_(std::move(position)),
      options_(std::move(options)),
      reserve_(environment.file_descriptor(), options_.reserve_bytes) {
  check_reserve();
  watch_readers();
  busy_at_ = steady_clock::now();
  thread_ = std::thread([this] { run(); });
}

JournalThread::~JournalThread() { stop(); }

Submit JournalThread::submit(std::unique_ptr<JournalItem>& item) noexcept {
  if (item->line.size() > core::k_max_line) return Submit::refused;
  const bool may_wait = item->kind == ItemKind::intent && !item->under_way;
  if (may_wait && state_.load(std::memory_order_acquire) != JournalStats::State::ok) return Submit::refused;
  return queue_.push(item, [this] { position_.shared().submitted.fetch_add(1); });
}

void JournalThread::wait_for_room(CompletionPort& port, std::move_only_function<void(const ItemResult&)> room) {
  auto item = std::make_unique<JournalItem>();
  item->kind = ItemKind::barrier;
  item->port = &port;
  item->done = std::move(room);
  queue_.wait_for_room(port, std::move(item));
}

bool JournalThread::accepting() const noexcept {
  return state_.load(std::memory_order_acquire) == JournalStats::State::ok &&
         !stopping_.load(std::memory_order_acquire);
}

void JournalThread::stop() {
  const std::lock_guard lock(stop_guard_);
  stopping_.store(true, std::memory_order_release);
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void JournalThread::run() {
  pthread_setname_np(pthread_self(), "talon-journal");
  if (options_.priority == core::Priority::realtime) {
    ask_for_priority();
  } else if (options_.durability == core::Durability::batched) {
    wake_politely();
  }
  for (;;) {
    const bool closing = queue_.closed();
    auto done = turn();
    if (done && closing && queue_.size().first == 0) {
      done = writer_.close();
      if (done) return;
    }
    if (!done) {
      writer_.abandon();
      return fail_all(std::move(in_hand_), done.error());
    }
  }
}

JournalThread::SteadyTime JournalThread::next_wake() const {
  const auto now = steady_clock::now();
  auto wake = now + k_longest_sleep;
  if (writer_.unindexed() > 0) wake = std::min(wake, std::max(busy_at_ + k_idle_index, now));
  return wake;
}

core::Result<void> JournalThread::turn() {
  const bool batched = options_.durability == core::Durability::batched;
  queue_.wait(next_wake(), batched ? k_batch_window : std::chrono::microseconds(0));
  auto items = queue_.take(k_max_batch_items, k_max_batch_bytes);
  if (!items.empty()) TALON_TRY_VOID(write_batch(std::move(items)));
  return housekeeping();
}

core::Result<void> JournalThread::write_batch(JournalQueue::Items items) {
  in_hand_ = std::move(items);
  check_reserve();
  const auto started = steady_clock::now();
  const auto settled =
      options_.durability == core::Durability::batched ? Writer::Settled::drop : Writer::Settled::write;
  TALON_TRY(counts, writer_.write(in_hand_, settled));
  note_commit(steady_clock::now() - started, counts);
  complete(std::exchange(in_hand_, {}), ItemState::committed);
  busy_at_ = steady_clock::now();
  return {};
}

core::Result<void> JournalThread::housekeeping() {
  const auto now = steady_clock::now();
  if (now >= readers_at_) watch_readers();
  if (state_.load() == JournalStats::State::full && now >= retry_reserve_at_) check_reserve();
  if (writer_.marks_due()) TALON_TRY_VOID(writer_.write_marks());
  reserve_.warm(environment_.used_bytes());
  const auto behind = writer_.unindexed();
  if (behind >= k_index_every || (behind > 0 && now - busy_at_ >= k_idle_index)) TALON_TRY_VOID(writer_.index());
  return {};
}

/// Allocation fails → full; calls in flight then live on what is allocated. It succeeds again → ok.
void JournalThread::check_reserve() {
  if (state_.load() == JournalStats::State::full && steady_clock::now() < retry_reserve_at_) return;
  const auto used = environment_.used_bytes();
  const bool room = reserve_.ensure(used);
  retry_reserve_at_ = steady_clock::now() + k_retry_reserve;
  state_.store(room ? JournalStats::State::ok : JournalStats::State::full, std::memory_order_release);
  const std::lock_guard lock(stats_guard_);
  stats_.reserve_bytes = reserve_.ahead_of(used);
}

/// Slots of dead readers are freed, and how far the oldest living one is behind is measured: while it reads, the file
/// can only grow.
void JournalThread::watch_readers() {
  const auto now = steady_clock::now();
  readers_at_ = now + k_reader_check;
  environment_.clear_dead_readers();
  const auto newest = environment_.last_transaction();
  const auto oldest = environment_.oldest_reader();
  core::Micros lag{};
  if (oldest && *oldest < newest) {
    // Its snapshot ended when the next transaction was committed.
    const auto next = std::find_if(commit_times_.begin(), commit_times_.end(),
                                   [&](const auto& commit) { return commit.first > *oldest; });
    if (next != commit_times_.end()) {
      lag.count = std::chrono::duration_cast<std::chrono::microseconds>(now - next->second).count();
    }
  }
  const std::lock_guard lock(stats_guard_);
  stats_.reader_lag = lag;
}

void JournalThread::note_commit(steady_clock::duration took, const WriteCounts& counts) {
  const auto now = steady_clock::now();
  if (commit_times_.empty() || now - commit_times_.back().second >= std::chrono::seconds(1)) {
    commit_times_.emplace_back(environment_.last_transaction(), now);
    if (commit_times_.size() > 3600) commit_times_.pop_front();
  }
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  const std::lock_guard lock(stats_guard_);
  latencies_[stats_.commits++ % latencies_.size()] = micros;
  stats_.records += counts.records;
  stats_.intents += counts.intents;
  stats_.last_commit = {micros};
}

void JournalThread::complete(JournalQueue::Items items, ItemState state) {
  const auto count = items.size();
  std::uint64_t bytes = 0;
  // One list for each port, in the order of submission. There are few ports (one for each worker).
  std::vector<std::pair<CompletionPort*, JournalQueue::Items>> lists;
  for (auto& item : items) {
    bytes += JournalQueue::bytes_of_item(*item);
    item->result.state = state;
    auto* port = item->port;
    if (port == nullptr) continue;
    auto list = std::find_if(lists.begin(), lists.end(), [&](const auto& entry) { return entry.first == port; });
    if (list == lists.end()) {
      list = lists.emplace(lists.end(), port, JournalQueue::Items{});
      list->second.reserve(items.size());
    }
    list->second.push_back(std::move(item));
  }
  // Readers first: whoever is told of a completion may read at once.
  position_.shared().committed.fetch_add(count);
  if (committed_waiters_.load() > 0) {
    const std::lock_guard lock(committed_guard_);
    committed_wake_.notify_all();
  }
  for (auto& [port, list] : lists) port->completed(std::move(list));
  queue_.completed(count, bytes);
}

void JournalThread::fail_all(JournalQueue::Items items, const core::Error& error) {
  {
    const std::lock_guard lock(committed_guard_);
    failure_ = std::make_unique<core::Error>(error);
  }
  state_.store(JournalStats::State::failed, std::memory_order_release);
  position_.shared().halted.store(1);
  queue_.close();
  while (!items.empty()) {
    complete(std::move(items), ItemState::failed);
    items = queue_.take(k_max_batch_items, k_max_batch_bytes);
  }
  queue_.completed(0, 0);
  {
    const std::lock_guard lock(committed_guard_);
    committed_wake_.notify_all();
  }
  if (options_.on_failure) options_.on_failure(error);
}

JournalStats JournalThread::stats() const {
  std::array<std::int64_t, 1024> newest{};
  JournalStats out;
  {
    const std::lock_guard lock(stats_guard_);
    out = stats_;
    newest = latencies_;
  }
  std::tie(out.queue_items, out.queue_bytes) = queue_.size();
  out.state = state_.load(std::memory_order_acquire);
  const auto count = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(out.commits, newest.size()));
  if (count > 0) {
    std::sort(newest.begin(), newest.begin() + count);
    out.commit_p50 = {newest[static_cast<std::size_t>(count / 2)]};
    out.commit_p99 = {newest[static_cast<std::size_t>(count * 99 / 100)]};
  }
  return out;
}

core::Result<void> JournalThread::wait_committed(std::chrono::milliseconds deadline) {
  const auto target = position_.shared().submitted.load(std::memory_order_acquire);
  const auto reached = [&] { return position_.shared().committed.load(std::memory_order_acquire) >= target; };
  if (!reached()) {
    committed_waiters_.fetch_add(1);
    queue_.hurry();
    std::unique_lock lock(committed_guard_);
    const bool in_time = committed_wake_.wait_for(lock, deadline, [&] { return reached() || failure_; });
    committed_waiters_.fetch_sub(1);
    if (!in_time) {
      return core::fail(core::Code::vault_unavailable, "the journal did not write down the finished calls in time");
    }
  }
  if (state_.load() == JournalStats::State::failed) {
    return core::fail(core::Code::vault_unavailable, "the vault has failed and the server is ending");
  }
  return {};
}

}  // namespace talon::vault
