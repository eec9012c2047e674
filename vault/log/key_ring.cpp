#include "vault/log/key_ring.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <span>
#include <vector>

#include "core/text.h"
#include "vault/log/files.h"

namespace talon::vault {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_secret_size = 32;
constexpr std::size_t k_max_key_file = 65'536;
constexpr unsigned k_private_file = 0600, k_private_directory = 0700, k_public_file = 0644;

fs::path keys_folder(const fs::path& data_dir) { return data_dir / "keys"; }
fs::path public_file(const fs::path& data_dir) { return data_dir / "vault.pub"; }

std::unexpected<core::Error> at_file(core::Code code, const fs::path& path, std::string_view message) {
  return core::fail(core::Error{code, path.string() + ": " + std::string(message), core::Place{path.string()}});
}

core::Secret random_secret(core::Random& random) {
  std::string bytes(k_secret_size, '\0');
  random.fill(std::as_writable_bytes(std::span(bytes)));
  return core::Secret(std::move(bytes));
}

core::Secret base64_line(std::string_view bytes) { return core::Secret(core::base64_encode(bytes) + '\n'); }

/// An admin key: recognisable, 256 bits, without characters a shell or a header would trip over.
core::Secret new_admin_key(core::Random& random) {
  const core::Secret bytes = random_secret(random);
  return core::Secret("talon_admin_" + core::hex_encode(bytes.reveal()) + '\n');
}

enum class Privacy { secret, open };

/// A whole small file. `remedy` completes "… is missing; …".
core::Result<core::Secret> read_file(const fs::path& path, Privacy privacy, std::string_view remedy) {
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    const int why = errno;
    if (why == ENOENT || why == ENOTDIR) {
      return at_file(core::Code::key_missing, path, "is missing; " + std::string(remedy));
    }
    if (why == EACCES || why == EPERM) {
      return at_file(core::Code::vault_permission, path,
                     "cannot be read by this user; run the command as the owner of the data directory");
    }
    return at_file(core::Code::file_unreadable, path, "cannot be read: " + system_message(why));
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return at_file(core::Code::key_invalid, path, "is not a regular file");
  }
  if (privacy == Privacy::secret && (status.st_mode & 077) != 0) {
    return at_file(core::Code::vault_permission, path,
                   "can be read or written by other users; run: chmod 600 " + path.string());
  }
  std::string text(k_max_key_file + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const auto got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return at_file(core::Code::file_unreadable, path, "cannot be read: " + system_message(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > k_max_key_file) return at_file(core::Code::key_invalid, path, "is too large for a key file");
  text.resize(size);
  return core::Secret(std::move(text));
}

/// One line of base64, 32 bytes. A missing last LF is forgiven: the file may have been restored by hand.
core::Result<core::Secret> read_secret(const fs::path& path) {
  TALON_TRY(text, read_file(path, Privacy::secret, "restore it from the backup of the keys"));
  std::string_view line = text.reveal();
  if (line.ends_with('\n')) line.remove_suffix(1);
  auto bytes = core::base64_decode(line);
  if (!bytes || bytes->size() != k_secret_size) {
    return at_file(core::Code::key_invalid, path,
                   "does not hold one line with the base64 of 32 bytes; restore it from the backup of the keys");
  }
  return core::Secret(std::move(*bytes));
}

core::Result<void> check_private_directory(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == EACCES) {
      return at_file(core::Code::vault_permission, path,
                     "cannot be entered by this user; run the command as the owner of the data directory");
    }
    return at_file(core::Code::key_missing, path, "is missing; restore it from the backup of the keys");
  }
  if (!S_ISDIR(status.st_mode)) return at_file(core::Code::key_invalid, path, "is not a directory");
  if ((status.st_mode & 077) != 0) {
    return at_file(core::Code::vault_permission, path, "is open to other users; run: chmod 700 " + path.string());
  }
  return {};
}

/// sealing/<n>.key with the highest n.
core::Result<fs::path> newest_sealing_key(const fs::path& folder) {
  TALON_TRY_VOID(check_private_directory(folder));
  std::int64_t newest = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string stem = it->path().stem().string();
    std::int64_t number = 0;
    const auto [rest, bad] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    if (it->path().extension() == ".key" && bad == std::errc{} && rest == stem.data() + stem.size()) {
      newest = std::max(newest, number);
    }
  }
  if (error) return at_file(core::Code::file_unreadable, folder, "cannot be read: " + error.message());
  if (newest == 0) {
    return at_file(core::Code::key_missing, folder, "holds no key; restore it from the backup of the keys");
  }
  return folder / (std::to_string(newest) + ".key");
}

/// Adds the key that `line` spells; false when it has neither form.
core::Result<bool> add_pinned(std::string_view line, PinnedKeys& keys) {
  constexpr std::size_t k_minisign_length = 56;
  if (line.starts_with("RW") && line.size() == k_minisign_length) {
    TALON_TRY(key, MinisignKey::parse(line));
    if (keys.export_key) return core::fail(core::Code::usage, "more than one minisign key (RW…) is given");
    keys.export_key = key;
    return true;
  }
  if (std::count(line.begin(), line.end(), '+') < 2) return false;
  TALON_TRY(key, VerifierKey::parse(line));
  if (keys.log_key) return core::fail(core::Code::usage, "more than one verifier key is given");
  keys.log_key = std::move(key);
  return true;
}

core::Result<PinnedKeys> parse_pinned_lines(std::string_view text) {
  PinnedKeys keys;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with("untrusted comment:")) continue;
    TALON_TRY(known, add_pinned(line, keys));
    if (!known) {
      return core::fail(core::Code::usage,
                        "a line is neither a verifier key (name+hash+base64) nor a minisign key (RW…)");
    }
  }
  if (!keys.log_key && !keys.export_key) return core::fail(core::Code::usage, "it holds no key");
  return keys;
}

core::Error as_usage(core::Error error, std::string_view prefix) {
  error.code = core::Code::usage;
  error.message = std::string(prefix) + error.message;
  return error;
}

/// Everything write() makes, in order, so that a failure can take it all away again.
struct NewFiles {
  std::vector<fs::path> made;
  bool keep = false;

  core::Result<void> directory(const fs::path& path) {
    TALON_TRY_VOID(create_directory(path, k_private_directory));
    made.push_back(path);
    return {};
  }
  core::Result<void> file(const fs::path& path, std::string_view bytes, unsigned mode) {
    auto created = create_file(path, bytes, mode);
    if (created || created.error().code != core::Code::vault_exists) made.push_back(path);
    return created;
  }
  ~NewFiles() {
    std::error_code ignored;
    for (auto it = made.rbegin(); !keep && it != made.rend(); ++it) fs::remove(*it, ignored);
  }
};

}  // namespace

std::string PublicKeys::text() const { return log_key.text() + '\n' + export_key.text() + '\n'; }

core::Result<PinnedKeys> read_pinned_keys(std::string_view argument) {
  PinnedKeys keys;
  // A file name may hold two '+', and start with RW, too: only what parses as a key is one.
  const auto as_key = add_pinned(argument, keys);
  if (as_key && *as_key) return keys;
  const fs::path path{std::string(argument)};
  std::error_code ignored;
  if (!as_key && !fs::exists(path, ignored)) return core::fail(as_usage(as_key.error(), "--key: "));
  auto text = read_file(path, Privacy::open, "give a file with the vault's public keys (vault.pub), or a key itself");
  if (!text) return core::fail(as_usage(std::move(text).error(), "--key: "));
  auto found = parse_pinned_lines(text->reveal());
  if (!found) return core::fail(as_usage(std::move(found).error(), "--key: " + path.string() + ": "));
  return found;
}

PublicKeys KeyRing::public_keys() const {
  return PublicKeys{VerifierKey{vault_name, log_key.public_key()}, MinisignKey::of(export_key.public_key())};
}

KeyRing KeyRing::generate(std::string vault_name, core::Random& random) {
  SigningKey log = SigningKey::generate(random);
  SigningKey exporting = SigningKey::generate(random);
  core::Secret secret = random_secret(random);
  core::Secret sealing = random_secret(random);
  return KeyRing{std::move(vault_name), std::move(log), std::move(exporting), std::move(secret), std::move(sealing)};
}

core::Result<void> KeyRing::write(const fs::path& data_dir, core::Random& random) const {
  TALON_TRY_VOID(check_vault_name(vault_name));
  NewFiles files;
  struct stat status{};
  if (::stat(data_dir.c_str(), &status) != 0) TALON_TRY_VOID(files.directory(data_dir));
  const fs::path keys = keys_folder(data_dir);
  for (const fs::path& path : {public_file(data_dir), data_dir / "admin.key", keys}) {
    if (::lstat(path.c_str(), &status) == 0) {
      return at_file(core::Code::vault_exists, path, "is there already; nothing was changed");
    }
  }
  TALON_TRY_VOID(files.directory(keys));
  TALON_TRY_VOID(files.directory(keys / "sealing"));
  TALON_TRY_VOID(files.file(keys / "log.key", base64_line(log_key.seed().reveal()).reveal(), k_private_file));
  TALON_TRY_VOID(files.file(keys / "export.key", base64_line(export_key.seed().reveal()).reveal(), k_private_file));
  TALON_TRY_VOID(files.file(keys / "vault.secret", base64_line(vault_secret.reveal()).reveal(), k_private_file));
  TALON_TRY_VOID(files.file(keys / "sealing" / "1.key", base64_line(sealing_key.reveal()).reveal(), k_private_file));
  TALON_TRY_VOID(files.file(data_dir / "admin.key", new_admin_key(random).reveal(), k_private_file));
  TALON_TRY_VOID(files.file(public_file(data_dir), public_keys().text(), k_public_file));
  for (const fs::path& folder : {keys / "sealing", keys, data_dir}) TALON_TRY_VOID(sync_directory(folder));
  files.keep = true;
  return {};
}

core::Result<KeyRing> KeyRing::load(const fs::path& data_dir) {
  const fs::path keys = keys_folder(data_dir);
  TALON_TRY_VOID(check_private_directory(keys));
  TALON_TRY(published, load_public_keys(data_dir));
  TALON_TRY(log_seed, read_secret(keys / "log.key"));
  TALON_TRY(log, SigningKey::from_seed(std::move(log_seed)));
  TALON_TRY(export_seed, read_secret(keys / "export.key"));
  TALON_TRY(exporting, SigningKey::from_seed(std::move(export_seed)));
  if (log.public_key() != published.log_key.key) {
    return at_file(core::Code::key_invalid, keys / "log.key",
                   "is not the key whose public part stands in vault.pub; restore both from one backup");
  }
  if (exporting.public_key() != published.export_key.key) {
    return at_file(core::Code::key_invalid, keys / "export.key",
                   "is not the key whose public part stands in vault.pub; restore both from one backup");
  }
  TALON_TRY(secret, read_secret(keys / "vault.secret"));
  TALON_TRY(sealing_file, newest_sealing_key(keys / "sealing"));
  TALON_TRY(sealing, read_secret(sealing_file));
  return KeyRing{published.log_key.name, std::move(log), std::move(exporting), std::move(secret), std::move(sealing)};
}

core::Result<PublicKeys> load_public_keys(const fs::path& data_dir) {
  const fs::path path = public_file(data_dir);
  TALON_TRY(text, read_file(path, Privacy::open, "restore it from the backup of the keys"));
  const auto keys = parse_pinned_lines(text.reveal());
  if (!keys) return at_file(core::Code::key_invalid, path, keys.error().message);
  if (!keys->log_key || !keys->export_key) {
    return at_file(core::Code::key_invalid, path, "does not hold the vault's two public keys, one a line");
  }
  if (!check_vault_name(keys->log_key->name)) {
    return at_file(core::Code::key_invalid, path, "the verifier key's name is no vault name");
  }
  return PublicKeys{*keys->log_key, *keys->export_key};
}

}  // namespace talon::vault
