// talon init: makes a vault and says what to do next.
#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/place.h"
#include "core/random.h"
#include "gateway/http/error_envelope.h"

namespace talon::cli {

int run_init(const Arguments& arguments) {
  const auto data_dir = data_dir_of(arguments);
  if (!data_dir) {
    return report(arguments, data_dir.error());
  }
  if (const auto owner = vault::become_owner(data_dir->path); !owner) {
    return report(arguments, owner.error());
  }
  core::SystemRandom random;
  const auto made =
      vault::init_vault(data_dir->path, arguments.value("--name").value_or(""), TALON_VERSION, system_clock(), random);
  if (!made) {
    return report(arguments, made.error());
  }
  if (arguments.json()) {
    print(fmt::format(R"({{"data_dir":{},"vault":{},"vkey":{},"minisign":{},"public_key_file":{},"admin_key_file":{}}})"
                      "\n",
                      gateway::json_quote(made->data_dir.string()), gateway::json_quote(made->vault_name),
                      gateway::json_quote(made->vkey), gateway::json_quote(made->minisign),
                      gateway::json_quote(made->public_key_file.string()),
                      gateway::json_quote(made->admin_key_file.string())));
    return k_exit_done;
  }
  print(
      fmt::format("vault {} made in {}\n"
                  "  public key  {}\n"
                  "  admin key   {}\n"
                  "  log key     {}\n"
                  "  export key  {}\n",
                  made->vault_name, made->data_dir.string(), made->public_key_file.string(),
                  made->admin_key_file.string(), made->vkey, made->minisign));
  note(arguments,
       fmt::format("\nnext:\n"
                   "  1. give {} to your auditors, by another way than the bundles\n"
                   "  2. back up {}; without the keys nothing can be signed again\n"
                   "  3. talon config sample > talon.yaml; turn the admin key on with auth: {{admin_key_file: {}}}\n"
                   "  4. talon serve",
                   made->public_key_file.string(), (made->data_dir / "keys").string(), made->admin_key_file.string()));
  return k_exit_done;
}

}  // namespace talon::cli
