// One row per way of breaking HTTP/1.1 (RFC 9112); see malformed.h.
#include "tests/simulator/malformed.h"

#include <array>

#include <fmt/format.h>

namespace talon::simulator {
namespace {

using namespace std::string_view_literals;

/// `lines` follow the status line; {L} stands for the body's length. `chunks`: how the body is written.
struct Row {
  std::string_view kind;
  std::string_view status_line;
  std::string_view lines;
  enum class Body { plain, chunked, bad_size, overflow, no_crlf, longer, shorter, negative } body;
};

constexpr std::string_view k_ok = "HTTP/1.1 200 OK\r\n";

constexpr std::array<Row, 31> k_rows{{
    {"status-line", "HTTP/1.1 OK\r\n", "Content-Length: {L}\r\n", Row::Body::plain},
    {"status-range", "HTTP/1.1 99 Low\r\n", "Content-Length: {L}\r\n", Row::Body::plain},
    {"status-long", "HTTP/1.1 2000 OK\r\n", "Content-Length: {L}\r\n", Row::Body::plain},
    {"version", "HTTP/9.9 200 OK\r\n", "Content-Length: {L}\r\n", Row::Body::plain},
    {"protocol", "SIP/2.0 200 OK\r\n", "Content-Length: {L}\r\n", Row::Body::plain},
    {"obs-fold", k_ok, "X-Folded: one\r\n two\r\nContent-Length: {L}\r\n", Row::Body::plain},
    {"obs-fold-first", k_ok, " X-First: one\r\nContent-Length: {L}\r\n", Row::Body::plain},
    {"header-name", k_ok, "Bad Name: x\r\nContent-Length: {L}\r\n", Row::Body::plain},
    {"no-colon", k_ok, "NoColonHere\r\nContent-Length: {L}\r\n", Row::Body::plain},
    {"space-colon", k_ok, "Content-Length : {L}\r\n", Row::Body::plain},
    {"nul", k_ok, "X-Nul: a\0b\r\nContent-Length: {L}\r\n"sv, Row::Body::plain},
    {"bare-cr", k_ok, "X-Cr: a\rb\r\nContent-Length: {L}\r\n", Row::Body::plain},
    {"two-lengths", k_ok, "Content-Length: {L}\r\nContent-Length: {L}\r\n", Row::Body::plain},
    {"lengths-differ", k_ok, "Content-Length: {L}\r\nContent-Length: 5\r\n", Row::Body::plain},
    {"length-list", k_ok, "Content-Length: {L}, {L}\r\n", Row::Body::plain},
    {"length-plus", k_ok, "Content-Length: +{L}\r\n", Row::Body::plain},
    {"length-word", k_ok, "Content-Length: many\r\n", Row::Body::plain},
    {"length-negative", k_ok, "Content-Length: -1\r\n", Row::Body::plain},
    {"length-overflow", k_ok, "Content-Length: 18446744073709551617\r\n", Row::Body::plain},
    {"length-and-chunked", k_ok, "Content-Length: {L}\r\nTransfer-Encoding: chunked\r\n", Row::Body::chunked},
    {"te-gzip", k_ok, "Transfer-Encoding: gzip, chunked\r\n", Row::Body::chunked},
    {"te-twice", k_ok, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Row::Body::chunked},
    {"te-odd", k_ok, "Transfer-Encoding: xchunked\r\n", Row::Body::chunked},
    {"te-http10", "HTTP/1.0 200 OK\r\n", "Transfer-Encoding: chunked\r\n", Row::Body::chunked},
    {"chunk-size", k_ok, "Transfer-Encoding: chunked\r\n", Row::Body::bad_size},
    {"chunk-overflow", k_ok, "Transfer-Encoding: chunked\r\n", Row::Body::overflow},
    {"chunk-negative", k_ok, "Transfer-Encoding: chunked\r\n", Row::Body::negative},
    {"chunk-no-crlf", k_ok, "Transfer-Encoding: chunked\r\n", Row::Body::no_crlf},
    {"length-short", k_ok, "Content-Length: {L}\r\n", Row::Body::shorter},
    {"length-long", k_ok, "Content-Length: {L}\r\n", Row::Body::longer},
    {"garbage", "\x16\x03\x01 not http at all\r\n", "", Row::Body::plain},
}};

std::string with_length(std::string_view lines, std::size_t length) {
  std::string out(lines);
  for (std::size_t at = out.find("{L}"); at != std::string::npos; at = out.find("{L}"))
    out.replace(at, 3, std::to_string(length));
  return out;
}

}  // namespace

std::string malformed_response(std::string_view kind, std::string_view body, std::string_view content_type) {
  const Row* row = &k_rows.back();
  for (const Row& candidate : k_rows) {
    if (candidate.kind == kind) row = &candidate;
  }
  std::string out(row->status_line);
  out += fmt::format("Content-Type: {}\r\n", content_type);
  out += with_length(row->lines, body.size());
  // A fold needs its lines in place: the first header line must be the folded one.
  if (row->kind == "obs-fold-first") out = std::string(row->status_line) + with_length(row->lines, body.size());
  out += "\r\n";
  switch (row->body) {
    case Row::Body::plain:
      out += body;
      break;
    case Row::Body::longer:
      out.append(body).append("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled");
      break;
    case Row::Body::shorter:
      out += body.substr(0, body.size() / 2);
      break;
    case Row::Body::chunked:
      out += fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", body.size(), body);
      break;
    case Row::Body::bad_size:
      out += fmt::format("zz\r\n{}\r\n0\r\n\r\n", body);
      break;
    case Row::Body::overflow:
      out += fmt::format("ffffffffffffffff1\r\n{}\r\n0\r\n\r\n", body);
      break;
    case Row::Body::negative:
      out += fmt::format("-1\r\n{}\r\n0\r\n\r\n", body);
      break;
    case Row::Body::no_crlf:
      out += fmt::format("{:x}\r\n{}XX0\r\n\r\n", body.size(), body);
      break;
  }
  return out;
}

bool malformed_needs_close(std::string_view kind) { return kind == "length-short" || kind == "garbage"; }

std::vector<std::string_view> malformed_kinds() {
  std::vector<std::string_view> kinds;
  for (const Row& row : k_rows) kinds.push_back(row.kind);
  return kinds;
}

}  // namespace talon::simulator
