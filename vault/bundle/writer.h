// The bundle writer (evidence.md §5): one log, or a period of it, as a `.talon` tar or a folder.
// Same state, arguments and writer string → same bytes.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/tenant_id.h"
#include "core/time.h"
#include "vault/bundle/source.h"
#include "vault/log/key_ring.h"

namespace talon::vault {

struct Period {
  std::optional<core::Instant> from;  ///< inclusive
  std::optional<core::Instant> to;    ///< exclusive
};

struct ExportReport {
  std::int64_t records = 0;  ///< in the period
  TreeSize size = 0;
  Hash root{};
  std::string sha256;  ///< hex, of the `.talon` bytes; of SHA256SUMS for a folder
  bool open_end = false;
};

/// Where `.talon` bytes go, in order. An error stops the export and is returned.
using ByteSink = std::function<core::Result<void>(std::string_view)>;

/// `writer`: "talon/<version>". Streams: two passes over the lines, memory independent of their number.
/// Error: Code::write_failed from the sink, vault_corrupt when lines and hashes disagree,
/// invalid_request for a file of 8 GiB or more (needs the folder form).
[[nodiscard]] core::Result<ExportReport> write_bundle(const LogSource& source, const core::LogName& log,
                                                      const KeyRing& keys, const Period& period,
                                                      std::string_view writer, const ByteSink& sink);
/// The folder form; `folder` must not exist or be empty.
[[nodiscard]] core::Result<ExportReport> write_bundle_folder(const LogSource& source, const core::LogName& log,
                                                             const KeyRing& keys, const Period& period,
                                                             std::string_view writer,
                                                             const std::filesystem::path& folder);

}  // namespace talon::vault
