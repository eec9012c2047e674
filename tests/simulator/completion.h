// Bodies of OpenAI's chat completions, completions and embeddings, as JSON and as stream events.
#pragma once

#include <string>

#include "tests/simulator/answer.h"

namespace talon::simulator {

enum class Form { chat, text };

[[nodiscard]] Answer completion(Form form, const Ask& ask, const Behaviour& how);
[[nodiscard]] std::string embeddings_body(const Ask& ask, const Behaviour& how);

}  // namespace talon::simulator
