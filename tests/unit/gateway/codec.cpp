// The codec: however the bytes arrive, the same messages come out; what two readers could read in two
// ways is not read at all.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "gateway/http/codec.h"
#include "gateway/http/head_writer.h"

using namespace talon::gateway;
namespace core = talon::core;

namespace {

struct Seen {
  std::vector<std::string> messages;  ///< "METHOD path?query [name=value…] body"
  std::string error;                  ///< code word of the failure, if any
  bool operator==(const Seen&) const = default;
};

std::string describe(const RequestHead& head, std::string_view body) {
  std::string out = std::string(head.method) + " " + std::string(head.path) + "?" + std::string(head.query);
  for (const auto& field : head.fields) out += " [" + std::string(field.name) + "=" + std::string(field.value) + "]";
  return out + (head.keep_alive ? " keep " : " close ") + std::string(body);
}

/// Feeds `bytes` in pieces of `step` and reads as many requests as there are.
Seen read_requests(std::string_view bytes, std::size_t step, std::uint64_t max_body = 1 << 20) {
  Seen seen;
  ByteBuffer in(64);
  RequestReader reader;
  ByteBuffer body;
  bool in_head = true;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto piece = bytes.substr(at, step);
    in.append(piece);
    at += piece.size();
    for (bool more = true; more;) {
      const auto state = in_head ? reader.read_head(in) : reader.read_body(in, body, max_body);
      if (state == ReadState::failed) {
        seen.error = core::word(reader.error().code);
        return seen;
      }
      if (state == ReadState::need_more) break;
      if (!in_head) {
        seen.messages.push_back(describe(reader.head(), body.view()));
        reader.next(in);
        body.clear();
        more = !in.empty();
      }
      in_head = !in_head;
    }
  }
  return seen;
}

struct Answer {
  int status = 0;
  std::string body;
  bool ready = false;
  bool failed = false;
  bool operator==(const Answer&) const = default;
};

Answer read_response(std::string_view bytes, std::size_t step,
                     ResponseReader::BodyExpected expected = ResponseReader::BodyExpected::yes) {
  Answer answer;
  ByteBuffer in;
  ByteBuffer body;
  ResponseReader reader;
  reader.begin(expected);
  bool in_head = true;
  for (std::size_t at = 0; at < bytes.size() && !answer.ready;) {
    const auto piece = bytes.substr(at, step);
    in.append(piece);
    at += piece.size();
    if (in_head) {
      const auto state = reader.read_head(in);
      answer.failed = state == ReadState::failed;
      if (answer.failed) return answer;
      if (state == ReadState::need_more) continue;
      in_head = false;
      answer.status = reader.head().status;
    }
    const auto state = reader.read_body(in, body);
    answer.failed = state == ReadState::failed;
    if (answer.failed) return answer;
    answer.ready = state == ReadState::ready;
  }
  answer.body = body.view();
  if (!answer.ready && !in_head && reader.end_of_stream()) answer.ready = true;
  return answer;
}

const std::string k_post =
    "POST /v1/chat/completions?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Two:  spaced \t\r\n\r\nhello";
const std::string k_chunked =
    "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=\"q\"\r\nhello\r\n6\r\n "
    "world\r\n0\r\nTrailer: gone\r\n\r\n";

}  // namespace

TEST_CASE("requests fed byte by byte read as when fed at once, pipelined ones in order") {
  const std::string old = "GET /old HTTP/1.0\r\n\r\n";
  const std::string many =
      "\r\n\r\n" + k_post + k_chunked + "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + k_post + old;
  const auto whole = read_requests(many, many.size());
  REQUIRE(whole.error.empty());
  REQUIRE(whole.messages.size() == 5);
  CHECK(whole.messages[0] == "POST /v1/chat/completions?a=b [Host=x] [Content-Length=5] [X-Two=spaced] keep hello");
  CHECK(whole.messages[1] == "POST /c? [Host=x] [Transfer-Encoding=chunked] keep hello world");
  CHECK(whole.messages[2] == "GET /? [Host=x] [Connection=close] close ");
  CHECK(whole.messages[4] == "GET /old? close ");
  for (const std::size_t step : {1U, 2U, 3U, 7U, 64U}) CHECK(read_requests(many, step) == whole);
}

TEST_CASE("a body that lies whole in the buffer is read in place and followed by padding") {
  ByteBuffer in;
  RequestReader reader;
  in.append(k_post + "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(reader.read_head(in) == ReadState::ready);
  const auto body = reader.body_in_place(in);
  REQUIRE(body);
  CHECK(*body == "hello");
  reader.next(in);
  REQUIRE(reader.read_head(in) == ReadState::ready);
  CHECK(reader.head().path == "/next");
  static_assert(ByteBuffer::k_slack >= 64);
}

TEST_CASE("views of a head stay valid while its body is read through the same buffer") {
  ByteBuffer in;
  ByteBuffer body;
  RequestReader reader;
  in.append("POST /path HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n");
  REQUIRE(reader.read_head(in) == ReadState::ready);
  for (int i = 0; i < 10; ++i) {
    in.append(std::string(10'000, static_cast<char>('a' + i)));
    CHECK(reader.read_body(in, body, 1 << 20) == (i == 9 ? ReadState::ready : ReadState::need_more));
  }
  CHECK(reader.head().path == "/path");
  CHECK(*reader.head().fields.find("host") == "here");
  CHECK(body.size() == 100'000);
}

TEST_CASE("an absolute-form target loses scheme and authority") {
  ByteBuffer in;
  RequestReader reader;
  in.append("GET http://example.com/v1/models?x=1 HTTP/1.1\r\nHost: example.com\r\n\r\n");
  REQUIRE(reader.read_head(in) == ReadState::ready);
  CHECK(reader.head().path == "/v1/models");
  CHECK(reader.head().query == "x=1");
}

TEST_CASE("bounds: a head of 32 KiB, a body of the given size") {
  const std::string filler(k_max_head, 'a');
  CHECK(read_requests("GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + filler + "\r\n\r\n", 1000).error == "body_too_large");
  CHECK(read_requests("GET /" + filler + filler, 1000).error == "body_too_large");
  const std::string fits(k_max_head - 50, 'a');
  CHECK(read_requests("GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + fits + "\r\n\r\n", 1000).messages.size() == 1);
  CHECK(read_requests(k_chunked, 9, 11).messages.size() == 1);
  CHECK(read_requests(k_chunked, 9, 10).error == "body_too_large");
}

TEST_CASE("what could be smuggled is refused") {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& bad : {
           head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
           head + "Content-Length: 5, 5\r\n\r\nhello",
           head + "Content-Length: +5\r\n\r\nhello",
           head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
           head + "X: a\r\n b\r\n\r\n",
           std::string("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\n\r\n"),
           std::string("GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
           std::string("GET / HTTP/1.1\nHost: x\n\n"),
           std::string("GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n"),
           head + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nhello\r\n0\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\n\r\n5;" + std::string(20'000, 'e') + "\r\nhello\r\n0\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\n\r\n0\r\nT: " + std::string(20'000, 't') + "\r\n\r\n",
       }) {
    CAPTURE(bad.substr(0, 120));
    CHECK(read_requests(bad, bad.size()).error == "invalid_request");
    CHECK(read_requests(bad, 1).error == "invalid_request");
  }
}

TEST_CASE("responses: length, chunks, until close, none, after informational ones") {
  const std::string early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  const std::string length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
  const std::string until_close = "HTTP/1.0 200 OK\r\n\r\nhello";
  for (const auto& bytes : {length, chunks, until_close, early + length, early + chunks}) {
    CAPTURE(bytes);
    for (const std::size_t step : {std::size_t{1}, std::size_t{5}, bytes.size()}) {
      const auto answer = read_response(bytes, step);
      CHECK(answer.status == 200);
      CHECK(answer.body == "hello");
      CHECK(answer.ready);
    }
  }
  CHECK(read_response("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 1).ready);
  CHECK(read_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 1, ResponseReader::BodyExpected::no).ready);
  CHECK_FALSE(read_response(length.substr(0, length.size() - 1), 1).ready);
  CHECK_FALSE(read_response(chunks.substr(0, chunks.size() - 1), 1).ready);
}

TEST_CASE("a malformed response is a provider error") {
  for (const std::string& bad : {
           std::string("HTTP/1.1 2000 OK\r\n\r\n"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
           std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
           std::string("HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n"),
           std::string("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
           std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
           std::string("garbage\r\n\r\n"),
           "HTTP/1.1 200 OK\r\nX: " + std::string(k_max_head, 'x') + "\r\n\r\n",
       }) {
    CAPTURE(bad.substr(0, 80));
    CHECK(read_response(bad, bad.size()).failed);
    CHECK(read_response(bad, 1).failed);
  }
}

TEST_CASE("heads are written as they are read") {
  std::string out;
  begin_head(out, 503);
  add_field(out, "Content-Length", std::uint64_t{0});
  add_field(out, "X-Request-Id", "r");
  end_head(out);
  CHECK(out == "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nX-Request-Id: r\r\n\r\n");
  CHECK(read_response(out, 1).status == 503);
  std::string chunk;
  append_chunk_size(chunk, 500);
  CHECK(chunk == "1f4\r\n");
}
