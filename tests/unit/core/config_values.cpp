#include "core/config_values.h"

#include <doctest/doctest.h>

#include <string>

using namespace talon::core;  // NOLINT: a test of this namespace
using namespace std::chrono_literals;

TEST_CASE("durations have a unit") {
  CHECK(*parse_duration("30s") == 30s);
  CHECK(*parse_duration("500ms") == 500ms);
  CHECK(*parse_duration("10m") == 10min);
  CHECK(*parse_duration("2h") == 2h);
  CHECK(*parse_duration("1d") == 24h);
  for (const std::string text :
       {"", "30", "s", "-1s", "1.5s", "1e3s", "30 s", "30S", "99999999999999999999s", "9223372036854775807d", "+5s"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("sizes are bytes or binary units") {
  CHECK(*parse_size("32MiB") == 32 << 20);
  CHECK(*parse_size("64KiB") == 64 << 10);
  CHECK(*parse_size("1GiB") == 1 << 30);
  CHECK(*parse_size("512") == 512);
  for (const std::string text : {"", "MiB", "32MB", "32 MiB", "-1", "1.5MiB", "9223372036854775807KiB"})
    CHECK_FALSE(parse_size(text));
}

TEST_CASE("IP literals are read, names are not") {
  using namespace std::string_literals;
  CHECK(ip_bytes("127.0.0.1") == "\x7f\0\0\1"s);
  CHECK(ip_bytes("::1") == std::string(15, '\0') + '\1');
  CHECK(ip_bytes("::") == std::string(16, '\0'));
  CHECK(ip_bytes("2001:db8::8:800:200c:417a") == ip_bytes("2001:DB8:0:0:8:800:200C:417A"));
  CHECK(ip_bytes("::ffff:129.144.52.38").size() == 16);
  CHECK(ip_bytes("1:2:3:4:5:6:7::").size() == 16);
  for (const std::string text : {"",
                                 "1.2.3",
                                 "1.2.3.4.5",
                                 "256.1.1.1",
                                 "01.2.3.4",
                                 "1.2.3.",
                                 ":",
                                 ":::",
                                 "1::2::3",
                                 "1:2:3:4:5:6:7",
                                 "1:2:3:4:5:6:7:8:9",
                                 "12345::",
                                 "g::",
                                 "1:2:3:4:5:6:7:8::",
                                 "fe80::1%eth0",
                                 "1.2.3.4::",
                                 "::1.2.3",
                                 "localhost",
                                 ":1:2:3:4:5:6:7",
                                 "1:2:3:4:5:6:7:"}) {
    CAPTURE(text);
    CHECK(ip_bytes(text).empty());
  }
}

TEST_CASE("listening addresses are IP and port, or a unix socket") {
  CHECK(parse_listen("127.0.0.1:8080")->port == 8080);
  CHECK(parse_listen("127.0.0.1:0")->port == 0);
  CHECK(parse_listen("[::1]:8080")->host == "::1");
  CHECK(parse_listen("localhost:8080")->host == "127.0.0.1");
  CHECK(parse_listen("unix:/run/talon/talon.sock")->unix_path == "/run/talon/talon.sock");
  for (const std::string text :
       {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x", "::1:8080",
        "[::1]", "[::1]8080", "[127.0.0.1]:80", "example.com:80", "unix:", "unix:relative", "http://127.0.0.1:80"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_listen(text));
  }
  CHECK_FALSE(parse_listen("unix:/" + std::string(107, 'a')));
}

TEST_CASE("two spellings of one address are one, port 0 is none") {
  CHECK(listen_identity(*parse_listen("[::1]:80")) == listen_identity(*parse_listen("[0:0::1]:80")));
  CHECK(listen_identity(*parse_listen("localhost:80")) == listen_identity(*parse_listen("127.0.0.1:80")));
  CHECK(listen_identity(*parse_listen("127.0.0.1:0")).empty());
}

TEST_CASE("a base URL is http or https, and nothing but host, port and path") {
  CHECK(*parse_base_url("https://api.openai.com/v1") == "https://api.openai.com/v1");
  CHECK(*parse_base_url("https://api.openai.com/v1/") == "https://api.openai.com/v1");
  CHECK(*parse_base_url("http://127.0.0.1:11434") == "http://127.0.0.1:11434");
  CHECK(*parse_base_url("http://[::1]:11434/v1") == "http://[::1]:11434/v1");
  for (const std::string text : {"",
                                 "api.openai.com",
                                 "ftp://x",
                                 "https://",
                                 "https:///v1",
                                 "https://user:pw@host/v1",
                                 "https://host/v1?x=1",
                                 "https://host/v1#x",
                                 "https://ho st/",
                                 "https://host:0/",
                                 "https://host:99999/",
                                 "https://host:/",
                                 "https://hö.st/",
                                 "https://host/a/../b",
                                 "https://host/a//b",
                                 "https://host/.",
                                 "https://[::1",
                                 "https://[1.2.3.4]/",
                                 "HTTPS://x",
                                 "https://host\\evil"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_base_url(text));
  }
}

TEST_CASE("credentials of a base URL are not repeated in the message") {
  for (const std::string text : {"https://user:hunter2@host/v1", "user:hunter2@host", "ftp://user:hunter2@host/"}) {
    const auto url = parse_base_url(text);
    REQUIRE_FALSE(url);
    CHECK(url.error().message.find("hunter2") == std::string::npos);
  }
}
