// talon doctor: what stands between this machine and a gateway that serves, one line each, with what helps. Works while
// serve runs; changes nothing.
#include <fmt/format.h>

#include <algorithm>

#include "cli/checkup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/problems.h"
#include "core/text.h"
#include "gateway/http/error_envelope.h"

namespace talon::cli {
namespace {

using gateway::json_quote;
using Status = Check::Status;

std::string_view word(Status status) {
  switch (status) {
    case Status::pass:
      return "pass";
    case Status::warn:
      return "warn";
    case Status::fail:
      return "fail";
    case Status::skip:
      break;
  }
  return "skip";
}

/// The configuration as serve would load it; nullopt when serve would not start with it.
std::optional<vault::LoadedConfig> check_configuration(const Arguments& arguments, Checks& checks) {
  const auto failed = [&](std::string message, std::string remedy) {
    checks.push_back({"configuration", Status::fail, std::move(message), std::move(remedy)});
    return std::nullopt;
  };
  const auto file = config_file(arguments);
  if (!file) return failed(file.error().message, "make one: talon config sample > talon.yaml");
  auto outcome = vault::load_config(*file, vault::process_environment());
  if (!outcome) return failed(outcome.error().message, "see the message");
  if (!outcome->valid()) {
    return failed(core::to_text(*std::ranges::find(outcome->problems, false, &core::Problem::warning)),
                  "see all of it: talon config check");
  }
  const auto path = file->path.string();
  if (outcome->problems.empty()) {
    checks.push_back({"configuration", Status::pass, path + " is valid", ""});
  } else {
    checks.push_back(
        {"configuration", Status::warn, core::to_text(outcome->problems.front()), "see all of it: talon config check"});
  }
  return std::move(outcome->loaded);
}

void print_text(const Checks& checks) {
  std::string out;
  for (const auto& check : checks) {
    out += fmt::format("{}  {:<18} {}{}\n", word(check.status), core::terminal_text(check.id),
                       core::terminal_text(check.message),
                       check.remedy.empty() ? "" : "; " + core::terminal_text(check.remedy));
  }
  print(out);
}

void print_json(const Checks& checks, bool ok) {
  std::string rows;
  for (const auto& check : checks) {
    rows += fmt::format(R"({}{{"id":{},"status":"{}","message":{},"remedy":{}}})", rows.empty() ? "" : ",",
                        json_quote(check.id), word(check.status), json_quote(check.message),
                        check.remedy.empty() ? "null" : json_quote(check.remedy));
  }
  print(fmt::format(R"({{"ok":{},"checks":[{}]}})"
                    "\n",
                    ok, rows));
}

}  // namespace

int run_doctor(const Arguments& arguments) {
  Checks checks;
  const auto loaded = check_configuration(arguments, checks);
  const auto data_dir = data_dir_of(arguments);
  if (!data_dir) {
    checks.push_back(
        {"data_dir", Status::fail, data_dir.error().message, "name it: --data-dir, or data_dir in talon.yaml"});
    check_clock(system_clock().now(), std::nullopt, checks);
  } else {
    // As every command does; what only root may read of the configuration has been read by now, as serve would.
    if (const auto owner = vault::become_owner(data_dir->path); !owner) return report(arguments, owner.error());
    check_vault(*data_dir, arguments.has("--full") ? Depth::full : Depth::quick, system_clock(), checks);
    check_secret_files(loaded ? &loaded->config : nullptr, data_dir->path, checks);
    check_disk(data_dir->path, checks);
  }
  check_open_files(checks);
  if (loaded) {
    check_certificates(loaded->config, system_clock().now(), checks);
    check_providers(*loaded, checks);
  }
  check_unit(checks);
  const bool ok = std::ranges::none_of(checks, [](const Check& check) { return check.status == Status::fail; });
  if (arguments.json()) {
    print_json(checks, ok);
  } else {
    print_text(checks);
  }
  return ok ? k_exit_done : k_exit_no;
}

}  // namespace talon::cli
