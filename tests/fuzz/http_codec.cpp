// Fuzz target: request and response readers. The first byte chooses the direction and how the rest is cut
// into pieces; the same bytes fed at once must give the same messages.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/http/codec.h"

using namespace talon::gateway;

namespace {

std::string requests(std::string_view bytes, std::size_t step) {
  std::string out;
  ByteBuffer in;
  ByteBuffer body;
  RequestReader reader;
  bool in_head = true;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    in.append(bytes.substr(at, step));
    for (;;) {
      const auto state = in_head ? reader.read_head(in) : reader.read_body(in, body, 1 << 16);
      if (state == ReadState::failed) return out + "failed";
      if (state == ReadState::need_more) break;
      if (!in_head) {
        out.append(reader.head().method).append(reader.head().target).append(body.view());
        reader.next(in);
        body.clear();
      }
      in_head = !in_head;
      if (in_head && in.empty()) break;
    }
  }
  return out;
}

std::string response(std::string_view bytes, std::size_t step) {
  std::string out;
  ByteBuffer in;
  ByteBuffer body;
  ResponseReader reader;
  reader.begin(ResponseReader::BodyExpected::yes);
  bool in_head = true;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    in.append(bytes.substr(at, step));
    auto state = ReadState::ready;
    if (in_head) {
      state = reader.read_head(in);
      if (state == ReadState::ready) in_head = false;
    }
    if (!in_head) state = reader.read_body(in, body);
    if (state == ReadState::failed) return "failed";
    if (state == ReadState::ready) break;
  }
  if (in_head) return out;
  return std::to_string(reader.head().status).append(body.view());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = static_cast<std::size_t>(data[0] >> 1) + 1;
  if ((data[0] & 1) == 0) {
    // A head or chunk line over its bound may be seen earlier when it comes in pieces: compare small inputs only.
    if (requests(bytes, step) != requests(bytes, bytes.size()) && bytes.size() < k_max_chunk_line) std::abort();
  } else if (response(bytes, step) != response(bytes, bytes.size()) && bytes.size() < k_max_chunk_line) {
    std::abort();
  }
  return 0;
}
