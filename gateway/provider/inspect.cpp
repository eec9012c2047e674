// One walk over a request body: what we read of it, what must change before it is forwarded.
#include <bitset>

#include "core/canonical_json.h"
#include "core/text.h"
#include "gateway/provider/call.h"
#include "gateway/provider/json_cursor.h"
#include "gateway/provider/member_names.h"

namespace talon::gateway {
namespace {

using core::Code;

constexpr std::string_view k_include_usage = R"("include_usage":true)";

/// Removes members with the commas that belong to them: a run of removed members goes up to the next
/// kept one, a run at the end goes back to the end of the last kept one.
class Removals {
 public:
  void keep(std::size_t key_at, std::size_t value_end, std::vector<Edit>& edits) {
    if (run_) edits.push_back({*run_, key_at - *run_, {}});
    run_.reset();
    kept_end_ = value_end;
  }
  void remove(std::size_t key_at, std::size_t value_end) {
    if (!run_) run_ = key_at;
    removed_end_ = value_end;
  }
  void end(std::vector<Edit>& edits) const {
    if (!run_) return;
    const auto from = kept_end_.value_or(*run_);
    edits.push_back({from, removed_end_ - from, {}});
  }

 private:
  std::optional<std::size_t> run_, kept_end_;
  std::size_t removed_end_ = 0;
};

class Inspection {
 public:
  Inspection(Endpoint endpoint, std::string_view body)
      : endpoint_(endpoint), body_(body), own_members_(endpoint != Endpoint::proxy) {}

  std::expected<CallView, Refusal> run() {
    const auto tokens = json_tokens(body_);
    if (tokens.fault != JsonFault::none) return not_json(tokens.fault);
    JsonCursor cursor(body_, tokens.starts);
    if (cursor.peek() != '{') return refuse(Code::invalid_json, "The body is not a JSON object.");
    const bool whole =
        cursor.object([&](std::string_view key, std::size_t key_at) { return member(cursor, key, key_at); });
    if (refusal_) return std::unexpected(*std::move(refusal_));
    if (!whole) return not_json(cursor.fault());
    if (!cursor.at_end()) return refuse(Code::invalid_json, "The body goes on after its JSON object.");
    return finish();
  }

 private:
  static std::unexpected<Refusal> not_json(JsonFault fault) {
    return refuse(Code::invalid_json, "The body is not valid JSON: " + std::string(describe(fault)) + ".");
  }

  bool give_up(Code code, std::string message) {
    refusal_ = Refusal{{code, std::move(message), {}}};
    return false;
  }
  bool wrong_type(Member member, const char* wanted) {
    return give_up(Code::invalid_request, "\"" + std::string(name_of(member)) + "\" must be " + wanted + ".");
  }

  /// Members of ours mean nothing to /v1/proxy, and max_output_tokens nothing but there (the Responses API's name);
  /// prompt and best_of belong to completions.
  [[nodiscard]] bool reads(Member member) const noexcept {
    if (member == Member::other) return false;
    if (member == Member::max_output_tokens) return !own_members_;
    if (member == Member::prompt || member == Member::best_of)
      return endpoint_ == Endpoint::completions || endpoint_ == Endpoint::proxy;
    return own_members_ || member < Member::tenant_id;
  }

  bool member(JsonCursor& cursor, std::string_view key, std::size_t key_at) {
    const auto [member, spelling] = classify(key);
    if (spelling == Spelling::broken)
      return give_up(Code::invalid_json, "The body is not valid JSON: a member's name has a broken escape.");
    const bool ours = reads(member);
    if (ours && spelling == Spelling::variant) {
      return give_up(Code::invalid_request, "The member \"" + core::record_text(key) + "\" is not \"" +
                                                std::string(name_of(member)) + "\"; names have a case.");
    }
    if (ours && seen_.test(static_cast<std::size_t>(member))) {
      return give_up(Code::invalid_request, "The member \"" + std::string(name_of(member)) + "\" is given twice.");
    }

    const JsonCursor at_value = cursor;
    const auto value_at = cursor.offset();
    note_state(key, at_value);
    if (key == "prompt" && at_value.peek() == '{')
      view_.provider_state.emplace_back("prompt");  // a stored one, by its id
    if (works_behind(key) && at_value.scalar_text() == "true") view_.provider_state.emplace_back("background");
    std::size_t value_end = 0;
    const bool schema = holds_client_schema(key);
    const bool skipped = schema ? cursor.skip(value_end, 1)
                                : cursor.skip(value_end, 1, [this](std::string_view inner, const JsonCursor& at) {
                                    return note(inner, at);
                                  });
    if (!skipped) return false;
    bool removed = false;
    if (ours) {
      seen_.set(static_cast<std::size_t>(member));
      const auto raw = body_.substr(value_at, value_end - value_at);
      if (raw != "null" && !read(member, at_value, raw, value_at, value_end)) return false;
      if (raw == "null" && member == Member::stream_options) stream_options_ = Span{value_at, value_end};
      removed = member >= Member::tenant_id;
    }
    removed ? removals_.remove(key_at, value_end) : removals_.keep(key_at, value_end, view_.edits);
    return true;
  }

  bool read(Member member, const JsonCursor& at_value, std::string_view raw, std::size_t value_at,
            std::size_t value_end) {
    switch (member) {
      case Member::model:
        return read_text(member, raw, view_.model);
      case Member::tenant_id:
        return read_text(member, raw, view_.tenant);
      case Member::provider:
        return read_text(member, raw, view_.provider);
      case Member::stream:
        stream_end_ = value_end;
        if (raw != "true" && raw != "false") return wrong_type(member, "true or false");
        view_.stream = raw == "true";
        return true;
      case Member::n:
        return read_count(member, raw, 1, n_);
      case Member::best_of:
        return read_count(member, raw, 0, best_of_);
      case Member::prompt:
        view_.prompts = prompts_of(at_value);
        return true;
      case Member::max_tokens:
        return read_count(member, raw, 0, max_tokens_);
      case Member::max_completion_tokens:
        return read_count(member, raw, 0, max_completion_tokens_);
      case Member::max_output_tokens:
        return read_count(member, raw, 0, max_output_tokens_);
      case Member::stream_options:
        return read_stream_options(at_value, raw, value_at, value_end);
      case Member::routing_policy:
      case Member::council_mode:
      case Member::speculative_mode:
        if (raw == "false" || !view_.special.empty()) return true;
        view_.special = name_of(member);
        view_.feature = feature_of(member, raw);
        return true;
      case Member::other:
        break;
    }
    return true;
  }

  static std::optional<core::Feature> feature_of(Member member, std::string_view raw) {
    if (member == Member::council_mode) return core::Feature::council_mode;
    if (member == Member::speculative_mode) return core::Feature::speculative_execution;
    if (raw == R"("thompson-sampling")") return core::Feature::thompson_sampling;
    return std::nullopt;
  }

  bool read_text(Member member, std::string_view raw, std::optional<std::string>& into) {
    if (raw.front() != '"') return wrong_type(member, "a text");
    into = unescape_json(raw.substr(1, raw.size() - 2));
    if (!into)
      return give_up(Code::invalid_json,
                     "The body is not valid JSON: \"" + std::string(name_of(member)) + "\" has a broken escape.");
    return true;
  }

  /// Counts go into records, whose integers have a bound (evidence.md §1).
  bool read_count(Member member, std::string_view raw, std::int64_t least, std::optional<std::int64_t>& into) {
    into = parse_json_integer(raw);
    if (into && *into >= least && *into <= core::k_max_integer) return true;
    const std::string wanted = "a whole number from " + std::to_string(least) + " to 2^53-1";
    return wrong_type(member, wanted.c_str());
  }

  /// One text, one list of tokens, or a list of either. Of a mixture, each element counts: the provider
  /// may judge it, and a hold is never too small.
  static std::int64_t prompts_of(JsonCursor prompt) {
    if (prompt.peek() != '[' || !prompt.take('[') || prompt.peek() == ']') return 1;
    std::int64_t elements = 0;
    bool only_numbers = true;
    do {
      const char first = prompt.peek();
      only_numbers = only_numbers && (first == '-' || (first >= '0' && first <= '9'));
      ++elements;
      if (!prompt.skip()) break;
    } while (prompt.peek() == ',' && prompt.take(','));
    return only_numbers ? 1 : elements;
  }

  bool read_stream_options(JsonCursor options, std::string_view raw, std::size_t value_at, std::size_t value_end) {
    if (raw.front() != '{') return wrong_type(Member::stream_options, "an object");
    stream_options_ = Span{value_at, value_end};
    bool seen = false;
    const bool read = options.object([&](std::string_view key, std::size_t) {
      const auto at = options.offset();
      std::size_t end = 0;
      if (!options.skip(end, 2)) return false;
      auto spelling = Spelling::exact;
      if (!is_named(key, "include_usage", spelling)) {
        has_other_options_ = true;
        return true;
      }
      if (spelling != Spelling::exact || seen) {
        return give_up(Code::invalid_request,
                       "stream_options must have at most one \"include_usage\", in this spelling.");
      }
      seen = true;
      const auto value = body_.substr(at, end - at);
      if (value == "true") {
        view_.client_wants_usage = true;
      } else if (value == "false" || value == "null") {
        include_usage_ = Span{at, end};
      } else {
        return give_up(Code::invalid_request, "stream_options.include_usage must be true or false.");
      }
      return true;
    });
    return read;
  }

  /// The Responses API answers such a call before it has worked: what it costs is known only to whom may ask again.
  static bool works_behind(std::string_view key) {
    auto spelling = Spelling::exact;
    return is_named(key, "background", spelling);
  }

  /// T13: see check_provider_state. Called for members below the top; says whether to look further inside.
  bool note(std::string_view key, const JsonCursor& at_value) {
    note_state(key, at_value);
    return !holds_client_schema(key);
  }

  void note_state(std::string_view key, const JsonCursor& at_value) {
    const char* name = provider_state_name(key);
    // The Responses API also names stored items by {"type":"item_reference","id":…}.
    if (name == nullptr && key == "type" && at_value.peek() == '"' && at_value.scalar_text() == R"("item_reference")")
      name = "item_reference";
    if (name == nullptr || at_value.peek() == '\0' || at_value.scalar_text() == "null") return;
    for (const auto& known : view_.provider_state) {
      if (known == name) return;
    }
    view_.provider_state.emplace_back(name);
  }

  std::expected<CallView, Refusal> finish() {
    if (own_members_ && !view_.model) return refuse(Code::model_required, "The member \"model\" is missing.");
    if (view_.model && view_.model->empty()) return refuse(Code::model_required, "The member \"model\" is empty.");
    view_.json_object = true;
    view_.n = n_.value_or(1);
    view_.best_of = best_of_.value_or(1);
    view_.max_tokens = max_completion_tokens_ ? max_completion_tokens_ : max_tokens_ ? max_tokens_ : max_output_tokens_;
    if (!own_members_) {
      view_.edits.clear();
      return std::move(view_);
    }
    removals_.end(view_.edits);
    if (view_.stream && !view_.client_wants_usage && endpoint_ != Endpoint::embeddings) add(ask_for_usage());
    return std::move(view_);
  }

  [[nodiscard]] Edit ask_for_usage() const {
    if (!stream_options_) return {stream_end_, 0, R"(,"stream_options":{)" + std::string(k_include_usage) + "}"};
    if (include_usage_) return {include_usage_->begin, include_usage_->end - include_usage_->begin, "true"};
    if (body_[stream_options_->begin] != '{')
      return {stream_options_->begin, stream_options_->end - stream_options_->begin,
              "{" + std::string(k_include_usage) + "}"};
    return {stream_options_->begin + 1, 0, std::string(k_include_usage) + (has_other_options_ ? "," : "")};
  }

  /// In order of place; what is put in at a place comes before what is removed there.
  void add(Edit edit) {
    auto place = view_.edits.begin();
    while (place != view_.edits.end() && place->at < edit.at) ++place;
    view_.edits.insert(place, std::move(edit));
  }

  struct Span {
    std::size_t begin, end;
  };

  Endpoint endpoint_;
  std::string_view body_;
  bool own_members_;
  CallView view_;
  Removals removals_;
  std::bitset<k_members> seen_;
  std::optional<std::int64_t> n_, best_of_, max_tokens_, max_completion_tokens_, max_output_tokens_;
  std::size_t stream_end_ = 0;
  std::optional<Span> stream_options_, include_usage_;
  bool has_other_options_ = false;
  std::optional<Refusal> refusal_;
};

bool begins_like_an_object(std::string_view body) noexcept {
  const auto first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && body[first] == '{';
}

}  // namespace

std::string_view pattern(Endpoint endpoint) noexcept {
  switch (endpoint) {
    case Endpoint::chat_completions:
      return "/v1/chat/completions";
    case Endpoint::completions:
      return "/v1/completions";
    case Endpoint::embeddings:
      return "/v1/embeddings";
    case Endpoint::proxy:
      break;
  }
  return "/v1/proxy/{provider}/{path}";
}

std::expected<CallView, Refusal> inspect(Endpoint endpoint, std::string_view body) {
  // A proxied body that begins like an object must be one: what is half read here might be read whole
  // by the provider.
  if (endpoint == Endpoint::proxy && !begins_like_an_object(body)) return CallView{};
  return Inspection(endpoint, body).run();
}

std::string forwarded_body(std::string_view body, const CallView& view) {
  std::string out;
  std::size_t more = 0;
  for (const auto& edit : view.edits) more += edit.insert.size();
  out.reserve(body.size() + more);
  std::size_t done = 0;
  for (const auto& edit : view.edits) {
    out += body.substr(done, edit.at - done);
    out += edit.insert;
    done = edit.at + edit.remove;
  }
  out += body.substr(done);
  return out;
}

}  // namespace talon::gateway
