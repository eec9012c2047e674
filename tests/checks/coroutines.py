#!/usr/bin/env python3
"""A co_await expression holds names only.

GCC 12 destroys temporaries inside a co_await expression twice, and a lambda's captures die with the lambda while its
coroutine still runs. So: no braces, no ternaries and no lambdas in a statement that awaits, and no capturing lambda that
is a coroutine. Build the argument in a named variable first. Runs its self-test, then reads the tree.
"""
import pathlib
import re
import sys

BLANKED = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^()\\ ]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)
LAMBDA = re.compile(r"(?<![\w\])])\[[^\[\]]*\]\s*[({<]")
CAPTURING_COROUTINE = re.compile(r"(?<![\w\])])\[[^\[\]]+\]\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*(?:mutable|noexcept|\s)*->\s*[\w:]*(?:awaitable|[Tt]ask)\s*<")


def blank(match):
    """Comments and literals become spaces (a literal keeps its quotes), so that positions stay."""
    text = match[0]
    keep = text[0] if text[0] in "\"'" else ""
    body = re.sub(r"[^\n]", " ", text)
    return keep + body[1:-1] + keep if keep else body


def statement(text, at):
    """The statement around the co_await at position `at`: back to ; { } and on to the ; or the bracket that closes it."""
    start = max(text.rfind(c, 0, at) for c in ";{}") + 1
    depth, end = 0, at
    while end < len(text):
        c = text[end]
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth < 0:
                break
        elif c == ";" and depth == 0:
            break
        end += 1
    return text[start:at], text[at:end]


def problems(text):
    text = BLANKED.sub(blank, text)
    found = []
    for match in re.finditer(r"(?<!operator )\bco_await\b", text):
        line = text.count("\n", 0, match.start()) + 1
        before, operand = statement(text, match.start())
        if LAMBDA.search(operand):
            found.append((line, "a lambda inside a co_await expression"))
        elif "{" in operand:
            found.append((line, "a braced temporary inside a co_await expression"))
        if "?" in operand or re.search(r"\?[^;]*$", before):
            found.append((line, "a ternary around or inside a co_await expression"))
    for match in CAPTURING_COROUTINE.finditer(text):
        found.append((text.count("\n", 0, match.start()) + 1, "a lambda that captures is a coroutine; pass arguments"))
    return found


def self_test():
    good = ['co_await f(a, b);', 'if (auto r = co_await read(s, limit); !r) { g({1}); }', 'while (co_await next(s)) { x = {}; }',
            'auto r = co_await timer.async_wait(use_awaitable);', '// co_await f({1})\n', 'log("co_await f({})");',
            'co_await a[i].read(buffer);', "if (c == '{') co_await f(a);", '[](Stream s) -> awaitable<void> { co_await f(s); }',
            'auto n = x ? 1 : 2; co_await f(n);', 'if (ok) {\n co_await f(a);\n}', 'const int n = 1\'000; co_await f(n); // {']
    good.append('auto operator co_await() && noexcept { struct Awaiter { int n; }; return Awaiter{1}; }')
    bad = ['co_await f({1, 2});', 'co_await f(Options{.deadline = d});', 'auto r = ok ? co_await f(a) : g();', 'co_await f(ok ? a : b);',
           'co_await f([&] { return 1; });', 'co_await [x](int) -> awaitable<void> { co_return; }(1);',
           'auto t = [this]() -> boost::asio::awaitable<void> { co_return; };', 'co_await f(a,\n  Options{});']
    for text in good:
        assert problems(text) == [], (text, problems(text))
    for text in bad:
        assert problems(text), text


if __name__ == "__main__":
    self_test()
    root = pathlib.Path(__file__).resolve().parents[2]
    count = 0
    for folder in ["core", "vault", "gateway", "cli", "tests"]:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                for line, text in problems(path.read_text(encoding="utf-8", errors="replace")):
                    print(f"{path.relative_to(root)}:{line}: {text}")
                    count += 1
    print("no co_await line to mend" if count == 0 else f"{count} to mend: build the argument in a named variable first")
    sys.exit(1 if count else 0)
