// Is somebody there? One connection to a provider, with TLS where its URL asks for it, and nothing sent; and until when a
// certificate of ours is good. Blocking: for `talon doctor`.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/time.h"

namespace talon::gateway {

/// `base_url` as core::parse_base_url lets it through. Error: provider_error with one sentence: the name is not known,
/// nobody listens, no answer in time, the certificate is not accepted. (Looking up a name may take as long as the
/// system's resolver likes.)
[[nodiscard]] core::Result<void> reach(std::string_view base_url, std::chrono::milliseconds timeout);

/// When the first certificate of a PEM file ends. Error: config_invalid naming the file.
[[nodiscard]] core::Result<core::Instant> certificate_end(const std::string& file);

}  // namespace talon::gateway
