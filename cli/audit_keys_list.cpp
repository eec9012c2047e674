// talon audit keys list: the public keys that auditors pin.
#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"

namespace talon::cli {

int run_audit_keys_list(const Arguments& arguments) {
  const auto vault = open_vault(arguments);
  if (!vault) {
    return report(arguments, vault.error());
  }
  const auto& keys = (*vault)->public_keys();
  const auto log_key = keys.log_key.text();
  const auto export_key = keys.export_key.text();
  if (arguments.json()) {
    print(fmt::format(
        R"({{"keys":[{{"kind":"log","key":"{}","status":"active"}},{{"kind":"export","key":"{}","status":"active"}}]}})"
        "\n",
        log_key, export_key));
    return k_exit_done;
  }
  print(table({{"KIND", "STATUS", "KEY"}, {"log", "active", log_key}, {"export", "active", export_key}}));
  return k_exit_done;
}

}  // namespace talon::cli
