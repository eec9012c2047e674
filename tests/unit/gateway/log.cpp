// Lines of the log.
#include "gateway/log.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <thread>

using nlohmann::json;
using talon::gateway::Log;

namespace {
constexpr talon::core::Instant k_at{1'777'636'800'123'456};
}

TEST_CASE("a JSON line is one object with time, level, event and the fields") {
  const auto line = Log::json_line(k_at, Log::Level::warning, "provider_off",
                                   {{"provider", "openai"},
                                    {"count", 3},
                                    {"size", std::uint64_t{1} << 63},
                                    {"admin", false},
                                    {"odd", std::string("a\"\n\xff\x1b")}});
  REQUIRE(line.ends_with("}\n"));
  CHECK(std::ranges::count(line, '\n') == 1);
  const auto parsed = json::parse(line);
  CHECK(parsed["time"] == "2026-05-01T12:00:00.123Z");
  CHECK(parsed["level"] == "warning");
  CHECK(parsed["event"] == "provider_off");
  CHECK(parsed["count"] == 3);
  CHECK(parsed["size"] == std::uint64_t{1} << 63);
  CHECK(parsed["admin"] == false);
  CHECK(parsed["odd"] == "a\"\n\xef\xbf\xbd\x1b");
}

TEST_CASE("a line for people is short, and nothing in it moves the terminal") {
  CHECK(Log::human_line(k_at, Log::Level::info, "listening", {{"address", "127.0.0.1:8080"}}) ==
        "12:00:00 listening address=127.0.0.1:8080\n");
  const auto line = Log::human_line(k_at, Log::Level::error, "failed", {{"why", "disk \x1b[2J full"}, {"empty", ""}});
  CHECK(line.starts_with("12:00:00 error: failed why=\""));
  CHECK(line.find('\x1b') == std::string::npos);
}

TEST_CASE("lines of several threads never mix") {
  std::array<int, 2> pipe_ends{};
  REQUIRE(pipe(pipe_ends.data()) == 0);
  const talon::core::SystemClock clock;
  Log log(pipe_ends[1], Log::Form::json, clock);
  CHECK(Log::form_for(pipe_ends[1]) == Log::Form::json);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < 50; ++i) log.event("tick", {{"thread", t}, {"filler", std::string(60, 'x')}});
    });
  }
  for (auto& thread : threads) thread.join();
  close(pipe_ends[1]);
  std::string all;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = read(pipe_ends[0], buffer.data(), buffer.size())) > 0;)
    all.append(buffer.data(), static_cast<std::size_t>(got));
  close(pipe_ends[0]);
  std::istringstream lines(all);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) CHECK(json::accept(line));
  CHECK(count == 200);
}

TEST_CASE("a reader that stops reading delays a line, never for ever, and hears how many are missing") {
  std::array<int, 2> pipe_ends{};
  REQUIRE(pipe(pipe_ends.data()) == 0);
  const talon::core::SystemClock clock;
  Log log(pipe_ends[1], Log::Form::json, clock);
  // More than a pipe takes; without a bound this would never end.
  for (int i = 0; i < 200; ++i) log.event("filler", {{"text", std::string(1000, 'x')}});
  std::string all(1 << 20, '\0');
  const auto first = read(pipe_ends[0], all.data(), all.size());
  REQUIRE(first > 0);
  log.event("after");
  close(pipe_ends[1]);
  auto size = static_cast<std::size_t>(first);
  for (ssize_t got = 1; got > 0; size += static_cast<std::size_t>(got))
    got = read(pipe_ends[0], all.data() + size, all.size() - size);
  close(pipe_ends[0]);
  all.resize(size);
  int fillers = 0, dropped = 0, broken = 0;
  for (std::size_t at = 0; at < all.size();) {
    const auto end = all.find('\n', at);
    REQUIRE(end != std::string::npos);
    const auto line = json::parse(all.substr(at, end - at), nullptr, false);
    if (line.is_discarded()) {
      ++broken;
    } else if (line["event"] == "filler") {
      ++fillers;
    } else if (line["event"] == "log_lines_dropped") {
      dropped = line["lines"];
    } else {
      CHECK(line["event"] == "after");
    }
    at = end + 1;
  }
  CHECK(broken <= 1);
  CHECK(dropped > 0);
  CHECK(fillers + dropped == 200);
}

TEST_CASE("a field without a value is left out") {
  const auto line =
      Log::json_line(k_at, Log::Level::info, "request", {{"status", std::optional<int>()}, {"code", "x"}});
  CHECK(json::parse(line) ==
        json::parse(R"({"time":"2026-05-01T12:00:00.123Z","level":"info","event":"request","code":"x"})"));
}
