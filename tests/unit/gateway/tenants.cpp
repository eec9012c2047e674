// Seats: what is loaded, kept, and dropped when an account changes.
#include "gateway/guard/tenants.h"

#include <doctest/doctest.h>

#include "tests/unit/gateway/fake_registry.h"

namespace tg = talon::gateway;
namespace tv = talon::vault;
using talon::core::Code;
using talon::core::LogName;

namespace {

struct Office {
  tg::test::FakeRegistry registry{};
  std::vector<LogName> earlier{};
  int opened = 0;
  tg::Tenants tenants{{[this](const LogName&) -> talon::core::Result<tg::Tenants::ContentKeyRef> {
                         ++opened;
                         return std::make_shared<const tv::ContentKey>();
                       },
                       [this]() -> talon::core::Result<std::vector<LogName>> { return earlier; },
                       &registry,
                       {}}};

  static LogName log(std::string_view name) { return LogName::of(tg::test::tenant(name)); }
};

}  // namespace

TEST_CASE("a seat holds the log's key and the account") {
  Office office;
  office.registry.add_account("acme").row.tier = "growth";
  const auto seat = office.tenants.open(Office::log("acme"));
  REQUIRE(seat);
  CHECK((*seat)->tenant->bytes() == "acme");
  CHECK((*seat)->key != nullptr);
  CHECK((*seat)->account->row.tier == "growth");
  CHECK(*office.tenants.open(Office::log("acme")) == *seat);  // loaded once
  CHECK(office.opened == 1);
  CHECK((*office.tenants.open(Office::log("globex")))->account == nullptr);
}

TEST_CASE("looking at a tenant opens no log") {
  Office office;
  const auto seat = office.tenants.look(Office::log("never-seen"));
  REQUIRE(seat);
  CHECK((*seat)->key == nullptr);
  CHECK(office.opened == 0);
}

TEST_CASE("a changed account is read again, its log is not opened twice") {
  Office office;
  office.registry.add_account("acme");
  CHECK_FALSE(tg::check_account(**office.tenants.open(Office::log("acme"))));
  office.registry.add_account("acme").row.status = tv::AccountStatus::suspended;
  office.tenants.drop(Office::log("acme"));
  const auto refusal = tg::check_account(**office.tenants.open(Office::log("acme")));
  REQUIRE(refusal);
  CHECK(refusal->error.code == Code::tenant_suspended);
  CHECK(office.opened == 1);
  office.registry.add_account("acme").row.status = tv::AccountStatus::closed;
  office.tenants.drop(Office::log("acme"));
  CHECK(tg::check_account(**office.tenants.open(Office::log("acme")))->error.code == Code::tenant_closed);
}

TEST_CASE("a key's number finds its tenant") {
  Office office;
  office.registry.tenants.emplace(7, tg::test::tenant("acme"));
  CHECK((*office.tenants.of_key(tv::LogNumber{7}))->tenant->bytes() == "acme");
  CHECK(office.tenants.of_key(tv::LogNumber{8}).error().code == Code::not_found);
}

TEST_CASE("only tenants that appear by tag alone count against their limit, those of earlier runs included") {
  Office office;
  office.registry.add_account("customer").row.source = tv::AccountSource::api;
  office.earlier = {Office::log("configured"), Office::log("customer"), Office::log("tagged-before"),
                    LogName::unattributed()};
  REQUIRE(office.tenants.open(Office::log("configured")));
  CHECK(office.tenants.open_tagged(Office::log("configured"), 0));
  CHECK(office.tenants.open_tagged(Office::log("customer"), 0));
  CHECK(office.tenants.open_tagged(Office::log("first"), 2));
  CHECK(office.tenants.open_tagged(Office::log("second"), 2).error().code == Code::tenant_limit_exceeded);
  CHECK(office.tenants.open_tagged(Office::log("tagged-before"), 2));
  CHECK(office.tenants.open_tagged(Office::log("first"), 2));
}

TEST_CASE("a worker keeps whole seats, by log and by number, until they are forgotten") {
  Office office;
  tg::SeatCache cache;
  const auto seat = *office.tenants.open(Office::log("acme"));
  CHECK(cache.find(seat->log) == nullptr);
  cache.keep(tv::LogNumber{7}, seat, cache.epoch());
  CHECK(cache.find(seat->log).get() == seat.get());
  CHECK(cache.find(tv::LogNumber{7}).get() == seat.get());
  CHECK(cache.find(tv::LogNumber{8}) == nullptr);

  const auto before = cache.epoch();
  cache.forget(seat->log);
  CHECK(cache.find(seat->log) == nullptr);
  CHECK(cache.find(tv::LogNumber{7}) == nullptr);
  // Loaded before the change, arrived after it: used once, not kept.
  CHECK(cache.keep(seat, before).get() == seat.get());
  CHECK(cache.find(seat->log) == nullptr);
  cache.keep(seat, cache.epoch());
  CHECK(cache.find(tv::LogNumber{7}).get() == seat.get());

  const auto closed = *office.tenants.look(Office::log("never-seen"));
  cache.keep(closed, cache.epoch());
  CHECK(cache.find(closed->log) == nullptr);
}
