// talon serve: configuration, user, vault, gateway, in this order; then it waits for a signal.
// Exit codes (interfaces.md §2): 0 after SIGTERM, 1 for a bad configuration, 3 for everything that is in
// the way: no vault, a second serve, a port in use, a disk that fails.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/problems.h"
#include "core/random.h"
#include "gateway/log.h"
#include "gateway/server.h"
#include "gateway/snapshot.h"
#include "vault/vault.h"

namespace talon::cli {
namespace {

/// After a failed commit the process ends within a second (evidence.md §4, "States").
constexpr int k_failure_patience_ms = 700;

/// Open files: each connection is one, so the soft limit goes up to the hard one.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// Keys are in memory: no core dump, no ptrace by other processes of this user. After become_owner(), because setuid(2)
/// changes the one; the other holds where the kernel hands cores to a pipe as well.
void keep_memory_private() {
  prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

/// Signals come through a descriptor; every thread made from here on inherits the mask.
int open_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

/// A thing that happened on another thread, seen by poll(2).
class Happened {
 public:
  Happened() : descriptor_(eventfd(0, EFD_CLOEXEC)) {}
  ~Happened() { close(descriptor_); }
  Happened(const Happened&) = delete;
  Happened& operator=(const Happened&) = delete;
  void tell() const noexcept { eventfd_write(descriptor_, 1); }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

struct Failure {
  Happened happened;
  std::mutex mutex;
  core::Error error;
};

vault::ServeOptions serve_options(const core::Config& config, Failure& failure) {
  vault::ServeOptions options;
  options.durability = config.durability;
  options.journal_priority = config.journal_priority;
  options.version = TALON_VERSION;
  for (const auto& caller : config.callers) options.known_tenants.push_back(caller.tenant);
  options.on_failure = [&failure](const core::Error& error) {
    {
      const std::lock_guard lock(failure.mutex);
      failure.error = error;
    }
    failure.happened.tell();
  };
  return options;
}

/// What a start and each reload say of the configuration.
void log_generation(gateway::Log& log, const gateway::Snapshot& snapshot) {
  for (const auto& provider : snapshot.providers) {
    if (provider.on) {
      log.event("provider", {{"name", provider.config.name}, {"on", true}, {"base_url", provider.config.base_url}});
    } else {
      log.event("provider", {{"name", provider.config.name}, {"on", false}, {"reason", provider.off_reason}});
    }
  }
  for (const auto& notice : snapshot.loaded.notices) log.event("notice", {{"message", notice}});
  log.event("admin", {{"on", snapshot.admin_on}});
}

void log_start(gateway::Log& log, const vault::ConfigFile& file, const vault::DataDir& data_dir,
               const gateway::Snapshot& snapshot) {
  log.event("configuration", {{"file", file.path.string()}, {"from", file.origin}});
  log.event("data_dir", {{"path", data_dir.path.string()}, {"from", data_dir.origin}});
  log_generation(log, snapshot);
  log.event("durability",
            {{"mode", snapshot.loaded.config.durability == core::Durability::strict ? "strict" : "batched"}});
}

/// Until the server has ended: the first signal drains, the second stops at once. False: the vault failed.
bool wait_for_end(gateway::Server& server, gateway::Log& log, int signals, const Failure& failure,
                  const Happened& ended) {
  bool draining = false;
  for (;;) {
    std::array<pollfd, 3> watched{pollfd{signals, POLLIN, 0}, pollfd{failure.happened.descriptor(), POLLIN, 0},
                                  pollfd{ended.descriptor(), POLLIN, 0}};
    if (poll(watched.data(), watched.size(), -1) < 0) continue;
    if (watched[1].revents != 0) return false;
    if (watched[2].revents != 0) return true;
    signalfd_siginfo info{};
    if (read(signals, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) continue;
    if (info.ssi_signo == SIGHUP) {
      server.reload();
      continue;
    }
    log.event("stopping", {{"how", draining ? "now" : "drain"}});
    if (!draining) sd_notify(0, "STOPPING=1");
    server.stop(draining ? gateway::Server::Stop::now : gateway::Server::Stop::drain);
    draining = true;
  }
}

/// The disk failed: whoever waits is answered, then the process ends, come what may.
[[noreturn]] void end_failed(gateway::Server& server, gateway::Log& log, Failure& failure, const Happened& ended) {
  {
    const std::lock_guard lock(failure.mutex);
    log.error("vault_failed", {{"code", core::word(failure.error.code)}, {"message", failure.error.message}});
  }
  server.stop(gateway::Server::Stop::now);
  pollfd watched{ended.descriptor(), POLLIN, 0};
  static_cast<void>(poll(&watched, 1, k_failure_patience_ms));
  // Nothing here retries, reopens or cleans up: the next start verifies what is on disk.
  std::_Exit(k_exit_unknown);
}

std::string monotonic_usec() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

/// A configuration that only shows itself unusable now (a certificate, one key under two names) is as bad as one that
/// does not parse.
int report_bad_start(const Arguments& arguments, const core::Error& error) {
  const int exit = report(arguments, error);
  return error.code == core::Code::config_invalid ? k_exit_no : exit;
}

/// Why a start came to nothing: where the vault failed beside it (a damaged key that is met while the others are loaded),
/// that is the reason, and whatever else went wrong only followed from it.
core::Error reason_of(const core::Error& error, Failure& failure) {
  // Others may see a failed vault a moment before its reason is told.
  const int patience = error.code == core::Code::vault_unavailable ? k_failure_patience_ms : 0;
  pollfd failed{failure.happened.descriptor(), POLLIN, 0};
  if (poll(&failed, 1, patience) <= 0) return error;
  const std::lock_guard lock(failure.mutex);
  return failure.error;
}

core::Error all_problems(const std::vector<core::Problem>& problems) {
  core::Error error{core::Code::config_invalid, {}, {}};
  for (const auto& problem : problems) {
    if (problem.warning) continue;
    if (!error.place) error.place = problem.place;
    if (!error.message.empty()) error.message += "; ";
    error.message += core::to_text(problem);
  }
  return error;
}

/// For a reload: the same file, read and checked as at the start.
core::Result<gateway::SnapshotRef> load_again(const Arguments& arguments, const vault::ConfigFile& file,
                                              const vault::DataDir& data_dir, gateway::Log& log,
                                              const vault::Vault& vault) {
  const auto environment = vault::process_environment();
  TALON_TRY(outcome, vault::load_config(file, environment));
  if (!outcome.valid()) return core::fail(all_problems(outcome.problems));
  TALON_TRY(found, vault::find_data_dir(arguments.value("--data-dir"), environment, &outcome.loaded.config));
  if (found.path != data_dir.path) {
    return core::fail(core::Error{core::Code::config_invalid,
                                  "\"data_dir\" cannot change while the server runs; restart it, or put the old value "
                                  "back",
                                  core::Place{file.path.string()}});
  }
  for (const auto& warning : outcome.problems) log.warning("configuration", {{"message", core::to_text(warning)}});
  return gateway::build_snapshot(std::move(outcome.loaded), vault);
}

int serve(const Arguments& arguments, const vault::ConfigFile& file, const vault::DataDir& data_dir,
          vault::LoadedConfig loaded, const std::vector<core::Problem>& warnings) {
  raise_file_limit();
  keep_memory_private();
  std::signal(SIGPIPE, SIG_IGN);
  const int signals = open_signals();

  gateway::Log log(STDERR_FILENO, gateway::Log::form_for(STDERR_FILENO), system_clock());
  for (const auto& warning : warnings) log.warning("configuration", {{"message", core::to_text(warning)}});
  core::SystemRandom random;
  Failure failure;
  auto vault =
      vault::Vault::open_for_serving(data_dir.path, serve_options(loaded.config, failure), system_clock(), random);
  if (!vault) {
    auto error = reason_of(vault.error(), failure);
    if (error.code == core::Code::vault_missing)
      error.message = "no vault in " + data_dir.described() + "; create one: talon init";
    return report(arguments, error);
  }
  auto snapshot = gateway::build_snapshot(std::move(loaded), **vault);
  if (!snapshot) return report_bad_start(arguments, reason_of(snapshot.error(), failure));
  log_start(log, file, data_dir, **snapshot);

  gateway::ServerOptions options;
  options.load = [&] { return load_again(arguments, file, data_dir, log, **vault); };
  options.drain_begins = [&log] {
    log.event("stopping", {{"how", "drain"}});
    sd_notify(0, "STOPPING=1");
  };
  options.reload_begins = [] { sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + monotonic_usec()).c_str()); };
  options.reload_ended = [&log](const gateway::Snapshot* loaded) {
    if (loaded != nullptr) {
      log_generation(log, *loaded);
      log.event("reloaded", {{"file", loaded->loaded.config.file}});
    }
    sd_notify(0, "READY=1");
  };
  options.clock = &system_clock();
  options.log = &log;
  options.version = TALON_VERSION;
  if (sd_watchdog_enabled(0, nullptr) > 0) options.alive = [] { sd_notify(0, "WATCHDOG=1"); };
  auto server = gateway::Server::start(*snapshot, **vault, std::move(options));
  if (!server) return report_bad_start(arguments, reason_of(server.error(), failure));
  for (const auto& one : (*server)->addresses())
    log.event("listening", {{"address", one.address}, {"tls", one.tls}, {"admin", one.admin}});
  log.event("ready");
  sd_notify(0, "READY=1");

  Happened ended;
  std::thread waiter([&server, &ended] {
    (*server)->wait();
    ended.tell();
  });
  if (!wait_for_end(**server, log, signals, failure, ended)) end_failed(**server, log, failure, ended);
  waiter.join();
  // Everything is recorded; the vault closes before the ports that its journal tells.
  (*vault)->stop();
  pollfd failed{failure.happened.descriptor(), POLLIN, 0};
  if (poll(&failed, 1, 0) > 0) {
    const std::lock_guard lock(failure.mutex);
    log.error("vault_failed", {{"code", core::word(failure.error.code)}, {"message", failure.error.message}});
    return k_exit_unknown;
  }
  log.event("stopped");
  return k_exit_done;
}

}  // namespace

int run_serve(const Arguments& arguments) {
  // First: a reload that is asked for before there is a server waits for it (open_signals()), and ends nothing.
  sigset_t reload;
  sigemptyset(&reload);
  sigaddset(&reload, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &reload, nullptr);
  // The sentence about damaged data is for commands that read; here a bad access is a defect and says so.
  std::signal(SIGSEGV, SIG_DFL);
  const auto file = config_file(arguments);
  if (!file) return report(arguments, file.error());
  const auto environment = vault::process_environment();
  auto outcome = vault::load_config(*file, environment);
  if (!outcome) return report(arguments, outcome.error());
  if (!outcome->valid()) {
    if (arguments.json()) {
      report(arguments, first_problem(outcome->problems));
    } else {
      const auto text = problems_text(outcome->problems);
      static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()));
    }
    return k_exit_no;
  }
  const auto data_dir = vault::find_data_dir(arguments.value("--data-dir"), environment, &outcome->loaded.config);
  if (!data_dir) return report(arguments, data_dir.error());
  if (const auto owner = vault::become_owner(data_dir->path); !owner) return report(arguments, owner.error());
  return serve(arguments, *file, *data_dir, std::move(outcome->loaded), outcome->problems);
}

}  // namespace talon::cli
