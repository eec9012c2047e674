// load_config: from a parsed configuration to one whose secrets and prices are in hand.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/config_sections.h"
#include "vault/config_files.h"

namespace talon::vault {
namespace {

namespace fs = std::filesystem;
using core::Code;
using core::Problem;
using core::Secret;
using core::SecretSource;

constexpr std::size_t k_short_secret = 16;
constexpr std::size_t k_max_secret = 65'536;

/// Where a secret was looked for, and what came of it.
struct Found {
  std::optional<Secret> secret;
  std::string reason;  ///< why there is none; finishes "… cannot be had: "
};

Found take_line(std::string text, const std::string& where) {
  if (text.size() > k_max_secret) return {std::nullopt, where + " is too large for a secret"};
  // The first line; what stands behind it is a remark, and none of it may reach a header.
  if (const auto end = text.find('\n'); end != std::string::npos) {
    core::wipe(text.data() + end, text.size() - end);
    text.resize(end);
  }
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return {std::nullopt, where + " is empty"};
  return {Secret(std::move(text)), {}};
}

class Loader {
 public:
  Loader(const ConfigFile& file, const ProcessEnvironment& environment, LoadOutcome& out)
      : file_(file), environment_(environment), out_(out) {}

  void run() {
    warn_if_world_readable();
    find_tls_files(out_.loaded.config.listen);
    find_tls_files(out_.loaded.config.admin_listen);
    read_client_keys();
    read_providers();
    read_prices();
  }

 private:
  /// Files named in a configuration lie beside it unless they say otherwise.
  [[nodiscard]] fs::path beside_config(const std::string& name) const {
    return fs::path(name).is_absolute() ? fs::path(name) : file_.path.parent_path() / name;
  }

  /// Their names become ones that hold wherever the process stands; what is in them is the listener's to judge.
  void find_tls_files(std::vector<core::ListenAddress>& addresses) {
    for (auto& address : addresses) {
      if (!address.tls) continue;
      for (auto* name : {&address.tls->certificate, &address.tls->private_key}) {
        *name = beside_config(*name).string();
        const bool said = name == &address.tls->private_key && *name == address.tls->certificate;
        if (const auto text = read_file(*name, Code::file_unreadable); !text && !said)
          say(address.place, "TLS on " + address.text + " cannot be had: " + text.error().message);
      }
    }
  }

  [[nodiscard]] Found find_secret(const SecretSource& source) const {
    switch (source.kind) {
      case SecretSource::Kind::inline_text:
        return {source.text.clone(), {}};
      case SecretSource::Kind::environment: {
        auto value = environment_(source.name);
        if (!value) return {std::nullopt, source.name + " is not set"};
        if (value->empty()) return {std::nullopt, source.name + " is empty"};
        return {Secret(std::move(*value)), {}};
      }
      case SecretSource::Kind::file:
        return find_in_file(beside_config(source.name));
      case SecretSource::Kind::credential: {
        const auto folder = environment_("CREDENTIALS_DIRECTORY");
        if (!folder || folder->empty()) {
          return {std::nullopt, "the credential " + source.name +
                                    " needs systemd (LoadCredential=): CREDENTIALS_DIRECTORY is not set"};
        }
        if (source.name.find('/') != std::string::npos || source.name.starts_with('.')) {
          return {std::nullopt, source.name + " is no name of a credential"};
        }
        return find_in_file(fs::path(*folder) / source.name);
      }
    }
    return {};
  }

  [[nodiscard]] static Found find_in_file(const fs::path& path) {
    auto text = read_file(path, Code::file_unreadable);
    if (!text) return {std::nullopt, text.error().message};
    return take_line(std::move(*text), path.string());
  }

  Problem& say(const core::Place& place, std::string message) {
    return out_.problems.emplace_back(place, Code::config_invalid, std::move(message), std::nullopt, false);
  }

  /// Nothing is added on failure but a problem; the list stays parallel to the configuration's.
  Secret required(const SecretSource& source, const std::string& whose) {
    auto found = find_secret(source);
    if (found.secret) return std::move(*found.secret);
    say(source.place, fmt::format("the key of {} cannot be had: {}", whose, found.reason));
    return {};
  }

  void warn_if_world_readable() {
    struct stat info{};
    if (::stat(file_.path.c_str(), &info) != 0 || (info.st_mode & S_IROTH) == 0) return;
    const SecretSource* first = nullptr;
    for (const auto* source : secret_sources(out_.loaded.config)) {
      if (source->kind != SecretSource::Kind::inline_text) continue;
      if (first == nullptr || source->place.line < first->place.line) first = source;
    }
    if (first == nullptr) return;
    say(first->place, fmt::format("{} holds secrets and every user of this machine may read it; try: chmod 640 {}",
                                  file_.path.string(), file_.path.string()))
        .warning = true;
  }

  void read_client_keys() {
    auto& loaded = out_.loaded;
    const auto& config = loaded.config;
    if (config.admin_key) loaded.admin_key = read_admin_key(*config.admin_key, "admin", "the admin key");
    for (const auto& key : config.admin_keys) {
      const std::string whose = "admin key \"" + key.name + "\"";
      loaded.admin_keys.push_back(read_admin_key(key.key, whose, whose));
    }
    if (!config.admin_key && config.admin_keys.empty())
      loaded.notices.emplace_back("admin is off: no auth.admin_key is configured");
    for (const auto& key : config.api_keys)
      loaded.static_keys.push_back(required(key.key, "API key \"" + key.name + "\""));
    for (const auto& caller : config.callers) {
      loaded.caller_keys.push_back(required(caller.tenant_key, "caller \"" + caller.name + "\""));
    }
    check_client_keys();
  }

  /// nullopt with a notice when its variable is not set: that admin is off.
  std::optional<Secret> read_admin_key(const SecretSource& source, const std::string& off, const std::string& whose) {
    auto found = find_secret(source);
    if (found.secret) return std::move(found.secret);
    if (source.kind == SecretSource::Kind::environment) {
      out_.loaded.notices.push_back(off + " is off: " + found.reason);
    } else {
      say(source.place, whose + " cannot be had: " + found.reason);
    }
    return std::nullopt;
  }

  /// All keys that clients send, now that each is in hand: one key under two names is one too many.
  void check_client_keys() {
    const auto& loaded = out_.loaded;
    std::vector<core::NamedKey> keys;
    const auto add = [&](const Secret& secret, const SecretSource& source, std::string whose) {
      if (secret.empty()) return;  // said already
      keys.push_back({.key = secret.reveal(),
                      .whose = std::move(whose),
                      .place = source.place,
                      .reported = source.kind == SecretSource::Kind::inline_text});
    };
    if (loaded.admin_key) add(*loaded.admin_key, *loaded.config.admin_key, "the admin key");
    for (std::size_t i = 0; i < loaded.admin_keys.size(); ++i) {
      const auto& key = loaded.config.admin_keys[i];
      if (loaded.admin_keys[i]) add(*loaded.admin_keys[i], key.key, "admin key \"" + key.name + "\"");
    }
    for (std::size_t i = 0; i < loaded.static_keys.size(); ++i) {
      const auto& key = loaded.config.api_keys[i];
      add(loaded.static_keys[i], key.key, "API key \"" + key.name + "\"");
    }
    for (std::size_t i = 0; i < loaded.caller_keys.size(); ++i) {
      const auto& caller = loaded.config.callers[i];
      add(loaded.caller_keys[i], caller.tenant_key, "caller \"" + caller.name + "\"");
    }
    for (auto& problem : core::check_client_keys(keys)) out_.problems.push_back(std::move(problem));
  }

  void read_providers() {
    for (const auto& provider : out_.loaded.config.providers) {
      auto& resolved = out_.loaded.providers.emplace_back();
      if (!provider.api_key) continue;
      auto found = find_secret(*provider.api_key);
      if (found.secret) {
        check_provider_key(*found.secret, *provider.api_key, provider.name);
        resolved.api_key = std::move(found.secret);
        warn_if_short(*resolved.api_key, *provider.api_key, provider.name);
        continue;
      }
      resolved.off_because = found.reason;
      if (provider.api_key->kind == SecretSource::Kind::environment) {
        out_.loaded.notices.push_back("provider " + provider.name + " is off: " + found.reason);
      } else {
        say(provider.api_key->place, "the key of provider \"" + provider.name + "\" cannot be had: " + found.reason);
      }
    }
  }

  /// A key goes into a header as it is. (Those written in the configuration were checked with it.)
  void check_provider_key(const Secret& secret, const SecretSource& source, const std::string& provider) {
    if (source.kind == SecretSource::Kind::inline_text) return;
    if (const auto reason = core::key_problem(secret.reveal()))
      say(source.place, fmt::format("the key of provider \"{}\" ({}) {}", provider, source.name, *reason));
  }

  void warn_if_short(const Secret& secret, const SecretSource& source, const std::string& provider) {
    if (secret.reveal().size() >= k_short_secret) return;
    say(source.place, "the key of provider \"" + provider + "\" is shorter than 16 characters; is it complete?")
        .warning = true;
  }

  void read_prices() {
    auto& loaded = out_.loaded;
    if (!loaded.config.pricing_file) return;
    const auto path = beside_config(*loaded.config.pricing_file);
    const auto text = read_file(path, Code::file_unreadable);
    if (!text) {
      say({file_.path.string()}, "pricing_file cannot be had: " + text.error().message);
      return;
    }
    for (auto& problem : loaded.prices.overlay(*text, path.string())) out_.problems.push_back(std::move(problem));
  }

  const ConfigFile& file_;
  const ProcessEnvironment& environment_;
  LoadOutcome& out_;
};

}  // namespace

std::vector<const SecretSource*> secret_sources(const core::Config& config) {
  std::vector<const SecretSource*> sources;
  if (config.admin_key) sources.push_back(&*config.admin_key);
  for (const auto& key : config.admin_keys) sources.push_back(&key.key);
  for (const auto& key : config.api_keys) sources.push_back(&key.key);
  for (const auto& caller : config.callers) sources.push_back(&caller.tenant_key);
  for (const auto& provider : config.providers) {
    if (provider.api_key) sources.push_back(&*provider.api_key);
  }
  return sources;
}

bool LoadOutcome::valid() const {
  return std::all_of(problems.begin(), problems.end(), [](const Problem& problem) { return problem.warning; });
}

core::Result<LoadOutcome> load_config(const ConfigFile& file, const ProcessEnvironment& environment) {
  TALON_TRY(text, read_file(file.path, Code::config_missing));
  auto parsed = core::parse_config(text, file.path.string());
  LoadOutcome out;
  out.loaded.config = std::move(parsed.config);
  out.problems = std::move(parsed.problems);
  out.loaded.prices = core::PriceTable::built_in();
  Loader(file, environment, out).run();
  core::wipe(text.data(), text.size());
  return out;
}

}  // namespace talon::vault
