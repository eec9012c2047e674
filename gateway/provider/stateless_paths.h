// T13: what `/v1/proxy` admits when the credential upstream is the operator's: inference that leaves
// nothing behind and reads nothing that another tenant put there, and the list of models. Paths are
// compared as sent, behind base_url, without any decoding. Source: the OpenAI API reference, 2026-08.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace talon::gateway {

enum class BodyForm : std::uint8_t {
  none,
  json,       ///< a JSON object, read for provider-side state
  multipart,  ///< uploads that are worked on at once and not kept
};

struct StatelessPath {
  std::string_view method;
  std::string_view path;
  BodyForm body;
};

inline constexpr std::array k_stateless_paths = {
    StatelessPath{"POST", "/chat/completions", BodyForm::json},
    StatelessPath{"POST", "/completions", BodyForm::json},
    StatelessPath{"POST", "/embeddings", BodyForm::json},
    StatelessPath{"POST", "/responses", BodyForm::json},
    StatelessPath{"POST", "/moderations", BodyForm::json},
    StatelessPath{"POST", "/images/generations", BodyForm::json},
    StatelessPath{"POST", "/images/edits", BodyForm::multipart},
    StatelessPath{"POST", "/images/variations", BodyForm::multipart},
    StatelessPath{"POST", "/audio/speech", BodyForm::json},
    StatelessPath{"POST", "/audio/transcriptions", BodyForm::multipart},
    StatelessPath{"POST", "/audio/translations", BodyForm::multipart},
    StatelessPath{"GET", "/models", BodyForm::none},
    StatelessPath{"HEAD", "/models", BodyForm::none},
};

}  // namespace talon::gateway
