// talon doctor: the files that hold secrets, and who besides us may read or replace them. The vault's own keys are not
// among them: nothing starts while those are open (vault/log/key_ring.h).
#include <fmt/format.h>
#include <sys/stat.h>

#include <set>
#include <utility>

#include "cli/checkup.h"

namespace talon::cli {
namespace {

using Status = Check::Status;

class SecretFiles {
 public:
  /// `open`: what it is when others have one of the rights `closed`.
  void look(const std::filesystem::path& file, mode_t closed, std::string_view remedy, Status open) {
    struct stat info{};
    // What cannot be looked at is missing, which is the configuration's to say, or in a folder that is closed itself.
    if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
    // Named twice: the stricter look comes first.
    if (!seen_.insert({info.st_dev, info.st_ino}).second) return;
    if ((info.st_mode & closed) == 0) return;
    const auto* join = remedies_.empty() ? "" : "; ";
    messages_ += fmt::format("{}other users may read or write {} (mode {:04o})", join, file.string(),
                             static_cast<unsigned>(info.st_mode & 07777));
    remedies_ += fmt::format("{}{} {}", join, remedy, file.string());
    if (worst_ != Status::fail) worst_ = open;
  }

  void tell(Checks& checks) && {
    if (worst_ == Status::pass)
      messages_ =
          fmt::format("closed to other users: {} file{} with secrets", seen_.size(), seen_.size() == 1 ? "" : "s");
    checks.push_back({"secret_files", worst_, std::move(messages_), std::move(remedies_)});
  }

 private:
  std::set<std::pair<dev_t, ino_t>> seen_;
  Status worst_ = Status::pass;
  std::string messages_, remedies_;
};

/// Of a group's own, as ssl-cert or talon, it may be read; replaced it may not.
constexpr mode_t k_of_others = S_IRWXO | S_IWGRP;
constexpr std::string_view k_close_to_others = "chmod g-w,o-rwx";

void look_at_sources(const core::Config& config, SecretFiles& files) {
  const auto folder = std::filesystem::path(config.file).parent_path();
  for (const auto* source : vault::secret_sources(config)) {
    // As a secret that is written into an open configuration: it works, and is said.
    if (source->kind == core::SecretSource::Kind::file)
      files.look(folder / source->name, k_of_others, k_close_to_others, Status::warn);
  }
}

}  // namespace

void check_secret_files(const core::Config* config, const std::filesystem::path& data_dir, Checks& checks) {
  SecretFiles files;
  files.look(data_dir / "admin.key", S_IRWXG | S_IRWXO, "chmod 600", Status::fail);
  if (config != nullptr) {
    for (const auto* addresses : {&config->listen, &config->admin_listen}) {
      for (const auto& address : *addresses) {
        if (address.tls) files.look(address.tls->private_key, k_of_others, k_close_to_others, Status::fail);
      }
    }
    look_at_sources(*config, files);
  }
  std::move(files).tell(checks);
}

}  // namespace talon::cli
