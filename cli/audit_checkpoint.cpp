// talon audit checkpoint: a signed note of a log as it is now.
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"
#include "gateway/http/error_envelope.h"

namespace talon::cli {

int run_audit_checkpoint(const Arguments& arguments) {
  const auto log = log_of(arguments);
  if (!log) {
    return report(arguments, log.error());
  }
  if (!*log) {
    return report(arguments,
                  {core::Code::usage, "name the log: --tenant ID, --unattributed or --operator", std::nullopt});
  }
  const auto vault = open_vault(arguments);
  if (!vault) {
    return report(arguments, vault.error());
  }
  const auto checkpoint = (*vault)->checkpoint(**log);
  if (!checkpoint) {
    return report(arguments, checkpoint.error());
  }
  print(arguments.json() ? "{\"checkpoint\":" + gateway::json_quote(*checkpoint) + "}\n" : *checkpoint);
  return k_exit_done;
}

}  // namespace talon::cli
