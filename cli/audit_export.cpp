// talon audit export: a bundle or the canonical lines, written whole or not at all: to a temporary name
// beside the output first, renamed when complete.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"
#include "core/text.h"
#include "gateway/http/error_envelope.h"

namespace talon::cli {
namespace {

namespace fs = std::filesystem;

struct Plan {
  std::optional<core::LogName> log;  ///< nullopt: all
  vault::Period period;
  bool ndjson = false;
  std::string output;  ///< "-" for standard output
};

core::Result<Plan> plan_of(const Arguments& arguments) {
  Plan plan;
  TALON_TRY(log, log_of(arguments));
  plan.log = log;
  if (arguments.has("--all") == plan.log.has_value()) {
    return core::fail(core::Code::usage, "name one log: --tenant ID, --unattributed, --operator, or --all");
  }
  TALON_TRY(period, period_of(arguments));
  plan.period = period;
  const auto format = arguments.value("--format").value_or("bundle");
  if (format == "csv" || format == "sqlite") {
    return core::fail(core::Code::usage,
                      "--format " + format + " is not supported by this version; bundle and ndjson are");
  }
  if (format != "bundle" && format != "ndjson") {
    return core::fail(core::Code::usage, "--format takes bundle or ndjson");
  }
  plan.ndjson = format == "ndjson";
  if (!plan.log && !plan.ndjson) {
    return core::fail(core::Code::usage, "--all is for --format ndjson; a bundle holds one log");
  }
  plan.output = arguments.value("--output").value_or("-");
  if (plan.output.empty()) {
    return core::fail(core::Code::usage, "--output needs a path, or - for standard output");
  }
  if (!plan.ndjson && plan.output == "-" && stdout_is_terminal()) {
    return core::fail(core::Code::usage, "a bundle is binary; use --output FILE, or send it through a pipe");
  }
  if (plan.ndjson && plan.output.ends_with('/')) {
    return core::fail(core::Code::usage, "--format ndjson writes a file, not a folder");
  }
  return plan;
}

/// A file that takes its name only when it is complete.
class Draft {
 public:
  static core::Result<Draft> open(const fs::path& target) {
    Draft draft;
    draft.target_ = target;
    draft.name_ = (target.parent_path().empty() ? fs::path(".") : target.parent_path()) /
                  ("." + target.filename().string() + "." + std::to_string(::getpid()) + ".part");
    draft.fd_ = ::open(draft.name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (draft.fd_ < 0) {
      return core::fail(core::Code::write_failed,
                        fmt::format("cannot write beside {}: {}", target.string(), std::strerror(errno)));
    }
    return draft;
  }
  Draft(Draft&& other) noexcept
      : target_(std::move(other.target_)), name_(std::move(other.name_)), fd_(std::exchange(other.fd_, -1)) {}
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  Draft& operator=(Draft&&) = delete;
  ~Draft() {
    if (fd_ >= 0) {
      ::close(fd_);
      ::unlink(name_.c_str());
    }
  }

  core::Result<void> write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written < 0) {
        return core::fail(core::Code::write_failed, fmt::format("{}: {}", target_.string(), std::strerror(errno)));
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  core::Result<void> finish() {
    if (::fsync(fd_) != 0 || ::rename(name_.c_str(), target_.c_str()) != 0) {
      return core::fail(core::Code::write_failed, fmt::format("{}: {}", target_.string(), std::strerror(errno)));
    }
    ::close(std::exchange(fd_, -1));
    return {};
  }

 private:
  Draft() = default;
  fs::path target_, name_;
  int fd_ = -1;
};

core::Result<vault::ExportReport> write_stdout(const vault::Vault& vault, const Plan& plan) {
  const auto sink = [](std::string_view bytes) -> core::Result<void> {
    print(bytes);
    if (finish_stdout(k_exit_done) != k_exit_done) {
      return core::fail(core::Code::write_failed, "standard output was closed");
    }
    return {};
  };
  return plan.ndjson ? vault.export_ndjson(plan.log, plan.period, sink)
                     : vault.export_bundle(*plan.log, plan.period, sink);
}

core::Result<vault::ExportReport> write_file(const vault::Vault& vault, const Plan& plan) {
  TALON_TRY(draft, Draft::open(plan.output));
  const auto sink = [&draft](std::string_view bytes) { return draft.write(bytes); };
  TALON_TRY(done, plan.ndjson ? vault.export_ndjson(plan.log, plan.period, sink)
                              : vault.export_bundle(*plan.log, plan.period, sink));
  TALON_TRY_VOID(draft.finish());
  return done;
}

core::Result<vault::ExportReport> write_folder(const vault::Vault& vault, const Plan& plan) {
  fs::path target(plan.output);
  target = target.parent_path();  // without the trailing slash
  const fs::path draft = (target.parent_path().empty() ? fs::path(".") : target.parent_path()) /
                         ("." + target.filename().string() + "." + std::to_string(::getpid()) + ".part");
  std::error_code ignored;
  auto done = vault.export_folder(*plan.log, plan.period, draft);
  if (!done) {
    fs::remove_all(draft, ignored);
    return done;
  }
  fs::remove_all(target, ignored);
  std::error_code error;
  fs::rename(draft, target, error);
  if (error) {
    fs::remove_all(draft, ignored);
    return core::fail(core::Code::write_failed, fmt::format("{}: {}", plan.output, error.message()));
  }
  return done;
}

std::string shell_word(const std::string& word) {
  if (!word.empty() &&
      word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+:=@%,-") ==
          std::string::npos) {
    return word;
  }
  std::string out = "'";
  for (const char c : word) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

}  // namespace

int run_audit_export(const Arguments& arguments) {
  const auto plan = plan_of(arguments);
  if (!plan) {
    return report(arguments, plan.error());
  }
  std::error_code ignored;
  if (plan->output != "-" && fs::exists(plan->output, ignored) && !arguments.has("--force")) {
    return report(arguments, {core::Code::file_exists, plan->output + " exists; --force replaces it", std::nullopt});
  }
  const auto vault = open_vault(arguments);
  if (!vault) {
    return report(arguments, vault.error());
  }
  const bool folder = !plan->ndjson && plan->output.ends_with('/');
  const auto done = plan->output == "-" ? write_stdout(**vault, *plan)
                    : folder            ? write_folder(**vault, *plan)
                                        : write_file(**vault, *plan);
  if (!done) {
    if (done.error().code == core::Code::write_failed && finish_stdout(k_exit_done) != k_exit_done) {
      return k_exit_unknown;  // said, or silent for a closed pipe, when stdout is finished
    }
    return report(arguments, done.error());
  }
  const auto tenant = arguments.value("--tenant");
  if (arguments.json() && plan->output != "-") {
    print(fmt::format(R"({{"path":{},{}"records":{},"size":{},"root_hash":"{}","sha256":"{}"}})"
                      "\n",
                      gateway::json_quote(plan->output),
                      tenant ? "\"tenant\":" + gateway::json_quote(*tenant) + "," : R"("tenant":null,)", done->records,
                      done->size, vault::to_base64(done->root), done->sha256));
    return k_exit_done;
  }
  note(arguments, fmt::format("{} records{}", done->records,
                              plan->output == "-" ? "" : " in " + core::terminal_text(plan->output)));
  if (!plan->ndjson) {
    if (done->open_end) {
      note(arguments, "the end is open: no record stands after it yet");
    }
    const auto whose = tenant                     ? "--tenant " + shell_word(*tenant)
                       : plan->log->is_operator() ? std::string("--log operator")
                                                  : std::string("--log unattributed");
    note(arguments, fmt::format("verify it: talon audit verify {} --key vault.pub {}",
                                plan->output == "-" ? "BUNDLE" : shell_word(plan->output), whose));
  }
  return k_exit_done;
}

}  // namespace talon::cli
