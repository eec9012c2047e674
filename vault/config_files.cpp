#include "vault/config_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "core/yaml.h"
#include "vault/log/files.h"
#include "vault/store/preflight.h"

namespace talon::vault {

namespace fs = std::filesystem;
using core::Code;
using core::Result;

namespace {

/// Existing, whether it may be read or not.
bool present(const fs::path& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/// $NAME if it is set and not empty, as the XDG base directory specification wants it.
std::optional<std::string> non_empty(const ProcessEnvironment& environment, std::string_view name) {
  auto value = environment(name);
  if (value && value->empty()) value.reset();
  return value;
}

/// $VARIABLE/talon, or $HOME/<fallback>/talon.
std::optional<fs::path> xdg(const ProcessEnvironment& environment, std::string_view variable,
                            std::string_view fallback) {
  if (const auto base = non_empty(environment, variable); base && fs::path(*base).is_absolute()) {
    return fs::path(*base) / "talon";
  }
  if (const auto home = non_empty(environment, "HOME")) return fs::path(*home) / fallback / "talon";
  return std::nullopt;
}

constexpr const char* k_system_config = "/etc/talon/talon.yaml";
constexpr const char* k_system_data = "/var/lib/talon";

}  // namespace

ProcessEnvironment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets it
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

Result<std::optional<ConfigFile>> find_config_file(const std::optional<std::string>& flag,
                                                   const ProcessEnvironment& environment) {
  const auto named = [](std::string path, const char* origin) -> Result<std::optional<ConfigFile>> {
    if (path.empty()) return core::fail(Code::usage, fmt::format("{} names no file", origin));
    if (!present(path)) {
      return core::fail(core::Error{Code::config_missing, fmt::format("there is no file {} (from {})", path, origin),
                                    core::Place{path}});
    }
    return std::optional(ConfigFile{std::move(path), origin});
  };
  if (flag) return named(*flag, "--config");
  if (auto variable = non_empty(environment, "TALON_CONFIG")) return named(std::move(*variable), "$TALON_CONFIG");
  std::vector<fs::path> places{"talon.yaml"};
  if (const auto folder = xdg(environment, "XDG_CONFIG_HOME", ".config")) places.push_back(*folder / "talon.yaml");
  places.emplace_back(k_system_config);
  for (auto& place : places) {
    if (present(place)) return std::optional(ConfigFile{std::move(place), ""});
  }
  return std::optional<ConfigFile>();
}

std::string DataDir::described() const {
  return origin.empty() ? path.string() : fmt::format("{} (from {})", path.string(), origin);
}

Result<DataDir> find_data_dir(const std::optional<std::string>& flag, const ProcessEnvironment& environment,
                              const core::Config* config) {
  if (flag) {
    if (flag->empty()) return core::fail(Code::usage, "--data-dir names no directory");
    return DataDir{*flag, "--data-dir"};
  }
  if (auto variable = non_empty(environment, "TALON_DATA_DIR")) return DataDir{std::move(*variable), "$TALON_DATA_DIR"};
  if (config != nullptr && config->data_dir && !config->data_dir->empty()) {
    const fs::path written(*config->data_dir);
    if (written.is_absolute() || config->file.empty()) return DataDir{written, "data_dir in " + config->file};
    return DataDir{fs::path(config->file).parent_path() / written, "data_dir in " + config->file};
  }
  if (auto variable = non_empty(environment, "STATE_DIRECTORY")) {
    // systemd joins several with colons; ours is the first.
    return DataDir{variable->substr(0, variable->find(':')), "$STATE_DIRECTORY"};
  }
  if (present(k_system_data)) return DataDir{k_system_data, ""};
  if (auto folder = xdg(environment, "XDG_STATE_HOME", ".local/state")) return DataDir{std::move(*folder), ""};
  return core::fail(Code::usage, "no data directory: give --data-dir, or set TALON_DATA_DIR");
}

Result<std::optional<std::string>> data_dir_of(const ConfigFile& file) {
  TALON_TRY(text, read_file(file.path, Code::config_missing));
  const auto document = core::read_yaml(text, file.path.string());
  const auto* member = document.root.find("data_dir");
  if (member == nullptr && !document.problems.empty() && !document.complete) {
    const auto& problem = document.problems.front();
    return core::fail(core::Error{Code::config_invalid, problem.message, problem.place});
  }
  if (member == nullptr) return std::optional<std::string>();
  if (member->value.kind != core::YamlNode::Kind::scalar || member->value.text.empty()) {
    return core::fail(core::Error{Code::config_invalid,
                                  "data_dir is not the name of a directory; all problems: talon config check",
                                  core::Place{file.path.string(), member->value.line, member->value.column}});
  }
  const fs::path written(member->value.text);
  return std::optional(written.is_absolute() ? written.string() : (file.path.parent_path() / written).string());
}

Result<std::string> read_file(const fs::path& path, Code missing) {
  const auto fail_at = [&](Code code, std::string message) {
    return core::fail(core::Error{code, std::move(message), core::Place{path.string()}});
  };
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    const int why = errno;
    if (why == ENOENT || why == ENOTDIR) return fail_at(missing, fmt::format("there is no file {}", path.string()));
    if (why == EACCES || why == EPERM) {
      return fail_at(Code::file_unreadable, fmt::format("{} cannot be read; it {}", path.string(), owner_remedy(path)));
    }
    return fail_at(Code::file_unreadable, fmt::format("{} cannot be read: {}", path.string(), system_message(why)));
  }
  struct stat info{};
  if (::fstat(file.get(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return fail_at(Code::file_unreadable, fmt::format("{} is a directory", path.string()));
  }
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    const auto got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail_at(Code::file_unreadable, fmt::format("{} cannot be read: {}", path.string(), system_message(errno)));
    }
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > core::k_max_yaml)
      return fail_at(Code::file_unreadable, fmt::format("{} is too large", path.string()));
  }
  core::wipe(buffer.data(), buffer.size());  // it may have been a secret's file
  return text;
}

}  // namespace talon::vault
