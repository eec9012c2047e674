// What the simulated provider says, before it is cut into bytes on a wire: OpenAI's chat, completions,
// embeddings and models, simple stored objects (files, threads), an echo for everything else.
// Deterministic: the same request and behaviour give the same answer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/simulator/ask.h"
#include "tests/simulator/behaviour.h"
#include "tests/simulator/request.h"

namespace talon::simulator {

struct Answer {
  unsigned status = 200;
  std::string content_type = "application/json";
  bool is_stream = false;
  std::vector<std::string> pieces;  /// a stream's events in order; otherwise one body
  bool no_body = false;             /// HEAD: lengths are told, bytes are not sent
};

/// `/v1/files` and `/v1/threads`: objects that stay until deleted, by collection and id.
class Objects {
 public:
  [[nodiscard]] Answer handle(const Request& request, std::string_view collection, std::string_view id);

 private:
  std::map<std::string, std::map<std::string, std::string, std::less<>>, std::less<>> stored_;
  std::size_t made_ = 0;
};

[[nodiscard]] Answer make_answer(const Request& request, const Ask& ask, const Behaviour& how, Objects& objects);
[[nodiscard]] Answer make_error(unsigned status, std::string_view code, std::string_view message);

}  // namespace talon::simulator
