#include "gateway/api/paging.h"

#include <algorithm>
#include <charconv>

#include "core/text.h"
#include "gateway/api/read_scope.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::size_t k_most = 1000;

}  // namespace

std::unexpected<Refusal> refuse_cursor() {
  return refuse(Code::invalid_request,
                "The query parameter \"cursor\" is not one that a page of this list ended with.");
}

std::expected<Page, Refusal> read_page(const Query& query, ListOf list, std::size_t limit) {
  Page page{limit, {}};
  if (const auto text = query.find("limit")) {
    const auto* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, page.limit);
    if (error != std::errc{} || stop != end || page.limit < 1 || page.limit > k_most)
      return refuse(Code::invalid_request, "The query parameter \"limit\" is a number from 1 to 1000.");
  }
  if (const auto text = query.find("cursor")) {
    auto place = decode_cursor(list, *text);
    if (!place) return refuse_cursor();
    page.after = *std::move(place);
  }
  return page;
}

std::expected<vault::KeyQuery, Refusal> read_key_page(const Query& query, ListOf list) {
  const auto page = read_page(query, list);
  if (!page) return std::unexpected(page.error());
  vault::KeyQuery wanted{page->limit, std::nullopt};
  if (page->after.empty()) return wanted;
  vault::IdBytes key{};
  if (page->after.size() != key.size()) return refuse_cursor();
  std::ranges::copy(page->after, key.begin());
  wanted.before = key;
  return wanted;
}

std::optional<std::string> place_of(const std::optional<vault::IdBytes>& key) {
  return key ? std::optional<std::string>(vault::view(*key)) : std::nullopt;
}

void add_next_cursor(JsonObject& object, ListOf list, const std::optional<std::string>& place) {
  place ? object.text("next_cursor", encode_cursor(list, *place)) : object.null("next_cursor");
}

void add_next_link(Response& response, const ApiRequest& request, const Query& query, ListOf list,
                   const std::optional<std::string>& place) {
  if (!place) return;
  std::string link = "<";
  link.append(request.match.route->pattern).append("?");
  for (const auto name : query_members(*request.match.route)) {
    const auto value = query.find(name);
    if (name == "cursor" || !value) continue;
    link.append(name).append("=").append(core::percent_encode(*value)).append("&");
  }
  link.append("cursor=").append(encode_cursor(list, *place)).append(">; rel=\"next\"");
  response.fields.emplace_back("Link", std::move(link));
}

}  // namespace talon::gateway
