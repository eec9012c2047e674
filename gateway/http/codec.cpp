// See codec.h. The one source that knows Beast's parser: ours derives from it and stores views instead of
// copies; it parses heads, bodies are ours. A head is copied once into storage of its own, so that the
// buffer it came in can be compacted and refilled while the views are in use.
#include "gateway/http/codec.h"

#include <boost/beast/http/basic_parser.hpp>
#include <cstring>
#include <optional>
#include <string>

#include "gateway/http/chunk_decoder.h"
#include "gateway/http/head_check.h"

namespace talon::gateway {
namespace {

namespace http = boost::beast::http;
using BeastError = boost::system::error_code;

constexpr int k_max_informational = 32;

std::string_view view_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

/// Fills a RequestHead or ResponseHead with views into the bytes it was given.
template <bool is_request, class Head>
class Parser final : public http::basic_parser<is_request> {
 public:
  explicit Parser(Head& head) : head_(head) {
    this->header_limit(k_max_head + 1);
    this->body_limit(boost::none);
  }

 private:
  void on_request_impl(http::verb, boost::beast::string_view method, boost::beast::string_view target, int version,
                       BeastError&) override {
    if constexpr (is_request) {
      head_.method = view_of(method);
      head_.target = view_of(target);
      head_.minor_version = version - 10;
    }
  }
  void on_response_impl(int status, boost::beast::string_view reason, int version, BeastError&) override {
    if constexpr (!is_request) {
      head_.status = status;
      head_.reason = view_of(reason);
      head_.minor_version = version - 10;
    }
  }
  void on_field_impl(http::field, boost::beast::string_view name, boost::beast::string_view value,
                     BeastError&) override {
    head_.fields.add(view_of(name), view_of(value));
  }
  void on_header_impl(BeastError&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
  std::size_t on_body_impl(boost::beast::string_view body, BeastError&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, BeastError&) override {
    return body.size();
  }
  void on_finish_impl(BeastError&) override {}

  Head& head_;
};

/// Finds the empty line that ends a head, reading each byte once however it arrives.
class HeadScan {
 public:
  enum class Found : std::uint8_t { nothing, end, bare_line_feed, too_large };
  Found scan(std::string_view bytes) {
    while (at_ < bytes.size()) {
      const void* hit = std::memchr(bytes.data() + at_, '\n', bytes.size() - at_);
      if (hit == nullptr) {
        at_ = bytes.size();
        break;
      }
      const auto line_feed = static_cast<std::size_t>(static_cast<const char*>(hit) - bytes.data());
      if (line_feed == 0 || bytes[line_feed - 1] != '\r') return Found::bare_line_feed;
      const bool empty_line = line_feed == line_start_ + 1;
      at_ = line_start_ = line_feed + 1;
      if (at_ > k_max_head) return Found::too_large;
      if (empty_line) return Found::end;
    }
    return at_ > k_max_head ? Found::too_large : Found::nothing;
  }
  [[nodiscard]] std::size_t length() const noexcept { return at_; }
  void reset() noexcept { at_ = line_start_ = 0; }

 private:
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
};

/// What both directions have in common: a head in its own storage, a parser for it, a body to come.
template <bool is_request, class Head>
struct Message {
  std::string head_bytes;
  Head head;
  HeadScan scan;
  std::optional<Parser<is_request, Head>> parser;
  ChunkDecoder chunks;
  std::uint64_t remaining = 0;  ///< of a body of known length
  core::Error error;

  ReadState fail(core::Code code, std::string_view message) {
    error = core::Error{code, std::string(message), std::nullopt};
    return ReadState::failed;
  }

  void reset() {
    auto fields = std::move(head.fields);
    fields.clear();
    head = {};
    head.fields = std::move(fields);
    scan.reset();
    parser.reset();
    chunks = {};
    remaining = 0;
  }

  /// Copies the head found in `in` and parses it. False: not HTTP.
  bool parse(ByteBuffer& in, bool body_expected) {
    head_bytes.assign(in.view().substr(0, scan.length()));
    in.consume(scan.length());
    scan.reset();
    head.fields.clear();
    parser.emplace(head);
    parser->skip(!body_expected);
    BeastError problem;
    const std::size_t used = parser->put({head_bytes.data(), head_bytes.size()}, problem);
    return (!problem || problem == http::error::need_more) && used == head_bytes.size() && parser->is_header_done();
  }

  void take_framing() {
    if (parser->chunked()) {
      head.framing = Framing::chunked;
      head.content_length = 0;
    } else if (const auto length = parser->content_length(); length.has_value()) {
      head.framing = Framing::length;
      head.content_length = *length;
    } else {
      head.framing = Framing::none;
      head.content_length = 0;
    }
    remaining = head.content_length;
    head.keep_alive = parser->keep_alive();
  }

  [[nodiscard]] std::optional<std::string_view> body_in_place(const ByteBuffer& in) const noexcept {
    if (head.framing == Framing::none) return std::string_view{};
    if (head.framing != Framing::length || in.size() < remaining || remaining != head.content_length)
      return std::nullopt;
    return in.view().substr(0, remaining);
  }

  ReadState read_known_length(ByteBuffer& in, ByteBuffer& body) {
    const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(remaining, in.size()));
    body.append(in.view().substr(0, take));
    in.consume(take);
    remaining -= take;
    return remaining == 0 ? ReadState::ready : ReadState::need_more;
  }
};

/// Splits a target into path and query; absolute-form (RFC 9112 §3.2.2) loses scheme and authority.
void split_target(RequestHead& head) {
  std::string_view rest = head.target;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (rest.size() > scheme.size() && equal_names(rest.substr(0, scheme.size()), scheme)) {
      const auto slash = rest.find_first_of("/?", scheme.size());
      rest = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
      break;
    }
  }
  const auto mark = rest.find('?');
  head.path = rest.substr(0, mark);
  head.query = mark == std::string_view::npos ? std::string_view{} : rest.substr(mark + 1);
}

}  // namespace

struct RequestReader::Impl : Message<true, RequestHead> {};
struct ResponseReader::Impl : Message<false, ResponseHead> {
  BodyExpected expected = BodyExpected::yes;
  int informational = 0;
};

RequestReader::RequestReader() : impl_(std::make_unique<Impl>()) {}
RequestReader::~RequestReader() = default;
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;
const RequestHead& RequestReader::head() const noexcept { return impl_->head; }
const core::Error& RequestReader::error() const noexcept { return impl_->error; }
std::uint64_t RequestReader::remaining() const noexcept { return impl_->remaining; }

ReadState RequestReader::read_head(ByteBuffer& in) {
  Impl& my = *impl_;
  // A robust server ignores empty lines before a request (RFC 9112 §2.2).
  while (my.scan.length() == 0 && in.size() >= 2 && in.view().starts_with("\r\n")) in.consume(2);
  if (in.size() == 1 && in.view().front() == '\r') return ReadState::need_more;
  switch (my.scan.scan(in.view())) {
    case HeadScan::Found::nothing:
      return ReadState::need_more;
    case HeadScan::Found::bare_line_feed:
      return my.fail(core::Code::invalid_request, "A line of the request head does not end in CR LF.");
    case HeadScan::Found::too_large:
      return my.fail(core::Code::body_too_large, "The request head is larger than 32 KiB.");
    case HeadScan::Found::end:
      break;
  }
  if (const auto checked = check_request_head(in.view().substr(0, my.scan.length())); !checked) {
    my.error = checked.error();
    return ReadState::failed;
  }
  if (!my.parse(in, true))
    return my.fail(core::Code::invalid_request, "This is not an HTTP/1.1 request head (RFC 9112).");
  my.take_framing();
  split_target(my.head);
  const auto expect = my.head.fields.find("expect");
  my.head.expects_continue = my.head.minor_version == 1 && expect && equal_names(*expect, "100-continue");
  return ReadState::ready;
}

std::optional<std::string_view> RequestReader::body_in_place(const ByteBuffer& in) const noexcept {
  return impl_->body_in_place(in);
}

ReadState RequestReader::read_body(ByteBuffer& in, ByteBuffer& body, std::uint64_t max_body) {
  Impl& my = *impl_;
  if (my.head.framing == Framing::none) return ReadState::ready;
  if (my.head.framing == Framing::length) return my.read_known_length(in, body);
  const auto state = my.chunks.decode(in, body);
  if (state == ChunkDecoder::State::malformed) {
    return my.fail(core::Code::invalid_request, "The chunked request body is malformed (RFC 9112, section 7.1).");
  }
  if (body.size() > max_body) {
    return my.fail(core::Code::body_too_large, "The request body is larger than server.max_body.");
  }
  return state == ChunkDecoder::State::done ? ReadState::ready : ReadState::need_more;
}

void RequestReader::next(ByteBuffer& in) {
  // A body read in place is still there; one that was moved out has nothing remaining.
  if (impl_->head.framing == Framing::length)
    in.consume(static_cast<std::size_t>(std::min<std::uint64_t>(impl_->remaining, in.size())));
  impl_->reset();
}

ResponseReader::ResponseReader() : impl_(std::make_unique<Impl>()) {}
ResponseReader::~ResponseReader() = default;
ResponseReader::ResponseReader(ResponseReader&&) noexcept = default;
ResponseReader& ResponseReader::operator=(ResponseReader&&) noexcept = default;
const ResponseHead& ResponseReader::head() const noexcept { return impl_->head; }
const core::Error& ResponseReader::error() const noexcept { return impl_->error; }
std::uint64_t ResponseReader::remaining() const noexcept { return impl_->remaining; }

void ResponseReader::begin(BodyExpected expected) {
  impl_->reset();
  impl_->expected = expected;
  impl_->informational = 0;
}

ReadState ResponseReader::read_head(ByteBuffer& in) {
  Impl& my = *impl_;
  for (;;) {
    switch (my.scan.scan(in.view())) {
      case HeadScan::Found::nothing:
        return ReadState::need_more;
      case HeadScan::Found::bare_line_feed:
        return my.fail(core::Code::provider_error,
                       "The provider's response head is malformed: a line does not end in CR LF.");
      case HeadScan::Found::too_large:
        return my.fail(core::Code::provider_error, "The provider's response head is larger than 32 KiB.");
      case HeadScan::Found::end:
        break;
    }
    if (const auto checked = check_response_head(in.view().substr(0, my.scan.length())); !checked) {
      return my.fail(core::Code::provider_error, checked.error().message);
    }
    if (!my.parse(in, my.expected == BodyExpected::yes))
      return my.fail(core::Code::provider_error, "The provider's response head is malformed.");
    if (my.head.status / 100 != 1) break;
    if (my.head.status == 101)
      return my.fail(core::Code::provider_error, "The provider switched protocols without being asked.");
    if (++my.informational > k_max_informational)
      return my.fail(core::Code::provider_error, "The provider sent too many informational responses.");
  }
  if (my.head.status < 200 || my.head.status > 599)
    return my.fail(core::Code::provider_error, "The provider's response has no valid status.");
  my.take_framing();
  const bool never_a_body = my.expected == BodyExpected::no || my.head.status == 204 || my.head.status == 304;
  if (never_a_body) {
    my.head.framing = Framing::none;
    my.remaining = 0;
  } else if (my.head.framing == Framing::none) {
    my.head.framing = Framing::until_close;
  }
  return ReadState::ready;
}

std::optional<std::string_view> ResponseReader::body_in_place(const ByteBuffer& in) const noexcept {
  return impl_->body_in_place(in);
}

ReadState ResponseReader::read_body(ByteBuffer& in, ByteBuffer& body) {
  Impl& my = *impl_;
  switch (my.head.framing) {
    case Framing::none:
      return ReadState::ready;
    case Framing::length:
      return my.read_known_length(in, body);
    case Framing::until_close:
      body.append(in.view());
      in.clear();
      return ReadState::need_more;
    case Framing::chunked:
      break;
  }
  switch (my.chunks.decode(in, body)) {
    case ChunkDecoder::State::need_more:
      return ReadState::need_more;
    case ChunkDecoder::State::done:
      return ReadState::ready;
    case ChunkDecoder::State::malformed:
      break;
  }
  return my.fail(core::Code::provider_error, "The provider's chunked body is malformed.");
}

bool ResponseReader::end_of_stream() noexcept {
  return impl_->head.framing == Framing::until_close || impl_->head.framing == Framing::none;
}

}  // namespace talon::gateway
