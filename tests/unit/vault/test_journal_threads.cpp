// ctest: timeout=300
// Threads against the journal: submitters on several ports, readers, stop and failure. Built for ThreadSanitizer too.
#include <thread>

#include "tests/unit/vault/test_world.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

TEST_SUITE("threads") {
  TEST_CASE("many workers, many readers, one journal: every call is there once, in each port's order") {
    for (const auto durability : {core::Durability::strict, core::Durability::batched}) {
      World world;
      world.options.durability = durability;
      world.start();
      constexpr int workers = 4, calls = 150;
      std::array<TestPort, workers> ports;
      std::array<std::vector<core::EvidenceId>, workers> submitted;
      std::atomic<bool> done{false};
      std::vector<std::thread> threads;
      for (std::size_t w = 0; w < workers; ++w) {
        threads.emplace_back([&, w] {
          TestRandom random(w + 1);
          for (int i = 0; i < calls; ++i) {
            const auto id = core::EvidenceId::make(world.clock.now(), random);
            const Call call{.tenant = "t" + std::to_string(i % 3), .caller = "w" + std::to_string(w)};
            auto intent = item_of(call, id, ItemKind::intent, ports[w]);
            auto outcome = item_of(call, id, ItemKind::record, ports[w]);
            outcome->closes_intent = true;
            submitted[w].push_back(id);
            submitted[w].push_back(id);
            if (world.vault->journal().submit(intent) != Submit::queued) return;
            if (durability == core::Durability::strict) ports[w].wait(submitted[w].size() - 1);
            if (world.vault->journal().submit(outcome) != Submit::queued) return;
          }
          ports[w].wait(submitted[w].size());
        });
      }
      for (int r = 0; r < 2; ++r) {
        threads.emplace_back([&, r] {
          std::int64_t seen = 0;
          while (!done) {
            const auto list = world.vault->tenants(std::nullopt, "");
            if (!list) return;
            std::int64_t now = 0;
            for (const auto& tenant : list->tenants) now += tenant.session_count;
            if (now < seen) std::abort();  // what was visible stays visible
            seen = now;
            if (r == 0) static_cast<void>(world.vault->content_key(log_of("t1")));
            static_cast<void>(world.vault->stats());
          }
        });
      }
      for (std::size_t w = 0; w < workers; ++w) threads[w].join();
      done = true;
      for (std::size_t i = workers; i < threads.size(); ++i) threads[i].join();
      for (std::size_t w = 0; w < workers; ++w) CHECK(ports[w].ids() == submitted[w]);
      std::int64_t requests = 0;
      for (int t = 0; t < 3; ++t) {
        requests += world.vault->tenant(core::TenantId::parse("t" + std::to_string(t)).value())->request_count;
      }
      CHECK(requests == workers * calls);
      CHECK(world.vault->verify()->ok());
    }
  }

  TEST_CASE("verify and exports run beside a writing journal and find nothing wrong") {
    World world;
    world.start();
    std::atomic<bool> done{false};
    std::atomic<int> written{0};
    std::thread writer([&] {
      TestPort port;
      std::size_t count = 0;
      for (; !done; ++written) {
        auto item = item_of({.tenant = "t" + std::to_string(count % 9), .session = "s" + std::to_string(count % 7)},
                            next_id(world.clock), ItemKind::record, port);
        if (world.vault->journal().submit(item) != Submit::queued) return;
        if (++count % 16 == 0) port.wait(count);
      }
      port.wait(count);
    });
    while (written < 200) std::this_thread::yield();
    for (int round = 0; round < 5; ++round) {
      const auto report = world.vault->verify();
      REQUIRE_MESSAGE(report.has_value(), report.error().message);
      for (const auto& problem : report->problems) MESSAGE(problem);
      CHECK(report->ok());
      std::size_t bytes = 0;
      const auto sink = [&](std::string_view text) -> core::Result<void> {
        bytes += text.size();
        return {};
      };
      CHECK(world.vault->export_bundle(log_of("t1"), {}, sink).has_value());
      CHECK(bytes > 0);
    }
    done = true;
    writer.join();
  }

  TEST_CASE("stop races with submitters: each item is completed or stays with its owner") {
    for (int round = 0; round < 10; ++round) {
      World world;
      world.options.durability = round % 2 == 0 ? core::Durability::strict : core::Durability::batched;
      world.start();
      std::array<TestPort, 3> ports;
      std::array<std::size_t, 3> taken{};
      std::vector<std::thread> threads;
      for (std::size_t w = 0; w < ports.size(); ++w) {
        threads.emplace_back([&, w] {
          for (;;) {
            auto item = item_of({}, next_id(world.clock), ItemKind::record, ports[w]);
            if (world.vault->journal().submit(item) != Submit::queued) return;
            ++taken[w];
          }
        });
      }
      ports[0].wait(1);
      world.vault->stop();
      for (auto& thread : threads) thread.join();
      for (std::size_t w = 0; w < ports.size(); ++w) {
        const auto results = ports[w].wait(taken[w]);
        CHECK(results.size() == taken[w]);
        CHECK(
            std::all_of(results.begin(), results.end(), [](const auto& r) { return r.state == ItemState::committed; }));
      }
    }
  }
}
