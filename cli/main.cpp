// talon: parse, run one command, make sure that what was printed arrived.
#include "cli/run.h"

int main(int argc, char** argv) {
  return talon::cli::run({const_cast<const char* const*>(argv), static_cast<std::size_t>(argc)});
}
