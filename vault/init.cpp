// `talon init`: a vault appears whole or not at all.
//
// Everything is made in <data dir>/.init-XXXXXXXX and moved up file by file, data.mdb last: it is what makes a directory
// a vault. After a crash between the moves the next init finds the folder, takes back what had been moved, and starts
// over; no key that was ever used can be among that, because without data.mdb nothing was ever served.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <vector>

#include "vault/journal/recovery.h"
#include "vault/log/files.h"
#include "vault/log/sodium_ready.h"
#include "vault/store/environment.h"
#include "vault/store/preflight.h"
#include "vault/store/writer_lock.h"
#include "vault/vault.h"

namespace talon::vault {
namespace {

namespace fs = std::filesystem;
using core::Code;
using core::Result;

constexpr std::string_view k_workplace = ".init-";
/// In this order, so that the last one makes the vault.
constexpr std::array<const char*, 4> k_parts = {"keys", "admin.key", "vault.pub", k_data_file};

std::string random_name(std::size_t size, core::Random& random) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz234567";
  std::string name(size, '\0');
  random.fill(std::as_writable_bytes(std::span(name)));
  for (auto& c : name) c = letters[static_cast<unsigned char>(c) % letters.size()];
  return name;
}

Result<void> check_name(std::string_view name) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'; };
  if (!std::all_of(name.begin(), name.end(), good)) {
    return core::fail(Code::usage, fmt::format("\"{}\" is no vault name: letters a-z, digits, '.' and '-' only", name));
  }
  auto checked = check_vault_name(name);
  if (!checked) return core::fail(Code::usage, checked.error().message);
  return {};
}

Result<void> cannot(const fs::path& path, std::string_view what, int why) {
  if (why == EACCES || why == EPERM || why == EROFS) {
    return core::fail(Code::vault_permission, fmt::format("{} cannot be {} ({}); it {}", path.string(), what,
                                                          system_message(why), owner_remedy(path)));
  }
  return core::fail(Code::write_failed, fmt::format("{} cannot be {}: {}", path.string(), what, system_message(why)));
}

/// Takes back what an init that died had moved up already.
Result<void> undo_dead_init(const fs::path& data_dir, const fs::path& workplace) {
  std::error_code error;
  for (const auto* part : k_parts) {
    if (!fs::exists(data_dir / part, error) || fs::exists(workplace / part, error)) continue;
    fs::remove_all(data_dir / part, error);
    if (error) return cannot(data_dir / part, "removed", error.value());
  }
  fs::remove_all(workplace, error);
  if (error) return cannot(workplace, "removed", error.value());
  return {};
}

/// Empty, or holding only what Talon or the system leaves behind without a vault. Nothing is changed on an error.
Result<void> prepare_directory(const fs::path& data_dir) {
  struct stat info{};
  if (::stat(data_dir.c_str(), &info) != 0) {
    std::error_code error;
    if (data_dir.has_parent_path()) fs::create_directories(data_dir.parent_path(), error);
    if (error) return cannot(data_dir.parent_path(), "made", error.value());
    if (::mkdir(data_dir.c_str(), 0700) != 0 && errno != EEXIST) return cannot(data_dir, "made", errno);
    if (::stat(data_dir.c_str(), &info) != 0) return cannot(data_dir, "entered", errno);
  }
  if (!S_ISDIR(info.st_mode)) {
    return core::fail(Code::vault_exists, fmt::format("{} is not a directory; nothing was changed", data_dir.string()));
  }
  std::error_code error;
  std::vector<fs::path> dead;
  fs::directory_iterator at(data_dir, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const auto name = at->path().filename().string();
    if (name == k_data_file) {
      return core::fail(Code::vault_exists,
                        fmt::format("there is a vault in {} already; nothing was changed", data_dir.string()));
    }
    if (name.starts_with(k_workplace)) dead.push_back(at->path());
  }
  if (error) return cannot(data_dir, "read", error.value());
  for (const auto& workplace : dead) TALON_TRY_VOID(undo_dead_init(data_dir, workplace));
  for (at = fs::directory_iterator(data_dir, error); !error && at != fs::directory_iterator(); at.increment(error)) {
    const auto name = at->path().filename().string();
    const bool harmless = name == "lost+found" || name == "serve.lock" || name == "lock.mdb" || name == "journal.pos" ||
                          (name.starts_with('.') && !name.starts_with(k_workplace));
    if (harmless) continue;
    return core::fail(
        Code::vault_exists,
        fmt::format("{} holds {} and no vault; nothing was changed. Give an empty directory with --data-dir, "
                    "or restore the missing {} from a backup",
                    data_dir.string(), name, k_data_file));
  }
  if (error) return cannot(data_dir, "read", error.value());
  if ((info.st_mode & 0777) != 0700 && ::chmod(data_dir.c_str(), 0700) != 0)
    return cannot(data_dir, "made private", errno);
  return {};
}

Result<void> make_store(const fs::path& folder, const KeyRing& keys, core::Instant now) {
  TALON_TRY(environment, Environment::create(folder));
  TALON_TRY(txn, environment->write());
  SealedState state;
  state.chain = chain_start(keys.vault_name);
  state.time = now;
  state.marked = core::day_of(now);
  state.clean = true;
  TALON_TRY_VOID(txn.put(Table::meta, k_meta_format, k_format));
  TALON_TRY_VOID(txn.put(Table::meta, k_meta_name, keys.vault_name));
  TALON_TRY_VOID(txn.put(Table::meta, k_meta_state, state.encode(k_meta_state, keys.vault_secret)));
  TALON_TRY_VOID(txn.put(Table::meta, k_meta_indexed, state.encode(k_meta_indexed, keys.vault_secret)));
  return txn.commit();
}

/// The folder everything is made in; gone with this object, whatever it still holds.
struct Workplace {
  fs::path path;
  ~Workplace() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

}  // namespace

Result<InitReport> init_vault(const fs::path& data_dir, std::string_view name, std::string_view version,
                              const core::Clock& clock, core::Random& random) {
  (void)version;  // a store's format is its own number; versions of the program stand in genesis and boot records
  sodium_ready();
  TALON_TRY_VOID(check_name(name.empty() ? "talon" : name));
  TALON_TRY_VOID(prepare_directory(data_dir));
  const auto lock = WriterLock::take(data_dir);  // two inits at once: one of them waits for nobody and says so
  if (!lock) return core::fail(lock.error());
  const Workplace work{data_dir / (std::string(k_workplace) + random_name(8, random))};
  if (::mkdir(work.path.c_str(), 0700) != 0) {
    TALON_TRY_VOID(cannot(work.path, "made", errno));
  }
  const auto vault_name = name.empty() ? "talon-" + random_name(8, random) : std::string(name);
  const auto keys = KeyRing::generate(vault_name, random);
  TALON_TRY_VOID(keys.write(work.path, random));
  TALON_TRY_VOID(make_store(work.path, keys, clock.now()));
  for (const auto* part : k_parts) {
    // Everything before data.mdb is on disk under its name when data.mdb gets its own.
    if (part == k_parts.back()) TALON_TRY_VOID(sync_directory(data_dir));
    if (::rename((work.path / part).c_str(), (data_dir / part).c_str()) != 0) {
      const int why = errno;
      TALON_TRY_VOID(undo_dead_init(data_dir, work.path));
      TALON_TRY_VOID(cannot(data_dir / part, "made", why));
    }
  }
  TALON_TRY_VOID(sync_directory(data_dir));
  const auto published = keys.public_keys();
  return InitReport{.data_dir = data_dir,
                    .public_key_file = data_dir / "vault.pub",
                    .admin_key_file = data_dir / "admin.key",
                    .vault_name = vault_name,
                    .vkey = published.log_key.text(),
                    .minisign = published.export_key.text()};
}

}  // namespace talon::vault
