// Opening, closing, and the writer's side of the facade. Reads: reads.cpp, evidence.cpp, exports.cpp, live_verify.cpp.
#include "vault/vault.h"

#include <limits>

#include "vault/journal/waiting_port.h"
#include "vault/ledger/rollup.h"
#include "vault/log/key_digest.h"
#include "vault/log/sodium_ready.h"
#include "vault/store/log_view.h"
#include "vault/store/preflight.h"
#include "vault/store/sealed_key.h"
#include "vault/vault_impl.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

constexpr auto k_read_deadline = std::chrono::milliseconds(5000);

/// Number 1 is the only content key a log has before rotation is built.
Result<std::shared_ptr<const ContentKey>> read_content_key(const Environment& environment, const core::LogName& log,
                                                           const core::Secret& sealing_key) {
  TALON_TRY(txn, environment.read());
  TALON_TRY(number, find_log(txn, log));
  if (!number) return std::shared_ptr<const ContentKey>();
  auto row = key_of(*number);
  row.number(std::uint32_t{1});
  TALON_TRY(sealed, txn.get(Table::content_keys, row));
  if (!sealed) return core::fail(Code::vault_corrupt, "a log has no content key; restore the vault from a backup");
  TALON_TRY(key, open_key(*sealed, log, sealing_key));
  return std::make_shared<const ContentKey>(ContentKey{.number = 1, .key = std::move(key)});
}

}  // namespace

Vault::Vault(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Vault::~Vault() { stop(); }

Result<std::unique_ptr<Vault>> Vault::open_for_serving(const std::filesystem::path& data_dir, ServeOptions options,
                                                       const core::Clock& clock, core::Random& random) {
  sodium_ready();
  TALON_TRY_VOID(check_data_dir(data_dir));
  auto impl = std::make_unique<Impl>();
  impl->data_dir = data_dir;
  impl->clock = &clock;
  // From here on this process is the writer. Readers wait for it, so the numbers of an earlier one go at once.
  TALON_TRY(lock, WriterLock::take(data_dir));
  impl->lock.emplace(std::move(lock));
  TALON_TRY(position, PositionFile::make(data_dir, static_cast<std::uint64_t>(clock.now().micros)));
  TALON_TRY(keys, KeyRing::load(data_dir));
  impl->keys = std::make_unique<KeyRing>(std::move(keys));
  impl->public_keys = impl->keys->public_keys();
  TALON_TRY(environment, Environment::open(data_dir, Access::write));
  impl->environment = std::move(environment);
  impl->environment->clear_dead_readers();
  impl->make_registry();
  // Nothing is written before state, seal and frontiers agree.
  TALON_TRY(state, recover_state(*impl->environment, *impl->keys));
  TALON_TRY_VOID(impl->environment->add_missing_tables());
  impl->writer =
      std::make_unique<Writer>(*impl->environment, *impl->keys, std::move(state), options.version, clock, random);
  std::vector<core::LogName> known;
  known.reserve(options.known_tenants.size());
  for (const auto& tenant : options.known_tenants) known.push_back(core::LogName::of(tenant));
  TALON_TRY_VOID(impl->writer->start(known));
  // From here on only the journal's thread touches the writer.
  JournalOptions journal{.durability = options.durability,
                         .priority = options.journal_priority,
                         .reserve_bytes = options.reserve_bytes,
                         .on_failure = std::move(options.on_failure)};
  impl->journal =
      std::make_unique<JournalThread>(*impl->environment, *impl->writer, std::move(position), std::move(journal));
  TALON_TRY_VOID(impl->registry->serve(*impl->journal, random));
  return std::unique_ptr<Vault>(new Vault(std::move(impl)));
}

Result<std::unique_ptr<Vault>> Vault::open_for_reading(const std::filesystem::path& data_dir,
                                                       const core::Clock& clock) {
  sodium_ready();
  TALON_TRY_VOID(check_data_dir(data_dir));
  auto impl = std::make_unique<Impl>();
  impl->data_dir = data_dir;
  impl->clock = &clock;
  TALON_TRY(published, load_public_keys(data_dir));
  impl->public_keys = std::move(published);
  TALON_TRY(environment, Environment::open(data_dir, Access::read));
  impl->environment = std::move(environment);
  {
    TALON_TRY(txn, impl->environment->read());
    TALON_TRY(format, txn.get(Table::meta, k_meta_format));
    if (!format || *format != k_format) {
      return core::fail(Code::vault_version,
                        "the vault in " + data_dir.string() + " was made by another version of talon");
    }
  }
  impl->make_registry();
  return std::unique_ptr<Vault>(new Vault(std::move(impl)));
}

const std::string& Vault::name() const noexcept { return impl_->public_keys.log_key.name; }
const PublicKeys& Vault::public_keys() const noexcept { return impl_->public_keys; }
Journal& Vault::journal() noexcept { return *impl_->journal; }
Hash Vault::key_digest(std::string_view key) const noexcept {
  return vault::key_digest(impl_->keys->vault_secret, key);
}
JournalStats Vault::stats() const noexcept { return impl_->journal ? impl_->journal->stats() : JournalStats{}; }

Registry& Vault::registry() noexcept { return *impl_->registry; }
const Registry& Vault::registry() const noexcept { return *impl_->registry; }

void Vault::stop() {
  if (impl_ && impl_->registry) impl_->registry->stop();
  if (impl_ && impl_->journal) impl_->journal->stop();
}

void Vault::Impl::make_registry() {
  registry = std::make_unique<StoredRegistry>(*environment, *clock, [this] { return key_ring(); });
}

Result<const KeyRing*> Vault::Impl::key_ring() const {
  const std::lock_guard lock_guard(guard);
  if (!keys) {
    TALON_TRY(loaded, KeyRing::load(data_dir));
    keys = std::make_unique<KeyRing>(std::move(loaded));
  }
  return static_cast<const KeyRing*>(keys.get());
}

Result<void> Vault::Impl::settle() const {
  return journal ? journal->wait_committed(k_read_deadline) : wait_for_writer(data_dir, k_read_deadline);
}

Result<StoreLogSource> Vault::Impl::open_log(const core::LogName& name) const {
  TALON_TRY_VOID(settle());
  return StoreLogSource::open(*environment, name);
}

Result<core::Instant> Vault::Impl::now() const {
  TALON_TRY(txn, environment->read());
  TALON_TRY(view, VaultView::of(txn));
  return std::max(clock->now(), view.state.time);
}

Result<std::shared_ptr<const ContentKey>> Vault::content_key(const core::LogName& log) {
  if (!impl_->journal) return core::fail(Code::internal_error, "content keys are the server's");
  {
    const std::lock_guard lock(impl_->guard);
    if (const auto known = impl_->content_keys.find(log); known != impl_->content_keys.end()) return known->second;
  }
  TALON_TRY(stored, read_content_key(*impl_->environment, log, impl_->keys->sealing_key));
  if (!stored) {
    auto item = std::make_unique<JournalItem>();
    item->kind = ItemKind::open_log;
    item->log = log;
    TALON_TRY_VOID(commit_and_wait(*impl_->journal, std::move(item)));
    TALON_TRY(made, read_content_key(*impl_->environment, log, impl_->keys->sealing_key));
    stored = std::move(made);
  }
  const std::lock_guard lock(impl_->guard);
  return impl_->content_keys.try_emplace(log, std::move(stored)).first->second;
}

Result<std::map<std::pair<core::LogName, std::string>, CallerSpend>> Vault::caller_spend_today() const {
  TALON_TRY_VOID(impl_->settle());
  TALON_TRY(now, impl_->now());
  const auto today = core::day_of(now);
  std::map<std::pair<core::LogName, std::string>, CallerSpend> spend;
  // From log to log that has roll-ups: a hundred thousand may have none.
  std::uint64_t number = 1;
  while (number <= std::numeric_limits<std::uint32_t>::max()) {
    TALON_TRY(txn, impl_->environment->read());
    TALON_TRY(rollups, txn.cursor(Table::rollups));
    for (std::size_t seen = 0; seen < k_slice_rows; ++seen) {
      const auto log = LogNumber{static_cast<std::uint32_t>(number)};
      const auto prefix = day_prefix(log, today, Dimension::caller);
      std::optional<LogRow> row;
      auto at = rollups.at_or_after(prefix);
      for (; at && *at && (*at)->key.starts_with(prefix.view()); at = rollups.next()) {
        if (!row) {
          TALON_TRY(value, txn.get(Table::logs, key_of(log)));
          row = value ? LogRow::decode(*value) : std::nullopt;
        }
        if (!row) return core::fail(Code::vault_corrupt, "a log's name is damaged; run talon audit verify");
        auto cell = DayCell::decode((*at)->value);
        if (!cell) return core::fail(Code::vault_corrupt, "a stored roll-up is damaged; run talon audit verify");
        spend.emplace(std::pair(row->name, std::move(cell->name)), CallerSpend{.day = today, .spent = cell->cost});
      }
      if (!at) return core::fail(at.error());
      if (!*at) return spend;
      number = std::max<std::uint64_t>(number + 1, get_big_endian<std::uint32_t>((*at)->key.data()));
    }
  }
  return spend;
}

}  // namespace talon::vault
