#include "core/secret.h"

#include <doctest/doctest.h>

#include <concepts>
#include <ostream>
#include <string>
#include <type_traits>

using talon::core::Secret;

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::equality_comparable<Secret>);
template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
static_assert(!Printable<Secret>);

TEST_CASE("a secret takes its bytes and leaves none behind") {
  for (const std::string text : {"short", "a much longer secret that lives on the heap"}) {
    std::string source = text;
    Secret secret(std::move(source));
    CHECK(source.empty());  // NOLINT(bugprone-use-after-move): the contract
    CHECK(std::string_view(source.data(), source.capacity()).find(text.substr(0, 4)) == std::string_view::npos);
    CHECK(secret.reveal() == text);
    Secret moved(std::move(secret));
    CHECK(secret.empty());  // NOLINT(bugprone-use-after-move)
    Secret assigned(std::string("before"));
    assigned = std::move(moved);
    CHECK(assigned.reveal() == text);
    CHECK(assigned.clone().reveal() == text);
    CHECK(assigned.reveal() == text);
  }
}

TEST_CASE("wiped memory is zero") {
  std::string bytes = "key material";
  talon::core::wipe(bytes.data(), bytes.size());
  CHECK(bytes == std::string(12, '\0'));
  talon::core::wipe(nullptr, 0);
}
