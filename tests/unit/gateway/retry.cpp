// Which failures are tried again, and when.
#include "gateway/provider/retry.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace tg = talon::gateway;
using namespace std::chrono_literals;
using talon::core::Code;

namespace {

/// Every byte the same.
class Even final : public talon::core::Random {
 public:
  explicit Even(int byte) : byte_(static_cast<std::byte>(byte)) {}
  void fill(std::span<std::byte> out) noexcept override { std::ranges::fill(out, byte_); }

 private:
  std::byte byte_;
};

std::optional<std::chrono::milliseconds> asked(std::string_view value) {
  tg::Fields fields;
  fields.add("Retry-After", value);
  return tg::retry_after(fields, {784'111'776'000'000});  // Sun, 06 Nov 1994 08:49:36 GMT
}

std::optional<std::chrono::milliseconds> pause(tg::RetryState state,
                                               std::optional<std::chrono::milliseconds> wanted = {}, int chance = 0) {
  Even random(chance);
  return tg::retry_pause(state, wanted, random);
}

}  // namespace

TEST_CASE("answers that say later or my fault are tried again, and no others") {
  for (const int status : {408, 409, 429, 500, 502, 503, 504, 529, 599}) CHECK(tg::may_retry_status(status));
  for (const int status : {200, 201, 304, 400, 401, 403, 404, 413, 422, 600}) CHECK_FALSE(tg::may_retry_status(status));
}

TEST_CASE("a connection that did not come to be is tried again, but not our own overload or a client that left") {
  CHECK(tg::may_retry_connect(Code::provider_error));
  CHECK(tg::may_retry_connect(Code::provider_timeout));
  for (const auto code : {Code::overloaded, Code::cancelled, Code::draining}) CHECK_FALSE(tg::may_retry_connect(code));
}

TEST_CASE("Retry-After is read as seconds or as a date") {
  CHECK(asked("0") == 0ms);
  CHECK(asked("3") == 3s);
  CHECK(asked("Sun, 06 Nov 1994 08:49:37 GMT") == 1s);
  CHECK(asked("Sun, 06 Nov 1994 08:49:00 GMT") == 0s);  // past
  CHECK(asked("999999999999") == 24h);
  for (const auto* text : {"-1", "soon", "1.5", "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 99 Foo 1994 08:49:37 GMT",
                           "Sun, 31 Feb 1994 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK_FALSE(asked(text));
  }
  CHECK_FALSE(tg::retry_after(tg::Fields{}, {0}));
}

TEST_CASE("the pause doubles up to eight seconds, less a quarter by chance") {
  CHECK(pause({.max_retries = 10, .retries_made = 0, .time_left = 60s}) == 500ms);
  CHECK(pause({.max_retries = 10, .retries_made = 1, .time_left = 60s}) == 1s);
  CHECK(pause({.max_retries = 10, .retries_made = 2, .time_left = 60s}) == 2s);
  CHECK(pause({.max_retries = 10, .retries_made = 9, .time_left = 60s}) == 8s);
  const auto shortest = pause({.max_retries = 10, .retries_made = 1, .time_left = 60s}, {}, 0xff);
  CHECK(*shortest >= 750ms);
  CHECK(*shortest < 760ms);
}

TEST_CASE("what the provider asked for is kept to, if it fits into the time left") {
  CHECK(pause({.max_retries = 1, .retries_made = 0, .time_left = 60s}, 3s, 0xff) == 3s);
  CHECK(pause({.max_retries = 1, .retries_made = 0, .time_left = 60s}, 0s) == 0s);
  CHECK_FALSE(pause({.max_retries = 1, .retries_made = 0, .time_left = 3s}, 3s));
  CHECK_FALSE(pause({.max_retries = 1, .retries_made = 0, .time_left = 400ms}));
}

TEST_CASE("retries end with their number") {
  CHECK_FALSE(pause({.max_retries = 0, .retries_made = 0, .time_left = 60s}));
  CHECK(pause({.max_retries = 2, .retries_made = 1, .time_left = 60s}));
  CHECK_FALSE(pause({.max_retries = 2, .retries_made = 2, .time_left = 60s}));
  CHECK_FALSE(pause({.max_retries = 99, .retries_made = 10, .time_left = 60s}));
}
