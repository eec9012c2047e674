// talon audit export: a bundle, the canonical lines, or tables for analysis, written whole or not at all: to a
// temporary name beside the output first, renamed when complete.
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

enum class Format { bundle, ndjson, csv, sqlite };

struct Plan {
  std::optional<core::LogName> log;  ///< nullopt: all
  vault::Period period;
  Format format = Format::bundle;
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
  if (format == "ndjson") {
    plan.format = Format::ndjson;
  } else if (format == "csv") {
    plan.format = Format::csv;
  } else if (format == "sqlite") {
    plan.format = Format::sqlite;
  } else if (format != "bundle") {
    return core::fail(core::Code::usage, "--format takes bundle, ndjson, csv or sqlite");
  }
  const bool bundle = plan.format == Format::bundle;
  const bool tables = plan.format == Format::csv || plan.format == Format::sqlite;
  if (!plan.log && bundle) {
    return core::fail(core::Code::usage, "--all is for --format ndjson, csv or sqlite; a bundle holds one log");
  }
  if (tables && plan.log && plan.log->is_operator()) {
    return core::fail(core::Code::usage, "the operator's log holds no calls; --format " + format + " has none to show");
  }
  plan.output = arguments.value("--output").value_or("-");
  if (plan.output.empty()) {
    return core::fail(core::Code::usage, "--output needs a path, or - for standard output");
  }
  if (bundle && plan.output == "-" && stdout_is_terminal()) {
    return core::fail(core::Code::usage, "a bundle is binary; use --output FILE, or send it through a pipe");
  }
  if (plan.format == Format::sqlite && plan.output == "-" && stdout_is_terminal()) {
    return core::fail(core::Code::usage, "a database is binary; use --output FILE, or send it through a pipe");
  }
  if (!bundle && plan.output.ends_with('/')) {
    return core::fail(core::Code::usage, "--format " + format + " writes a file, not a folder");
  }
  return plan;
}

/// Beside the target, so that a rename is all that is left to do.
fs::path draft_name(const fs::path& target) {
  return (target.parent_path().empty() ? fs::path(".") : target.parent_path()) /
         ("." + target.filename().string() + "." + std::to_string(::getpid()) + ".part");
}

/// A file that takes its name only when it is complete.
class Draft {
 public:
  static core::Result<Draft> open(const fs::path& target) {
    Draft draft;
    draft.target_ = target;
    draft.name_ = draft_name(target);
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

core::Result<vault::ExportReport> write_to(const vault::Vault& vault, const Plan& plan, const vault::ByteSink& sink) {
  if (plan.format == Format::ndjson) {
    return vault.export_ndjson(plan.log, plan.period, sink);
  }
  return plan.format == Format::csv ? vault.export_csv(plan.log, plan.period, sink)
                                    : vault.export_bundle(*plan.log, plan.period, sink);
}

core::Result<void> write_piece(std::string_view bytes) {
  print(bytes);
  if (finish_stdout(k_exit_done) != k_exit_done) {
    return core::fail(core::Code::write_failed, "standard output was closed");
  }
  return {};
}

core::Result<vault::ExportReport> write_stdout(const vault::Vault& vault, const Plan& plan) {
  return write_to(vault, plan, write_piece);
}

core::Result<vault::ExportReport> write_file(const vault::Vault& vault, const Plan& plan) {
  TALON_TRY(draft, Draft::open(plan.output));
  const auto sink = [&draft](std::string_view bytes) { return draft.write(bytes); };
  TALON_TRY(done, write_to(vault, plan, sink));
  TALON_TRY_VOID(draft.finish());
  return done;
}

/// SQLite writes its file itself.
core::Result<vault::ExportReport> write_database(const vault::Vault& vault, const Plan& plan) {
  const auto draft = draft_name(plan.output);
  std::error_code error;
  auto done = vault.export_sqlite(plan.log, plan.period, draft);
  if (done) {
    fs::rename(draft, plan.output, error);
    if (!error) {
      return done;
    }
    done = core::fail(core::Code::write_failed, fmt::format("{}: {}", plan.output, error.message()));
  }
  fs::remove(draft, error);
  return done;
}

/// Made in a folder of its own under the temporary one, then sent.
core::Result<vault::ExportReport> pipe_database(const vault::Vault& vault, const Plan& plan) {
  std::error_code error;
  auto name = (fs::temp_directory_path(error) / "talon-export-XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr) {
    return core::fail(core::Code::write_failed, fmt::format("{}: {}", name, std::strerror(errno)));
  }
  const fs::path folder(name);
  const auto file = folder / "tables.sqlite";
  auto done = vault.export_sqlite(plan.log, plan.period, file);
  const int fd = done ? ::open(file.c_str(), O_RDONLY | O_CLOEXEC) : -1;
  if (done && fd < 0) {
    done = core::fail(core::Code::write_failed, fmt::format("{}: {}", file.string(), std::strerror(errno)));
  }
  fs::remove_all(folder, error);
  std::string bytes(256 * std::size_t{1024}, '\0');
  while (done) {
    const auto got = ::read(fd, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    if (auto sent = write_piece({bytes.data(), static_cast<std::size_t>(got)}); !sent) {
      done = core::fail(sent.error());
    }
  }
  if (fd >= 0) {
    ::close(fd);
  }
  return done;
}

core::Result<vault::ExportReport> write_folder(const vault::Vault& vault, const Plan& plan) {
  fs::path target(plan.output);
  target = target.parent_path();  // without the trailing slash
  const auto draft = draft_name(target);
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
  const bool bundle = plan->format == Format::bundle;
  const bool tables = plan->format == Format::csv || plan->format == Format::sqlite;
  // Tables take calls from several logs: one that is not there would only be an empty table.
  if (tables && plan->log) {
    vault::EvidenceQuery one;
    one.limit = 1;
    if (const auto known = (*vault)->evidence(*plan->log, one); !known) {
      return report(arguments, known.error());
    }
  }
  const bool database = plan->format == Format::sqlite;
  const bool folder = bundle && plan->output.ends_with('/');
  const auto done = plan->output == "-" ? (database ? pipe_database(**vault, *plan) : write_stdout(**vault, *plan))
                    : database          ? write_database(**vault, *plan)
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
  note(arguments, fmt::format("{} {}{}", done->records, tables ? "calls" : "records",
                              plan->output == "-" ? "" : " in " + core::terminal_text(plan->output)));
  if (bundle) {
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
