// The table itself. A new command is one row here, one file beside it and one manual page.
#include "cli/command_table.h"

#include <array>

#include "cli/commands.h"

namespace talon::cli {
namespace {

const Flag k_tenant{"--tenant", "ID", "the tenant whose log is meant", Completer::tenant};
const Flag k_unattributed{"--unattributed", "", "the log of calls that no tenant was named for"};
const Flag k_from{"--from", "DATE", "from this day or instant on (YYYY-MM-DD or RFC 3339)"};
const Flag k_to{"--to", "DATE", "up to the end of this day, or up to this instant"};

std::vector<Command> make_commands() {
  return {
      {"init",
       "make a vault: keys, an empty log store and the public key that auditors get",
       "[--name NAME]",
       {{"--name", "NAME", "the vault's public name; default talon- and 8 random characters"}},
       {},
       {"talon init", "talon --data-dir ./vault init --name gw1"},
       run_init},
      {"serve",
       "run the gateway until SIGTERM",
       "",
       {},
       {},
       {"talon serve", "talon --config ./talon.yaml serve"},
       run_serve},
      {"audit list",
       "list evidence records, newest first, of one log or of all",
       "[--tenant ID | --unattributed | --operator] [--from DATE] [--to DATE] [--outcome WORD] [--caller NAME] "
       "[--model NAME] [--limit N] [--reverse]",
       {k_tenant,
        k_unattributed,
        {"--operator", "", "the operator's own log"},
        k_from,
        k_to,
        {"--outcome", "WORD", "only records with this outcome", Completer::outcome},
        {"--caller", "NAME", "only records of this caller"},
        {"--model", "NAME", "only records that asked for this model"},
        {"--limit", "N", "at most N records; default 50"},
        {"--reverse", "", "oldest first"}},
       {},
       {"talon audit list --tenant acme", "talon audit list --tenant acme --outcome denied --limit 5"},
       run_audit_list},
      {"audit show",
       "show one record with its proof of inclusion",
       "EVIDENCE_ID",
       {},
       {{"EVIDENCE_ID", "as X-Talon-Evidence-Id gave it"}},
       {"talon audit show ev_01JCXK6Q4N3ZJ3V2T0M8R5W7YB"},
       run_audit_show},
      {"audit export",
       "write the evidence of one log, or of a period of it, to hand over",
       "(--tenant ID | --unattributed | --operator | --all) [--from DATE] [--to DATE] [--format "
       "bundle|ndjson|csv|sqlite] "
       "[--output PATH|-] [--force]",
       {k_tenant,
        k_unattributed,
        {"--operator", "", "the operator's own log"},
        {"--all", "", "every log; not for a bundle"},
        k_from,
        k_to,
        {"--format", "FORMAT", "bundle (default), ndjson (the exact canonical lines), csv or sqlite (tables)",
         Completer::format},
        {"--output", "PATH", "a file; a folder when it ends in /; - for standard output", Completer::file},
        {"--force", "", "replace an output that exists"},
        {"--with-content", "", "include captured content", Completer::none, true}},
       {},
       {"talon audit export --tenant acme --output acme.talon",
        "talon audit export --tenant acme --from 2026-05-01 --to 2026-05-31 --output may/"},
       run_audit_export},
      {"audit verify",
       "check a bundle, or the whole live vault when none is named",
       "[BUNDLE|FOLDER] [--key FILE|VKEY|RW...] [--tenant ID | --log unattributed|operator] [--from DATE] [--to DATE] "
       "[--no-local] [--require FACTS]",
       {{"--key", "KEY", "vault.pub, a vkey or an RW... key that came another way than the bundle", Completer::file},
        k_tenant,
        {"--log", "LOG", "unattributed or operator"},
        k_from,
        k_to,
        {"--no-local", "", "do not pin the key of a vault on this machine"},
        {"--require", "FACTS", "facts that must hold: self or pinned (default)"},
        {"--since", "CHECKPOINT", "growth from a kept checkpoint", Completer::file, true},
        {"--policy", "FILE", "witness policy", Completer::file, true},
        {"--max-age", "D", "freshness", Completer::none, true}},
       {{"BUNDLE", "a .talon file or a folder", false, Completer::choice_bundle}},
       {"talon audit verify acme.talon --key vault.pub",
        "talon audit verify acme.talon --key vault.pub --tenant acme --json", "talon audit verify"},
       run_audit_verify},
      {"audit checkpoint",
       "print a signed checkpoint of a log as it is now",
       "(--tenant ID | --unattributed | --operator)",
       {k_tenant, k_unattributed, {"--operator", "", "the operator's own log"}},
       {},
       {"talon audit checkpoint --tenant acme > acme.checkpoint"},
       run_audit_checkpoint},
      {"audit keys list", "list the vault's public keys", "", {}, {}, {"talon audit keys list"}, run_audit_keys_list},
      {"tenant list",
       "list the tenants that have been seen, by most recent activity",
       "[--limit N] [--query TEXT] [--table]",
       {{"--limit", "N", "at most N tenants; default all"},
        {"--query", "TEXT", "only ids that contain TEXT"},
        {"--table", "", "a table, also when standard output is no terminal"}},
       {},
       {"talon tenant list", "talon tenant list --json | jq -r '.tenants[].tenant_id'"},
       run_tenant_list},
      {"tenant show",
       "show one tenant's sessions, cost and log; exit 1 when it has none",
       "(ID | --unattributed) [--table]",
       {{"--unattributed", "", "the calls that no tenant was named for"},
        {"--table", "", "a table, also when standard output is no terminal"}},
       {{"ID", "the tenant", false, Completer::tenant}},
       {"talon tenant show acme --json", "talon tenant show acme >/dev/null || echo 'no sessions yet'"},
       run_tenant_show},
      {"config sample",
       "print a commented sample configuration",
       "",
       {},
       {},
       {"talon config sample > talon.yaml"},
       run_config_sample},
      {"config check",
       "check the configuration and say everything that is wrong with it",
       "",
       {},
       {},
       {"talon --config talon.yaml config check", "talon config check --json"},
       run_config_check},
      {"config show",
       "print the effective configuration with every secret masked",
       "",
       {},
       {},
       {"talon config show"},
       run_config_show},
      {"doctor",
       "check what stands between this machine and a gateway that serves",
       "[--full]",
       {{"--full", "", "recompute every log of the vault, as talon audit verify does"}},
       {},
       {"talon doctor", "sudo talon doctor --json | jq -r '.checks[] | select(.status == \"fail\") | .remedy'"},
       run_doctor},
      {"version", "print the version", "", {}, {}, {"talon version"}, run_version},
      // Commands of later versions: known by name, so that they are refused clearly.
      {"vault stat", "", "", {}, {}, {}, nullptr},
      {"vault backup", "", "", {}, {}, {}, nullptr},
      {"vault restore", "", "", {}, {}, {}, nullptr},
      {"vault compact", "", "", {}, {}, {}, nullptr},
      {"audit disclose", "", "", {}, {}, {}, nullptr},
      {"audit match", "", "", {}, {}, {}, nullptr},
      {"audit erase", "", "", {}, {}, {}, nullptr},
      {"audit witness", "", "", {}, {}, {}, nullptr},
      {"audit keys rotate", "", "", {}, {}, {}, nullptr},
      {"audit keys export", "", "", {}, {}, {}, nullptr},
  };
}

}  // namespace

std::span<const Command> commands() {
  static const std::vector<Command> table = make_commands();
  return table;
}

std::span<const Flag> global_flags() {
  static const std::array<Flag, 6> flags{{
      {"--config", "FILE", "the configuration file", Completer::file},
      {"--data-dir", "DIR", "the data directory", Completer::directory},
      {"--json", "", "JSON on standard output; an error is one JSON line on standard error"},
      {"--quiet", "", "no messages for people"},
      {"--no-color", "", "never use colour"},
      {"--help", "", "show this help"},
  }};
  return flags;
}

const Command* find_command(std::string_view path) {
  for (const auto& command : commands()) {
    if (command.path == path) {
      return &command;
    }
  }
  return nullptr;
}

}  // namespace talon::cli
