#include "vault/journal/stored_intent.h"

#include "vault/ledger/rollup.h"

namespace talon::vault {
namespace {

void append_text(std::string& out, std::string_view text) {
  append_number(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

std::string read_text(ByteReader& in) { return std::string(in.bytes(in.number<std::uint32_t>())); }

}  // namespace

void encode_intent(const core::UnsequencedLine& line, const RollupChange& rollup, std::string& out) {
  out.clear();
  for (const auto piece : line.pieces()) append_text(out, piece);
  append_number(out, row_flags(rollup));
  append_number(out, rollup.cost.nano());
  append_text(out, rollup.caller);
  append_text(out, rollup.provider);
  append_text(out, rollup.model);
  append_text(out, rollup.session);
  append_text(out, rollup.project);
  append_number(out, rollup.modality);
}

std::optional<StoredIntent> decode_intent(std::string_view payload) {
  ByteReader in(payload);
  StoredIntent intent;
  std::array<std::string_view, 4> pieces;
  for (auto& piece : pieces) piece = in.bytes(in.number<std::uint32_t>());
  intent.line = core::UnsequencedLine(pieces);
  const auto flags = in.number<std::uint8_t>();
  set_flags(intent.rollup, flags);
  intent.rollup.cost = core::NanoUsd(in.number<std::int64_t>());
  intent.rollup.caller = read_text(in);
  intent.rollup.provider = read_text(in);
  intent.rollup.model = read_text(in);
  intent.rollup.session = read_text(in);
  if (in.ended()) return intent;  // of an earlier version
  intent.rollup.project = read_text(in);
  intent.rollup.modality = in.number<std::uint8_t>();
  if (!in.ended()) return std::nullopt;
  return intent;
}

}  // namespace talon::vault
