// README.txt of a bundle. Whoever changes a word here changes every bundle of that version: the text belongs to the
// writer string (evidence.md §5).
#include <string>

#include "vault/bundle/layout.h"

namespace talon::vault {
namespace {

std::string subject(const Manifest& manifest) {
  if (manifest.tenant) return "tenant " + core::percent_encode(*manifest.tenant) + " (percent-encoded)";
  return "no tenant: the unattributed calls or the operator's log";
}

std::string period(const Manifest& manifest, PeriodEnd end) {
  if (!manifest.from && !manifest.to) return "all records of the log up to the checkpoint\n";
  std::string text = "from " + (manifest.from ? core::to_rfc3339_micros(*manifest.from) : "the first record");
  text += manifest.to ? " to before " + core::to_rfc3339_micros(*manifest.to) : " to the checkpoint";
  text +=
      "\n             The one record before and the one after it are included, where they exist:\n"
      "             they show that nothing of the period is missing.\n";
  if (end == PeriodEnd::open) {
    text +=
        "             THE END IS OPEN: the log had not yet reached the end of the period. Records of\n"
        "             the period may follow; ask for a later bundle.\n";
  }
  return text;
}

constexpr std::string_view k_checks = R"(
HOW TO CHECK IT

Get the vault's public keys (the file vault.pub: two lines, a log key and an export key that starts
with RW) in another way than with this bundle. Keys that come by the same mail prove nothing.

With Talon, on the .talon file or on a folder with these files:

    talon audit verify BUNDLE --key vault.pub

prints "valid" and exits with 0 if all checks passed. 1: something is wrong, and which record or file.
3: this cannot be read as a bundle. 4: consistent, but not shown to be from that vault or not what was
asked for.

With minisign and sha256sum alone, in a folder (tar xf BUNDLE unpacks a .talon file; use an empty
folder):

    minisign -V -H -P RW... -m SHA256SUMS && sha256sum -c --strict SHA256SUMS

prints "Signature and comment signature verified", the trusted comment, and "OK" for each file. This
shows that the holder of the export key made these files. It does not look for additional files, and
it does not check what the records say: who has stolen the export key can make this check succeed. He
cannot make a bundle that "talon audit verify --key" accepts with the log key, nor one that verify.py
accepts.

With Python 3 and openssl, without Talon: verify.py, from the examples of Talon's source.

WHAT IS HERE

    bundle.json         what this bundle is about
    records.jsonl       one record a line; the exact bytes of a line are one leaf of the log's tree
    leaves.bin          the hashes of the leaves, to find a changed record
    range.json          the rest of the tree, if not the whole log is here
    checkpoint          the signed root of the tree (C2SP checkpoint)
    SHA256SUMS          hashes of all files, signed in SHA256SUMS.minisig

WHAT IS NOT PROVEN

- That each call was recorded. A client that keeps the X-Talon-Evidence-Id of its replies can look
  for it in records.jsonl.
- That the checkpoint is the newest one. The records.jsonl of an older bundle of the whole log must be
  the beginning of the newer one: keep the bundles, or their checkpoints.
- What a thief of the log key has signed, or that the vault does not keep two logs. Compare checkpoints
  with others who have some.
- That the clock of the vault was right.
- For a period: the order in time of what lies outside it, if the vault lied with its own key. Ask for
  the whole log.
)";

}  // namespace

std::string readme(const Manifest& manifest, PeriodEnd end) {
  std::string text = "TALON EVIDENCE BUNDLE\n\n";
  text += "format       " + std::string(k_bundle_format) + ", written by " + manifest.writer + '\n';
  text += "about        " + subject(manifest) + '\n';
  text += "log          " + manifest.origin + '\n';
  text += "records      " + std::to_string(manifest.first) + " to " + std::to_string(manifest.last) + " of " +
          std::to_string(manifest.size) + '\n';
  text += "period       " + period(manifest, end);
  return text.append(k_checks);
}

}  // namespace talon::vault
