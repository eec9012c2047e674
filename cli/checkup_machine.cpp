// talon doctor: disk, clock, limits, and the systemd unit.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/checkup.h"

namespace talon::cli {
namespace {

using Status = Check::Status;

constexpr std::uint64_t k_mib = 1 << 20;
/// Below this the vault's own reserve (64 MiB) is what is left.
constexpr std::uint64_t k_least_free = 128 * k_mib;
constexpr std::uint64_t k_good_free = 1024 * k_mib;
/// 20,000 connections, as many to providers, and some files.
constexpr rlim_t k_good_files = 45'000;
constexpr rlim_t k_least_files = 1024;
constexpr double k_exposed = 4.0;  // systemd's own word up to there is "OK"
/// A vault's time never runs backwards, so a clock behind it stamps the newest instant again and again.
constexpr std::int64_t k_behind = 5 * core::k_micros_per_second;

std::string run(const char* command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command, "re"), &pclose);
  std::string out;
  char buffer[512];
  while (pipe != nullptr && out.size() < 65'536 && std::fgets(buffer, sizeof buffer, pipe.get()) != nullptr)
    out += buffer;
  return out;
}

}  // namespace

void check_disk(const std::filesystem::path& data_dir, Checks& checks) {
  struct statvfs disk{};
  if (statvfs(data_dir.c_str(), &disk) != 0) {
    checks.push_back({"disk_space", Status::skip, fmt::format("not known: {}", std::strerror(errno)), ""});
    return;
  }
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const auto message = fmt::format("{} MiB are free under {}", free / k_mib, data_dir.string());
  const std::string remedy = "make room, or move the data directory to a larger disk";
  if (free < k_least_free) {
    checks.push_back({"disk_space", Status::fail, message, remedy});
  } else if (disk.f_files > 0 && disk.f_favail < 16) {
    checks.push_back({"disk_space", Status::fail, "no inodes are free under " + data_dir.string(), remedy});
  } else {
    const bool little = free < k_good_free;
    checks.push_back({"disk_space", little ? Status::warn : Status::pass, message, little ? remedy : ""});
  }
}

void check_open_files(Checks& checks) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto message = limit.rlim_max == RLIM_INFINITY ? std::string("open files are not limited")
                                                       : fmt::format("{} open files are allowed here", limit.rlim_max);
  const std::string remedy = "the unit sets LimitNOFILE=1048576; elsewhere: ulimit -Hn 1048576";
  if (limit.rlim_max < k_least_files) {
    checks.push_back({"open_files", Status::fail, message, remedy});
  } else {
    const bool few = limit.rlim_max < k_good_files;
    checks.push_back({"open_files", few ? Status::warn : Status::pass,
                      few ? message + "; 20000 connections need 45000" : message, few ? remedy : ""});
  }
}

void check_clock(core::Instant now, std::optional<core::Instant> newest, Checks& checks) {
  const auto text = core::to_rfc3339_seconds(now);
  const std::string remedy = "set the clock, and keep it: timedatectl set-ntp true";
  int year = 0;
  std::from_chars(text.data(), text.data() + 4, year);
  if (year < 2025 || year > 2100) {
    checks.push_back({"clock", Status::fail, "the clock says " + text, remedy});
  } else if (newest && now.micros + k_behind < newest->micros) {
    checks.push_back(
        {"clock", Status::fail,
         fmt::format("the clock says {}, before the newest record of {}", text, core::to_rfc3339_seconds(*newest)),
         remedy});
  } else {
    checks.push_back({"clock", Status::pass, "the clock says " + text, ""});
  }
}

void check_unit(Checks& checks) {
  const auto skip = [&](std::string why) { checks.push_back({"unit", Status::skip, std::move(why), ""}); };
  if (access("/run/systemd/system", F_OK) != 0) return skip("systemd does not run here");
  if (run("command -v systemd-analyze 2>/dev/null").empty()) return skip("there is no systemd-analyze");
  const auto report = run("systemd-analyze security --no-pager talon.service 2>/dev/null");
  constexpr std::string_view k_words = "exposure level for talon.service: ";
  const auto at = report.find(k_words);
  double level = 0;
  if (at == std::string::npos ||
      std::sscanf(report.c_str() + at + k_words.size(), "%lf", &level) != 1) {  // NOLINT(cert-err34-c): checked
    return skip("the unit talon.service is not installed");
  }
  const auto message = fmt::format("the exposure of talon.service is {:.1f} of 10", level);
  const bool exposed = level > k_exposed;
  checks.push_back({"unit", exposed ? Status::warn : Status::pass, message,
                    exposed ? "see what a drop-in opened: systemctl cat talon; systemd-analyze security talon" : ""});
}

}  // namespace talon::cli
