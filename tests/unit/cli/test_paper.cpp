// The command table is the single source of parser, help, manual blocks and completions: this holds the
// files in the tree to it. TALON_BLESS=1 writes them.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/paper.h"
#include "cli/parse.h"

using namespace talon::cli;
namespace fs = std::filesystem;

namespace {

const fs::path k_tree = TALON_SOURCE_DIR;

bool blessing() { return std::getenv("TALON_BLESS") != nullptr; }

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

void hold(const fs::path& path, const std::string& expected) {
  if (blessing()) {
    write(path, expected);
  }
  CHECK_MESSAGE(read(path) == expected, path.string(), " differs from the command table; TALON_BLESS=1 writes it");
}

/// A page holds a block between two comment lines; the rest of the page is written by hand.
std::string with_block(std::string page, const std::string& name, const std::string& content) {
  const auto begin = ".\\\" begin " + name + "\n";
  const auto end = ".\\\" end " + name + "\n";
  const auto first = page.find(begin);
  const auto last = page.find(end);
  REQUIRE_MESSAGE(first != std::string::npos, "no block ", name);
  REQUIRE_MESSAGE(last != std::string::npos, "no end of block ", name);
  return page.replace(first + begin.size(), last - first - begin.size(), content);
}

std::string new_page(const Command& command) {
  auto upper = page_name(command);
  for (auto& c : upper) {
    c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  const auto block = [](const std::string& name) { return ".\\\" begin " + name + "\n.\\\" end " + name + "\n"; };
  return ".Dd November 21, 2026\n.Dt " + upper + " 1\n.Os\n.Sh NAME\n.Nm " + page_name(command) + "\n.Nd " +
         std::string(command.summary) + "\n.Sh SYNOPSIS\n" + block("synopsis") + ".Sh DESCRIPTION\n" +
         std::string(command.summary) + ".\n.Sh OPTIONS\n" + block("options") + ".Sh EXAMPLES\n" + block("examples") +
         ".Sh SEE ALSO\n.Xr talon 1\n";
}

}  // namespace

TEST_CASE("the completions in the tree are those of the command table") {
  hold(k_tree / "completions/talon.bash", bash_completion());
  hold(k_tree / "completions/_talon", zsh_completion());
  hold(k_tree / "completions/talon.fish", fish_completion());
}

TEST_CASE("every command has a manual page whose synopsis, options and examples are those of the table") {
  for (const auto& command : commands()) {
    if (command.run == nullptr) {
      continue;
    }
    const auto path = k_tree / "man" / (page_name(command) + ".1");
    if (blessing() && !fs::exists(path)) {
      write(path, new_page(command));
    }
    auto page = read(path);
    REQUIRE_MESSAGE(!page.empty(), path.string());
    page = with_block(page, "synopsis", synopsis_mdoc(command));
    page = with_block(page, "options", options_mdoc(command));
    page = with_block(page, "examples", examples_mdoc(command));
    hold(path, page);
  }
}

TEST_CASE("talon(1) lists every command") {
  const auto path = k_tree / "man/talon.1";
  hold(path, with_block(read(path), "commands", commands_mdoc()));
}

TEST_CASE("help names every flag and shows examples") {
  for (const auto& command : commands()) {
    if (command.run == nullptr) {
      continue;
    }
    const auto help = help_text(HelpWanted{&command, {}});
    for (const auto& flag : command.flags) {
      CHECK((help.find(flag.name) != std::string::npos) == !flag.later);
      CHECK_MESSAGE((flag.later || command.synopsis.find(flag.name) != std::string_view::npos), command.path, " ",
                    flag.name);
    }
    CHECK(!command.examples.empty());
  }
}
