// See health.h.
#include "gateway/net/health.h"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/http/codec.h"
#include "gateway/provider/call.h"
#include "gateway/provider/json_cursor.h"

namespace talon::gateway {
namespace {

/// A key in use is written down again, or probed, after so long.
constexpr std::int64_t k_again_us = 10 * 60 * core::k_micros_per_second;
constexpr std::int64_t k_patrol_ms = 60'000;
constexpr std::chrono::milliseconds k_probe_time{10'000};
constexpr std::size_t k_room = 16 * 1024;
constexpr std::size_t k_longest_answer = 4 << 20;

/// The answer's status, its body in `body`; nullopt: there was none.
Task<std::optional<int>> ask(UpstreamConnection& connection, Loop& loop, std::string_view request, ByteBuffer& body,
                             Interrupts& interrupts) {
  const Deadline deadline = loop.in(k_probe_time);
  while (!request.empty()) {
    const std::array<std::string_view, 1> pieces{request};
    const auto sent = connection.send(pieces);
    if (sent.status == IoResult::Status::done) {
      request.remove_prefix(sent.count);
      continue;
    }
    if (sent.status != IoResult::Status::would_block) co_return std::nullopt;
    const Wake wake = co_await connection.writable(deadline, interrupts);
    if (wake != Wake::ready) co_return std::nullopt;
  }
  ByteBuffer in(k_room);
  ResponseReader reader;
  reader.begin(ResponseReader::BodyExpected::yes);
  bool has_head = false;
  for (;;) {
    const auto state = has_head ? reader.read_body(in, body) : reader.read_head(in);
    if (state == ReadState::failed || body.size() > k_longest_answer) co_return std::nullopt;
    if (state == ReadState::ready && has_head) co_return reader.head().status;
    if (state == ReadState::ready) {
      has_head = true;
      continue;
    }
    if (connection.must_wait()) {
      const Wake wake = co_await connection.readable(deadline, interrupts);
      if (wake != Wake::ready) co_return std::nullopt;
    }
    const auto got = connection.receive(in.room(k_room));
    if (got.status == IoResult::Status::done) {
      in.commit(got.count);
    } else if (got.status != IoResult::Status::would_block) {
      if (!has_head || !reader.end_of_stream()) co_return std::nullopt;
      co_return reader.head().status;
    }
  }
}

}  // namespace

std::optional<bool> key_works(int status) noexcept {
  if (status == 401 || status == 403) return false;
  if (status / 100 == 2) return true;
  return std::nullopt;
}

std::vector<std::string> models_of(std::string_view body) {
  std::vector<std::string> models;
  const auto tokens = json_tokens(body);
  if (tokens.fault != JsonFault::none) return models;
  JsonCursor cursor(body, tokens.starts);
  const auto model = [&](std::string_view key, std::size_t) {
    if (key != "id" || cursor.peek() != '"') return cursor.skip();
    std::string_view raw;
    if (!cursor.string(raw)) return false;
    if (auto id = unescape_json(raw); id && !id->empty() && models.size() < k_most_models)
      models.push_back(*std::move(id));
    return true;
  };
  const auto top = [&](std::string_view key, std::size_t) {
    if (key != "data" || cursor.peek() != '[') return cursor.skip();
    if (!cursor.take('[')) return false;
    while (cursor.peek() == '{') {
      if (!cursor.object(model)) return false;
      if (cursor.peek() == ',' && !cursor.take(',')) return false;
    }
    return cursor.take(']');
  };
  if (!cursor.object(top)) models.clear();
  return models;
}

Health::Health(const Parts& parts, SnapshotRef snapshot)
    : parts_(parts), snapshot_(std::move(snapshot)), pools_(loop_, parts.resolver, parts.tls) {
  loop_.on_tick([this] { tick(); });
  thread_ = std::thread([this] { loop_.run(); });
}

Health::~Health() {
  loop_.post([this] {
    stopping_ = true;
    errands_.clear();
    for (Interrupts* one : running_) one->interrupt(Wake::stopping);
  });
  thread_.join();
}

void Health::tick() {
  if (stopping_) {
    if (running_.empty()) loop_.stop();
    return;
  }
  pools_.tick();
  if (loop_.now_ms() - patrolled_ms_ < k_patrol_ms) return;
  patrolled_ms_ = loop_.now_ms();
  patrol();
}

void Health::adopt(SnapshotRef snapshot) {
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(snapshot);
}

void Health::account_changed(const core::TenantId& tenant) {
  loop_.post([this, tenant] { send({tenant, Which::unchecked}); });
}

/// Keys in use of which nothing was heard for a while: rejected ones that their tenant has set right, idle ones.
void Health::patrol() {
  const auto now = parts_.clock.now().micros;
  std::vector<Errand> due;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, known] : known_) {
      if (now - known.noted_us < k_again_us) continue;
      known.noted_us = now;
      due.push_back({known.tenant, Which::all});
    }
  }
  for (auto& errand : due) send(std::move(errand));
}

void Health::answered(const core::TenantId& tenant, const vault::IdBytes& credential, int status) {
  const auto works = key_works(status);
  if (!works) return;
  const auto now = parts_.clock.now().micros;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(credential); found != known_.end()) {
      Known& known = found->second;
      if (known.works == *works && now - known.noted_us < k_again_us) return;
      known.works = *works;
      known.noted_us = now;
    } else {
      if (known_.size() >= k_known) known_.clear();
      known_.emplace(credential, Known{tenant, *works, now});
    }
  }
  note(tenant, credential, *works, {});
}

void Health::note(const core::TenantId& tenant, const vault::IdBytes& credential, bool works,
                  std::vector<std::string> models) {
  const auto now = parts_.clock.now();
  // Not written when the admin thread has more to do than it can queue, or the key was replaced: the next one will be.
  const bool taken = parts_.admin.post(
      [&registry = parts_.registry, tenant, credential, works, now, models = std::move(models)]() mutable {
        const auto noted = registry.note_health(tenant, credential, works, now, std::move(models));
        static_cast<void>(noted.has_value());
      });
  static_cast<void>(taken);
}

void Health::send(Errand errand) {
  if (stopping_ || errands_.size() >= k_waiting) return;
  errands_.push_back(std::move(errand));
  if (running_.size() < k_probes) start(run_errands());
}

bool Health::was_heard_of(const vault::IdBytes& credential) {
  const std::lock_guard lock(mutex_);
  return known_.contains(credential);
}

Task<> Health::run_errands() {
  Interrupts interrupts;
  running_.push_back(&interrupts);
  while (!errands_.empty()) {
    Errand errand = std::move(errands_.front());
    errands_.pop_front();
    co_await probe_account(std::move(errand), interrupts);
  }
  std::erase(running_, &interrupts);
}

Task<> Health::probe_account(Errand errand, Interrupts& interrupts) {
  std::optional<Keys> keys;
  ReaderThread::Job job = [&] {
    auto account = parts_.registry.open_account(errand.tenant);
    if (!account || *account == nullptr) return;
    auto rows = parts_.registry.provider_keys(errand.tenant);
    if (rows) keys = Keys{*std::move(account), *std::move(rows)};
  };
  const bool taken = co_await parts_.reader.run(loop_, job);
  if (!taken || !keys) co_return;
  SnapshotRef snapshot;
  {
    const std::lock_guard lock(mutex_);
    snapshot = snapshot_;
  }
  for (const auto& row : keys->rows) {
    const auto* credential = keys->account->credential(row.provider);
    const auto* provider = snapshot->provider(row.provider);
    if (credential == nullptr || provider == nullptr || !provider->spoken || interrupts.reason()) continue;
    if (errand.which == Which::unchecked && (row.last_check || was_heard_of(credential->id))) continue;
    // Two changes of an account come close together: one probe is enough.
    if (!probing_.insert(credential->id).second) continue;
    co_await probe(errand.tenant, *provider, *credential, interrupts);
    probing_.erase(credential->id);
  }
}

Task<> Health::probe(core::TenantId tenant, const Provider& provider, const vault::ProviderCredential& credential,
                     Interrupts& interrupts) {
  RequestHead head;
  head.method = "GET";
  std::string request;
  write_upstream_head(request, provider, credential.api_key, head, provider.base_path + "/models", std::nullopt, {});
  const PoolKey key{provider.pool.endpoint, credential.id};
  auto connected = co_await pools_.connect(provider, key, interrupts);
  if (connected) {
    ByteBuffer body;
    const auto status = co_await ask(**connected, loop_, request, body, interrupts);
    if (const auto works = status ? key_works(*status) : std::nullopt) {
      {
        const std::lock_guard lock(mutex_);
        known_.insert_or_assign(credential.id, Known{tenant, *works, parts_.clock.now().micros});
      }
      note(tenant, credential.id, *works, *works ? models_of(body.view()) : std::vector<std::string>());
    }
  }
  core::wipe(request.data(), request.size());
}

}  // namespace talon::gateway
