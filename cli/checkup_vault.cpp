// talon doctor: the data directory and what is in it.
#include <fmt/format.h>

#include "cli/checkup.h"
#include "vault/log/key_ring.h"
#include "vault/vault.h"

namespace talon::cli {
namespace {

using Status = Check::Status;

std::string remedy_of(const core::Error& error) {
  switch (error.code) {
    case core::Code::vault_missing:
      return "create one: talon init";
    case core::Code::key_missing:
    case core::Code::key_invalid:
      return "put the vault's own key files back from your backup of the keys";
    case core::Code::vault_corrupt:
      return "stop talon, keep a copy of the directory, and restore the vault from a backup";
    case core::Code::vault_permission:
      return "run talon as the owner of the directory; it must be 0700 and its keys 0600";
    default:
      return "see the message";
  }
}

void failed(std::string id, const core::Error& error, Checks& checks) {
  checks.push_back({std::move(id), Status::fail, error.message, remedy_of(error)});
}

/// What cannot be looked at before what failed is mended.
void skipped(std::initializer_list<const char*> ids, Checks& checks) {
  for (const char* id : ids) checks.push_back({id, Status::skip, "not looked at: the check before it failed", ""});
}

/// Everything of it, as `talon audit verify` does.
void check_whole(const vault::Vault& vault, Checks& checks) {
  const auto report = vault.verify();
  if (!report) return failed("vault", report.error(), checks);
  if (report->ok()) {
    checks.push_back({"vault", Status::pass,
                      fmt::format("all {} records of {} logs recomputed; the seal holds, the roll-ups equal a recount",
                                  report->records, report->logs.size()),
                      ""});
    return;
  }
  checks.push_back({"vault", Status::fail,
                    report->problems.empty() ? "the vault contradicts itself" : report->problems.front(),
                    "see all of it: talon audit verify; then restore from a backup, and keep this copy"});
}

}  // namespace

void check_vault(const vault::DataDir& data_dir, Depth depth, const core::Clock& clock, Checks& checks) {
  const auto without_vault = [&] { check_clock(clock.now(), std::nullopt, checks); };
  const auto vault = vault::Vault::open_for_reading(data_dir.path, clock);
  if (!vault) {
    auto error = vault.error();
    if (error.code == core::Code::vault_missing) error.message = "no vault in " + data_dir.described();
    failed("data_dir", error, checks);
    skipped({"keys", "vault"}, checks);
    return without_vault();
  }
  checks.push_back({"data_dir", Status::pass, data_dir.described() + " is ours alone", ""});
  const auto keys = vault::KeyRing::load(data_dir.path);
  if (!keys) {
    failed("keys", keys.error(), checks);
    skipped({"vault"}, checks);
    return without_vault();
  }
  checks.push_back({"keys", Status::pass, "the keys of vault " + keys->vault_name + " are there", ""});
  const auto found = (*vault)->check();
  if (!found) {
    failed("vault", found.error(), checks);
    return without_vault();
  }
  if (depth == Depth::full) {
    check_whole(**vault, checks);
  } else {
    checks.push_back({"vault", Status::pass,
                      fmt::format("the seal holds over {} records of {} logs (all of them recomputed: --full)",
                                  found->rows, found->logs),
                      ""});
  }
  check_clock(clock.now(), found->newest, checks);
}

}  // namespace talon::cli
