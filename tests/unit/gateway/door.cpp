#include "gateway/net/door.h"

#include <doctest/doctest.h>

#include "gateway/api/routes.h"

namespace {

using namespace talon;
using gateway::is_served;
using gateway::Serves;
using gateway::Who;

core::Config config(std::string_view listen) {
  auto parsed = core::parse_config("server: {listen: [" + std::string(listen) + "]}\n", "talon.yaml");
  REQUIRE(parsed.valid());
  return std::move(parsed.config);
}

TEST_CASE("every route has at least one door, and none of the data plane is behind the admin's") {
  for (const auto& route : gateway::routes()) {
    CAPTURE(route.pattern);
    CHECK(is_served(Serves::everything, route.who));
    CHECK((is_served(Serves::data, route.who) || is_served(Serves::admin, route.who)));
    if (route.kind == gateway::RouteKind::governed) CHECK_FALSE(is_served(Serves::admin, route.who));
    if (route.pattern.starts_with("/v1/admin") || route.pattern.starts_with("/api/"))
      CHECK_FALSE(is_served(Serves::data, route.who));
  }
}

TEST_CASE("what cannot change while the server runs is refused by its name") {
  const auto running = config("\"127.0.0.1:8080\"");
  CHECK(gateway::check_unchanged(running, config("\"127.0.0.1:8080\"")).has_value());
  CHECK(
      gateway::check_unchanged(running, config("\"127.0.0.1:8081\"")).error().message.starts_with("\"server.listen\""));
  CHECK_FALSE(gateway::check_unchanged(running, config("\"127.0.0.1:8080\", \"[::1]:8080\"")).has_value());
  const auto with_tls =
      config("{address: \"127.0.0.1:8080\", tls: {certificate: /nowhere/a.pem, private_key: /nowhere/a.key}}");
  CHECK_FALSE(gateway::check_unchanged(running, with_tls).has_value());
  auto batched = config("\"127.0.0.1:8080\"");
  batched.durability = core::Durability::batched;
  CHECK(gateway::check_unchanged(running, batched).error().message.starts_with("\"vault.durability\""));
  auto realtime = config("\"127.0.0.1:8080\"");
  realtime.journal_priority = core::Priority::realtime;
  CHECK(gateway::check_unchanged(running, realtime).error().message.starts_with("\"vault.priority\""));
  auto admin = config("\"127.0.0.1:8080\"");
  admin.admin_listen = admin.listen;
  CHECK(gateway::check_unchanged(running, admin).error().message.starts_with("\"server.admin_listen\""));
  // Another certificate for the same address is what a reload is for.
  const auto other_files =
      config("{address: \"127.0.0.1:8080\", tls: {certificate: /nowhere/b.pem, private_key: /nowhere/b.key}}");
  CHECK(gateway::check_unchanged(with_tls, other_files).has_value());
}

TEST_CASE("a certificate that is not there is named, with the place in the configuration") {
  const auto doors = gateway::make_doors(
      config("{address: \"127.0.0.1:8080\", tls: {certificate: /nowhere/a.pem, private_key: /nowhere/a.key}}"));
  REQUIRE_FALSE(doors.has_value());
  CHECK(doors.error().code == core::Code::config_invalid);
  CHECK(doors.error().message.find("/nowhere/a.pem") != std::string::npos);
  CHECK(doors.error().place->line == 1);
}

}  // namespace
