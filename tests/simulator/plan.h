// Turns an answer and a behaviour into steps that the server carries out one after the other.
// Pure: bytes in, steps out; the well-behaved answer is a single step and so a single write.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulator/answer.h"
#include "tests/simulator/behaviour.h"

namespace talon::simulator {

struct Step {
  enum class Kind {
    bytes,       ///< send `bytes`
    wait,        ///< for `ms` (0: let the other connections go first)
    hold,        ///< until released
    silence,     ///< nothing more on this connection
    close,       ///< FIN
    reset,       ///< RST
    close_next,  ///< FIN as soon as another request has arrived
    reset_next,  ///< RST as soon as another request has arrived
  };
  Kind kind;
  std::string bytes;
  std::uint32_t ms = 0;
};

/// `keep_alive`: what the request allows. The steps end in `close` whenever the connection must not live on.
[[nodiscard]] std::vector<Step> make_plan(const Answer& answer, const Behaviour& how, bool keep_alive);

}  // namespace talon::simulator
