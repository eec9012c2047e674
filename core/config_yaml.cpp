// The YAML library's one source: its event stream becomes our tree. Events are taken rather than
// its own nodes, because those merge aliases and keep duplicate keys without a word.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "core/text.h"
#include "core/yaml.h"

namespace talon::core {
namespace {

/// No file of ours nests deeper, and our own walks over the tree are recursive.
constexpr std::size_t k_max_nesting = 32;

struct TooDeep {
  YAML::Mark mark;
};

/// Byte columns of the library become code points of the text.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      lines_.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  [[nodiscard]] int column(int line, int byte_column) const {
    if (line < 0 || static_cast<std::size_t>(line) >= lines_.size() || byte_column < 0)
      return std::max(byte_column, 0) + 1;
    const std::string_view before =
        lines_[static_cast<std::size_t>(line)].substr(0, static_cast<std::size_t>(byte_column));
    // Every byte but a continuation byte begins a code point; bytes behind the line's end count as they are.
    const auto points = std::ranges::count_if(before, [](char c) { return (c & 0xc0) != 0x80; });
    return static_cast<int>(points) + byte_column - static_cast<int>(before.size()) + 1;
  }

 private:
  std::vector<std::string_view> lines_;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(YamlDocument& document, std::string_view name, const Lines& lines)
      : document_(document), name_(name), lines_(lines) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2) problem(mark, "a second YAML document begins here; a file holds one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    take(make(YamlNode::Kind::null, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    problem(mark, "aliases (*name) are not supported; write the value out");
    take(make(YamlNode::Kind::null, mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    YamlNode node = make(YamlNode::Kind::scalar, mark);
    node.text = value;
    node.quoted = tag == "!";
    take(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::sequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::mapping, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

  /// Also after an error: what is open is closed, so that the tree holds what was read.
  void finish() {
    while (!open_.empty()) close();
  }

  void problem(const YAML::Mark& mark, std::string message) {
    Problem problem;
    problem.place = Place{std::string(name_), mark.line + 1, lines_.column(mark.line, mark.column)};
    problem.message = std::move(message);
    document_.problems.push_back(std::move(problem));
  }

 private:
  struct Open {
    YamlNode node;
    bool has_key = false;
    bool drop_value = false;
    YamlMember pending;
    std::unordered_map<std::string, int> seen;  ///< key → line
  };

  YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark) const {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = lines_.column(mark.line, mark.column);
    return node;
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor)
      problem(mark, "anchors (&name) are not supported; write the value where it is used");
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") problem(mark, "tags (!name) are not supported");
  }
  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (open_.size() == k_max_nesting) throw TooDeep{mark};
    open_.emplace_back();
    open_.back().node = make(kind, mark);
  }
  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    // A key whose value never came (the text broke off) still counts as written.
    if (done.has_key && !done.drop_value) done.node.members.push_back(std::move(done.pending));
    take(std::move(done.node));
  }
  void take(YamlNode node) {
    if (documents_ > 1) return;
    if (open_.empty()) {
      document_.root = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::sequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, std::move(node));
    } else {
      parent.has_key = false;
      parent.pending.value = std::move(node);
      if (!parent.drop_value) parent.node.members.push_back(std::move(parent.pending));
    }
  }
  void take_key(Open& parent, YamlNode key) {
    parent.has_key = true;
    parent.drop_value = false;
    parent.pending = YamlMember{std::move(key.text), key.line, key.column, YamlNode{}};
    parent.pending.value.line = key.line;
    parent.pending.value.column = key.column;
    const auto refuse = [&](std::string message) {
      parent.drop_value = true;
      Problem problem;
      problem.place = Place{std::string(name_), key.line, key.column};
      problem.message = std::move(message);
      document_.problems.push_back(std::move(problem));
    };
    if (key.kind != YamlNode::Kind::scalar) return refuse("a key must be plain text");
    if (parent.pending.key == "<<" && !key.quoted)
      return refuse("merge keys (<<) are not supported; write the values out");
    const auto [first, inserted] = parent.seen.emplace(parent.pending.key, key.line);
    if (!inserted) {
      refuse("duplicate key \"" + record_text(parent.pending.key) + "\": it stands on line " +
             std::to_string(first->second) + " and on line " + std::to_string(key.line));
    }
  }

  YamlDocument& document_;
  std::string_view name_;
  const Lines& lines_;
  std::vector<Open> open_;
  int documents_ = 0;
};

/// What must not reach the library: it would read on over it, or guess another encoding.
bool refuse_bytes(std::string_view text, std::string_view name, YamlDocument& document) {
  int line = 1;
  int column = 1;
  for (std::size_t at = 0; at < text.size();) {
    const auto [value, length] = decode_utf8(text.substr(at));
    const bool control = value != '\n' && value != '\r' && value != '\t' && value != 0x85 && is_control(value);
    if (length == 0 || control) {
      Problem problem;
      problem.place = Place{std::string(name), line, column};
      problem.message = length == 0 ? "the file is not valid UTF-8 here" : "a control character stands here";
      document.problems.push_back(std::move(problem));
      return true;
    }
    at += length;
    ++column;
    if (value == '\n') {
      ++line;
      column = 1;
    }
  }
  return false;
}

}  // namespace

const YamlMember* YamlNode::find(std::string_view key) const noexcept {
  const auto found = std::ranges::find(members, key, &YamlMember::key);
  return found == members.end() ? nullptr : &*found;
}

YamlDocument read_yaml(std::string_view text, std::string_view name) {
  YamlDocument document;
  if (text.size() > k_max_yaml) {
    Problem problem;
    problem.place.file = std::string(name);
    problem.message = "the file is larger than " + std::to_string(k_max_yaml >> 20) + " MiB";
    document.problems.push_back(std::move(problem));
    return document;
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (refuse_bytes(text, name, document)) return document;
  const Lines lines(text);
  TreeBuilder builder(document, name, lines);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    // The second document only has to begin to be refused.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
    document.complete = true;
  } catch (const TooDeep& deep) {
    builder.problem(deep.mark, "nested deeper than " + std::to_string(k_max_nesting) + " levels");
  } catch (const YAML::Exception& error) {
    builder.problem(error.mark, "this is not valid YAML: " + error.msg);
  } catch (const std::exception& error) {
    builder.problem(YAML::Mark(), std::string("this is not valid YAML: ") + error.what());
  }
  builder.finish();
  return document;
}

}  // namespace talon::core
