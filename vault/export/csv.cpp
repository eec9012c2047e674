// The requests table as CSV (RFC 4180: CRLF, quotes doubled), its header first.
#include <fmt/core.h>

#include "vault/export/tables.h"
#include "vault/log/sha256.h"

namespace talon::vault {
namespace {

constexpr std::string_view k_header =
    "id,timestamp,project,modality,model_id,provider,input_units,output_units,cost_usd,pricing_source,ttfb_ms,"
    "total_latency_ms,status,fallback_from,error_message,metadata,session_id,tenant_id,cost_nano_usd\r\n";
constexpr std::size_t k_piece = 64 * 1024;

void append_cell(std::string& out, std::string_view text) {
  if (text.find_first_of("\",\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

class Line {
 public:
  explicit Line(std::string& out) : out_(out) {}
  Line& text(std::string_view value) {
    begin();
    append_cell(out_, value);
    return *this;
  }
  Line& number(double value, int decimals) {
    begin();
    out_ += fmt::format("{:.{}f}", value, decimals);
    return *this;
  }
  Line& number(const std::optional<std::int64_t>& value) {
    begin();
    out_ += std::to_string(value.value_or(0));
    return *this;
  }
  Line& milliseconds_of(const std::optional<core::Micros>& value) {
    if (value) return number(milliseconds(*value), 3);
    begin();
    return *this;
  }
  void end() { out_ += "\r\n"; }

 private:
  void begin() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string& out_;
  bool first_ = true;
};

void append_row(std::string& out, const RequestRow& row) {
  const auto& call = row.call;
  Line line(out);
  line.text(call.id.text()).number(row.timestamp(), 6).text(call.project).text("llm").text(row.model_id());
  line.text(call.provider).number(call.input).number(call.output);
  line.text(row.unpriced() ? std::string() : call.cost.to_decimal());
  line.text(row.pricing_source()).milliseconds_of(call.ttfb).milliseconds_of(call.total).text(row.status());
  line.text(row.fallback_from().value_or("")).text(call.code.value_or("")).text(row.metadata()).text(call.session);
  line.text(call.tenant ? std::string_view(call.tenant->bytes()) : std::string_view{});
  line.text(row.unpriced() ? std::string() : std::to_string(call.cost.nano()));
  line.end();
}

}  // namespace

core::Result<ExportReport> Vault::export_csv(const LogFilter& log, const Period& period, const ByteSink& sink) const {
  ExportReport report;
  Sha256 hash;
  std::string out(k_header);
  const auto flush = [&]() -> core::Result<void> {
    hash.update(out);
    TALON_TRY_VOID(sink(out));
    out.clear();
    return {};
  };
  TALON_TRY_VOID(each_call(*this, log, period, [&](const RequestRow& row) -> core::Result<void> {
    append_row(out, row);
    ++report.records;
    return out.size() < k_piece ? core::Result<void>() : flush();
  }));
  TALON_TRY_VOID(flush());
  report.sha256 = to_hex(hash.finish());
  return report;
}

}  // namespace talon::vault
