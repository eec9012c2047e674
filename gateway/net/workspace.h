// Workspace: the buffers and parsers of one request being served. Borrowed when a connection becomes
// readable and given back when it idles, so that an idle connection holds no buffer.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "gateway/http/byte_buffer.h"
#include "gateway/http/codec.h"

namespace talon::gateway {

struct Workspace {
  /// Small calls and answers fit: one receive each (performance.md: four instead of two without it).
  static constexpr std::size_t k_buffer = 16 * 1024;
  static constexpr std::size_t k_keep = 128 * 1024;

  ByteBuffer in{k_buffer};  ///< from the client
  RequestReader request;
  ByteBuffer body;         ///< a request body that did not fit into `in`
  ByteBuffer upstream_in;  ///< from the provider; reserved by the first call
  ResponseReader response;
  ByteBuffer upstream_body;  ///< decoded
  std::string client_head;
  std::string upstream_head;
  std::string events;  ///< what may go on of a stream

  void clear() {
    in.clear();
    in.shrink(k_keep);
    in.reserve(k_buffer);
    request.next(in);
    body.clear();
    body.shrink(k_keep);
    upstream_in.clear();
    upstream_body.clear();
    upstream_body.shrink(k_keep);
    for (auto* text : {&client_head, &upstream_head, &events}) {
      text->clear();
      if (text->capacity() > k_keep) text->shrink_to_fit();
    }
  }
};

/// A worker's workspaces that nobody uses at the moment.
class Workspaces {
 public:
  static constexpr std::size_t k_most = 64;

  [[nodiscard]] std::unique_ptr<Workspace> take() {
    if (free_.empty()) return std::make_unique<Workspace>();
    auto space = std::move(free_.back());
    free_.pop_back();
    return space;
  }
  void give_back(std::unique_ptr<Workspace> space) {
    if (free_.size() >= k_most) return;
    space->clear();
    free_.push_back(std::move(space));
  }

 private:
  std::vector<std::unique_ptr<Workspace>> free_;
};

}  // namespace talon::gateway
