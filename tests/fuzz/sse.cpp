// Event streams: the pieces a stream arrives in change nothing, and nothing is invented. The first two bytes
// choose whether the usage chunk is stripped and the size of the pieces.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/provider/usage.h"

namespace tg = talon::gateway;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct Relayed {
  std::string before_finish, out, held;
  bool terminal = false, error = false, usage = false;
  std::int64_t deltas = 0, content = 0;
  bool operator==(const Relayed& other) const {
    return out == other.out && held == other.held && terminal == other.terminal && error == other.error &&
           usage == other.usage && deltas == other.deltas && content == other.content;
  }
};

Relayed relay(std::string_view stream, tg::SseRelay::UsageChunk usage_chunk, std::size_t piece_size) {
  tg::SseRelay relay(usage_chunk);
  Relayed result;
  while (!stream.empty()) {
    const std::string piece(stream.substr(0, piece_size));
    relay.feed(piece, result.out);
    stream.remove_prefix(piece.size());
  }
  result.before_finish = result.out;
  relay.finish(result.out);
  result.held = relay.held();
  result.terminal = relay.terminal();
  result.error = relay.error_event();
  result.usage = relay.usage().has_value();
  result.deltas = relay.delta_events();
  result.content = relay.content_bytes();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  using UsageChunk = tg::SseRelay::UsageChunk;
  const auto usage_chunk = data[0] % 2 == 0 ? UsageChunk::keep : UsageChunk::strip;
  const std::size_t piece_size = 1 + data[1] % 32;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = relay(stream, usage_chunk, std::max<std::size_t>(stream.size(), 1));
  require(whole == relay(stream, usage_chunk, piece_size));
  require(whole == relay(stream, usage_chunk, 1));
  require(whole.terminal == !whole.held.empty());
  if (usage_chunk == UsageChunk::keep) require(stream.starts_with(whole.before_finish));
  if (usage_chunk == UsageChunk::keep && whole.terminal) require(stream == whole.before_finish + whole.held);
  require(whole.content >= 0 && whole.deltas >= 0);
  return 0;
}
