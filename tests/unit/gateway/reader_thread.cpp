// Jobs of the reader thread: their turns and the bound of each queue.
#include "gateway/net/reader_thread.h"

#include <doctest/doctest.h>

#include <future>
#include <string>
#include <vector>

namespace tg = talon::gateway;

TEST_CASE("jobs whose turn is first go before those that wait, each kind in its order") {
  std::vector<std::string> ran;
  {
    std::promise<void> begun, may_end;
    auto end = may_end.get_future();
    tg::ReaderThread reader;  // after what its jobs use: it goes first
    REQUIRE(reader.post([&] {
      begun.set_value();
      end.wait();
    }));
    begun.get_future().wait();  // what comes now waits
    for (const auto* name : {"a", "b"}) REQUIRE(reader.post([&ran, name] { ran.emplace_back(name); }));
    for (const auto* name : {"1", "2"}) REQUIRE(reader.post([&ran, name] { ran.emplace_back(name); }, tg::Turn::first));
    may_end.set_value();
  }
  CHECK(ran == std::vector<std::string>{"1", "2", "a", "b"});
}

TEST_CASE("a full queue takes none of its turn, and the operator's is not full of others") {
  std::promise<void> begun, may_end;
  auto end = may_end.get_future();
  tg::ReaderThread reader;
  REQUIRE(reader.post([&] {
    begun.set_value();
    end.wait();
  }));
  begun.get_future().wait();
  for (std::size_t i = 0; i < tg::ReaderThread::k_queue; ++i) REQUIRE(reader.post([] {}));
  CHECK_FALSE(reader.post([] {}));
  CHECK(reader.post([] {}, tg::Turn::first));
  may_end.set_value();
}
