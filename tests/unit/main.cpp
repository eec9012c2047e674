// The one doctest main of every unit test binary; the test cases live in the room's folder beside it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
