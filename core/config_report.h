// Report: collects the problems of one file while it is read, each with its place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/yaml.h"

namespace talon::core {

class Report {
 public:
  explicit Report(std::string_view file) : file_(file) {}

  [[nodiscard]] Place place(const YamlNode& node) const { return Place{file_, node.line, node.column}; }
  [[nodiscard]] Place place(const YamlMember& member) const { return Place{file_, member.line, member.column}; }

  /// The reference is good until the next call.
  Problem& error(Place place, std::string message);
  template <class Where>
  Problem& error(const Where& where, std::string message) {
    return error(place(where), std::move(message));
  }
  template <class Where>
  void warn(const Where& where, std::string message) {
    error(place(where), std::move(message)).warning = true;
  }
  void add(std::vector<Problem> problems);

  /// In file order.
  [[nodiscard]] std::vector<Problem> take();

 private:
  std::string file_;
  std::vector<Problem> problems_;
};

/// A short, printable quotation of what stands in the file: `"50 dollars"`. Never used for secrets.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace talon::core
