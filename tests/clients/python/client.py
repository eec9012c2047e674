"""The official openai Python SDK against Talon: what an application does, and what its exceptions say."""

import json
import os
import sys
import traceback

import openai

from accounts import TESTS as ACCOUNT_TESTS

URL = os.environ["TALON_TEST_URL"]
KEY = os.environ["TALON_TEST_KEY"]
CAPPED_KEY = os.environ["TALON_TEST_CAPPED_KEY"]
MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Hello"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]

client = openai.OpenAI(base_url=URL, api_key=KEY)


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def a_chat():
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
    assert raw.headers["x-talon-evidence-id"].startswith("ev_")
    answer = raw.parse()
    assert answer.choices[0].message.content.startswith("The quick brown fox")
    assert answer.usage.total_tokens > 0
    assert answer._request_id and answer._request_id != "req_sim"


def a_stream():
    text = ""
    for chunk in client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True):
        assert len(chunk.choices) == 1, "no usage chunk that nobody asked for"
        text += chunk.choices[0].delta.content or ""
    assert text.startswith("The quick brown fox")


def a_stream_with_usage():
    usage = None
    for chunk in client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
    assert usage.total_tokens > 0


def tools():
    first = client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=TOOLS).choices[0].message
    call = first.tool_calls[0]
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments)["city"] == "Vienna"
    second = client.chat.completions.create(model=MODEL, tools=TOOLS, messages=[
        *MESSAGES, first.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "20 degrees"}])
    assert second.choices[0].finish_reason == "stop"


def completions_and_embeddings():
    assert client.completions.create(model="gpt-3.5-turbo-instruct", prompt="x", max_tokens=9).object == "text_completion"
    vectors = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"]).data
    assert len(vectors) == 2
    assert abs(vectors[0].embedding[2] - 0.0125) < 1e-6


def models():
    assert MODEL in [one.id for one in client.models.list()]


def errors_are_the_sdks_exceptions():
    error = raises(openai.AuthenticationError, lambda: openai.OpenAI(base_url=URL, api_key="nobody").chat.completions.create(model=MODEL, messages=MESSAGES))
    assert error.code == "invalid_key", error
    error = raises(openai.APIStatusError, lambda: openai.OpenAI(base_url=URL, api_key=CAPPED_KEY).chat.completions.create(model=MODEL, messages=MESSAGES))
    assert (error.status_code, error.code) == (402, "daily_cost_exceeded"), error
    once = client.with_options(max_retries=0).chat.completions
    error = raises(openai.InternalServerError, lambda: once.create(model=MODEL, messages=MESSAGES, extra_headers={"X-Sim": "cut=before"}))
    assert (error.status_code, error.code) == (502, "provider_error"), error
    error = raises(openai.RateLimitError, lambda: once.create(model=MODEL, messages=MESSAGES, extra_headers={"X-Sim": "status=429"}))
    assert error.code == "provider_rate_limited", error


def a_cut_stream_throws():
    seen = []

    def read():
        for chunk in client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, extra_headers={"X-Sim": "cut=5"}):
            seen.append(chunk)

    raises(openai.APIError, read)
    assert seen


failed = 0
tests = (a_chat, a_stream, a_stream_with_usage, tools, completions_and_embeddings, models, errors_are_the_sdks_exceptions, a_cut_stream_throws)
for name, test in [*((test.__name__.replace("_", " "), test) for test in tests), *ACCOUNT_TESTS]:
    try:
        test()
        print(f"ok      {name}")
    except Exception:  # noqa: BLE001  (every test is to run)
        failed += 1
        print(f"FAILED  {name}")
        traceback.print_exc()
sys.exit(1 if failed else 0)
