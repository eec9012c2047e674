// The provider simulator: an OpenAI-like server that behaves badly on demand and remembers what it received.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/simulator/behaviour.h"
#include "tests/simulator/server.h"

namespace {

constexpr const char* k_usage =
    "usage: simulator [--listen HOST:PORT | --unix PATH] [--keep]\n"
    "\n"
    "  --listen HOST:PORT   IPv4 address and port (default 127.0.0.1:0, any free port)\n"
    "  --unix PATH          a unix socket instead\n"
    "  --keep               remember requests for GET /__sim/requests\n"
    "\n"
    "Prints one line `listening HOST:PORT` and serves until SIGTERM.\n\n";

bool read_listen(std::string_view text, talon::simulator::Options& options) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  options.host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const auto [last, failed] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  return failed == std::errc{} && last == port.data() + port.size() && options.port <= 65535;
}

}  // namespace

int main(int count, char** arguments) {
  talon::simulator::Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view flag = arguments[i];
    const bool more = i + 1 < count;
    if (flag == "--help") {
      std::fputs(k_usage, stdout);
      std::fputs(talon::simulator::k_grammar, stdout);
      return 0;
    }
    if (flag == "--keep") {
      options.keep = true;
    } else if (flag == "--unix" && more) {
      options.unix_path = arguments[++i];
    } else if (flag == "--listen" && more && read_listen(arguments[i + 1], options)) {
      ++i;
    } else {
      std::fputs(k_usage, stderr);
      return 2;
    }
  }
  return talon::simulator::serve(options);
}
