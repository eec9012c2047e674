// talon audit verify: a bundle by evidence.md §6, or the live vault when none is named.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"
#include "core/text.h"
#include "gateway/http/error_envelope.h"
#include "vault/bundle/verifier.h"

namespace talon::cli {
namespace {

using gateway::json_quote;

core::Result<vault::VerifyOptions> options_of(const Arguments& arguments) {
  vault::VerifyOptions options;
  TALON_TRY(tenant_log, log_of(arguments));
  options.expected_log = tenant_log;
  if (const auto log = arguments.value("--log")) {
    if (options.expected_log) {
      return core::fail(core::Code::usage, "--tenant and --log exclude one another");
    }
    if (*log != "unattributed" && *log != "operator") {
      return core::fail(core::Code::usage, "--log takes unattributed or operator");
    }
    options.expected_log = *log == "operator" ? core::LogName::operator_log() : core::LogName::unattributed();
  }
  TALON_TRY(period, period_of(arguments));
  options.expected_period = period;
  if (const auto require = arguments.value("--require")) {
    options.require_pinned = false;
    std::string_view rest = *require;
    while (true) {
      const auto comma = rest.find(',');
      const auto fact = rest.substr(0, comma);
      if (fact == "pinned") {
        options.require_pinned = true;
      } else if (fact == "anchored" || fact == "fresh" || fact == "continuous") {
        return core::fail(core::Code::usage, fmt::format("--require {} is not supported by this version", fact));
      } else if (fact != "self") {
        return core::fail(core::Code::usage, "--require takes self or pinned, or both with a comma between");
      }
      if (comma == std::string_view::npos) {
        break;
      }
      rest.remove_prefix(comma + 1);
    }
  }
  if (const auto key = arguments.value("--key")) {
    TALON_TRY(pinned, vault::read_pinned_keys(*key));
    options.pinned = std::move(pinned);
    options.key_source = "flag";
  } else if (!arguments.has("--no-local")) {
    // The one exception to "nothing but the arguments decides", and it is printed: a vault on this machine.
    if (const auto data_dir = data_dir_of(arguments)) {
      if (auto keys = vault::load_public_keys(data_dir->path)) {
        options.pinned = vault::PinnedKeys{std::move(keys->log_key), std::move(keys->export_key)};
        options.key_source = "local vault";
      }
    }
  }
  return options;
}

std::string status_word(vault::CheckStatus status) {
  return status == vault::CheckStatus::pass ? "pass" : status == vault::CheckStatus::fail ? "fail" : "skip";
}

std::string quoted_list(const std::vector<std::string>& words) {
  std::string out = "[";
  for (const auto& word : words) {
    out += (out.size() > 1 ? "," : "") + json_quote(word);
  }
  return out + "]";
}

std::string instant_json(const std::optional<core::Instant>& at) {
  return at ? "\"" + core::to_rfc3339_millis(*at) + "\"" : "null";
}

std::string report_json(const vault::VerifyReport& done) {
  std::string checks;
  for (const auto& check : done.checks) {
    checks += fmt::format(R"({}{{"id":"{}","status":"{}","first_bad":{},"detail":{}}})", checks.empty() ? "" : ",",
                          check.id, status_word(check.status), check.first_bad ? json_quote(*check.first_bad) : "null",
                          json_quote(check.detail));
  }
  return fmt::format(
      R"({{"verdict":"{}","exit":{},"facts":{},"required":{},"tenant":{},"origin":{},"range":{{"first":{},"last":{},"size":{},"whole":{}}},"time":{{"first":{},"last":{}}},"records":{},"key":{},"key_source":"{}","checks":[{}],"not_proven":{},"unproven":{},"notes":{}}})"
      "\n",
      done.verdict, done.exit, quoted_list(done.facts), quoted_list(done.required),
      done.tenant ? json_quote(*done.tenant) : "null", json_quote(done.origin), done.first, done.last, done.size,
      done.whole, instant_json(done.time_first), instant_json(done.time_last), done.records, json_quote(done.key),
      done.key_source, checks, quoted_list(done.not_proven), quoted_list(done.unproven), quoted_list(done.notes));
}

std::string report_text(const vault::VerifyReport& done) {
  const std::string_view meaning = done.exit == k_exit_done ? "all checks passed and what was required holds"
                                   : done.exit == k_exit_no ? "a check failed"
                                                            : "consistent, but not all that was asked for is shown";
  std::string out = fmt::format("{}: {}\n", done.verdict, meaning);
  for (const auto& text : done.unproven) {
    out += "  " + core::terminal_text(text) + "\n";
  }
  const auto line = [&out](std::string_view name, const std::string& value) {
    out += fmt::format("  {:<12} {}\n", name, core::terminal_text(value));
  };
  line("tenant", done.tenant.value_or("(none)"));
  line("origin", done.origin);
  line("records", fmt::format("{} (leaves {} to {} of {}{})", done.records, done.first, done.last, done.size,
                              done.whole ? ", the whole log" : ""));
  if (done.time_first && done.time_last) {
    line("time", core::to_rfc3339_micros(*done.time_first) + " to " + core::to_rfc3339_micros(*done.time_last));
  }
  line("key", fmt::format("{} (from: {})", done.key, done.key_source));
  line("facts", fmt::format("{}", fmt::join(done.facts, ", ")));
  for (const auto& check : done.checks) {
    out += fmt::format("  {:<12} {}{}{}\n", check.id, status_word(check.status),
                       check.detail.empty() ? "" : ": " + core::terminal_text(check.detail),
                       check.first_bad ? " [" + core::terminal_text(*check.first_bad) + "]" : "");
  }
  for (const auto& text : done.notes) {
    out += "  note: " + core::terminal_text(text) + "\n";
  }
  for (const auto& text : done.not_proven) {
    out += "  not proven: " + core::terminal_text(text) + "\n";
  }
  return out;
}

int verify_live(const Arguments& arguments) {
  for (const auto* flag : {"--key", "--tenant", "--log", "--from", "--to", "--require", "--no-local"}) {
    if (arguments.has(flag)) {
      return report(arguments, {core::Code::usage,
                                fmt::format("{} needs a bundle; without one the whole live vault is verified", flag),
                                std::nullopt});
    }
  }
  const auto vault = open_vault(arguments);
  if (!vault) {
    return report(arguments, vault.error());
  }
  const auto done = (*vault)->verify();
  if (!done) {
    return report(arguments, done.error());
  }
  const auto log_text = [](const core::LogName& log) {
    return log.is_tenant() ? log.bytes() : log.is_operator() ? "(operator)" : "(unattributed)";
  };
  if (arguments.json()) {
    std::string logs;
    for (const auto& log : done->logs) {
      logs += fmt::format(R"({}{{"log":{},"size":{},"ok":{},"detail":{}}})", logs.empty() ? "" : ",",
                          json_quote(log_text(log.log)), log.size, log.ok, json_quote(log.detail));
    }
    print(fmt::format(
        R"({{"verdict":"{}","exit":{},"seal":{},"rollups":{},"records":{},"open_intents":{},"logs":[{}],"problems":{}}})"
        "\n",
        done->ok() ? "valid" : "invalid", done->ok() ? k_exit_done : k_exit_no, done->seal_ok, done->rollups_ok,
        done->records, done->open_intents, logs, quoted_list(done->problems)));
  } else {
    std::string out = fmt::format("{}: {} records in {} logs; seal {}, roll-ups {}\n", done->ok() ? "valid" : "invalid",
                                  done->records, done->logs.size(), done->seal_ok ? "holds" : "BROKEN",
                                  done->rollups_ok ? "equal a recount" : "DIFFER from a recount");
    for (const auto& log : done->logs) {
      out += fmt::format("  {:<30} {:>10}  {}{}\n", core::terminal_text(log_text(log.log)), log.size,
                         log.ok ? "ok" : "BAD", log.detail.empty() ? "" : ": " + core::terminal_text(log.detail));
    }
    for (const auto& problem : done->problems) {
      out += "  " + core::terminal_text(problem) + "\n";
    }
    print(out);
  }
  return done->ok() ? k_exit_done : k_exit_no;
}

}  // namespace

int run_audit_verify(const Arguments& arguments) {
  if (arguments.positionals.empty()) {
    return verify_live(arguments);
  }
  const auto options = options_of(arguments);
  if (!options) {
    return report(arguments, {core::Code::usage, options.error().message, std::nullopt});
  }
  const auto done = vault::verify_bundle(arguments.positionals.front(), *options);
  if (!done) {
    return report(arguments, done.error());
  }
  print(arguments.json() ? report_json(*done) : report_text(*done));
  return done->exit;
}

}  // namespace talon::cli
