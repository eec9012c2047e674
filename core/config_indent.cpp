#include "core/config_indent.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "core/config_line.h"
#include "core/config_report.h"

namespace talon::core {
namespace {

/// A comment or an empty line; goes with the node that follows it.
struct Trivia {
  std::string text;
  int line = 0;
  int column = 1;
};

struct Node {
  enum class Kind { root, key, row, scalar_item };
  Kind kind = Kind::key;
  Shape shape = Shape::mapping;  ///< of what may stand in it
  Schema members{};
  std::string key;    ///< as written, quotes included
  std::string value;  ///< what follows `key:` (with its spaces) or `- ` on the line
  int line = 0;       ///< 0: added
  int column = 0;     ///< of the key; of a row's first key
  int dash_column = 0;
  bool open = false;  ///< more can come below
  std::vector<Trivia> before;
  std::vector<std::unique_ptr<Node>> children;
  std::map<std::string, Node*, std::less<>> by_key;  ///< of keys known to the schema
  Node* parent = nullptr;
};

class Restorer {
 public:
  explicit Restorer(Schema schema) {
    root_.kind = Node::Kind::root;
    root_.members = schema;
    root_.open = true;
    at_ = &root_;
  }

  bool take(std::string_view text, int number) {
    const auto line = take_apart(text, number);
    if (!line) return false;
    if (line->kind != ConfigLine::Kind::content) {
      trivia_.push_back(Trivia{std::string(line->value), number, line->column});
      return true;
    }
    if (!line->has_key && line->value == "---" && root_.children.empty()) return true;
    if (line->odd_space && !restored_.odd_space) restored_.odd_space = Place{"", number, 1};
    if (line->dash) return place_item(*line);
    return line->has_key && place_key(*line);
  }

  Restored finish() {
    print_children(root_, 0);
    for (const auto& left : trivia_) print(0, left.text, left.line, left.column);
    return std::move(restored_);
  }

 private:
  bool place_item(const ConfigLine& line) {
    Node* list = nullptr;
    for (Node* node = at_; node != nullptr && list == nullptr; node = node->parent) {
      if (!node->open || node->kind != Node::Kind::key) continue;
      const bool takes_rows = node->shape == Shape::rows || node->shape == Shape::list;
      if (line.has_key && takes_rows && find_key(node->members, line.key) != nullptr) list = node;
      if (!line.has_key && !line.value.empty() && node->shape == Shape::list) list = node;
      if (!line.has_key && line.value.empty() && node->shape == Shape::rows) list = node;
    }
    if (list == nullptr) return false;
    if (line.dash_column < list->column) misplaced(line, *list, line.dash_column);
    Node& item = add(*list, line);
    item.dash_column = line.dash_column;
    if (list->shape == Shape::list && !line.has_key) {
      item.kind = Node::Kind::scalar_item;
      item.value = std::string(line.value);
      at_ = list;
      return true;
    }
    item.kind = Node::Kind::row;
    item.members = list->members;
    item.open = true;
    at_ = &item;
    return !line.has_key || put(item, line, find_key(item.members, line.key));
  }

  bool place_key(const ConfigLine& line) {
    for (Node* node = at_; node != nullptr; node = node->parent) {
      const SchemaKey* known = takes_keys(*node) ? find_key(node->members, line.key) : nullptr;
      if (known != nullptr) return put(*node, line, known);
    }
    for (Node* node = at_; node != nullptr; node = node->parent) {
      if (node->kind == Node::Kind::key && node->shape == Shape::names && node->open) return put_named(*node, line);
      if (Node* owner = takes_keys(*node) ? implied(*node, line.key) : nullptr)
        return put(*owner, line, find_key(owner->members, line.key));
    }
    // Unknown: a neighbour of what stands before it in the same column, else of the last. The schema
    // check will say what it thinks.
    Node* last = nullptr;
    for (Node* node = at_; node != nullptr; node = node->parent) {
      if (!takes_keys(*node)) continue;
      if (last == nullptr) last = node;
      if (!node->children.empty() && node->children.back()->column == line.column) return put(*node, line, nullptr);
    }
    return put(*last, line, nullptr);
  }

  static bool takes_keys(const Node& node) {
    return node.kind == Node::Kind::root || node.kind == Node::Kind::row ||
           (node.kind == Node::Kind::key && node.shape == Shape::mapping && node.open);
  }

  /// The mapping below `node` that knows the key, made if it is not there.
  Node* implied(Node& node, std::string_view key) {
    for (const auto& candidate : node.members) {
      if (candidate.shape != Shape::mapping || candidate.since == Since::later) continue;
      const bool direct = find_key(candidate.members, key) != nullptr;
      if (!direct && !knows_below(candidate, key)) continue;
      const auto existing = node.by_key.find(candidate.name);
      if (existing != node.by_key.end() && !existing->second->open) continue;
      ConfigLine added;
      added.key = candidate.name;
      if (existing == node.by_key.end() && !put(node, added, &candidate)) continue;
      Node* owner = node.by_key.find(candidate.name)->second;
      return direct ? owner : implied(*owner, key);
    }
    return nullptr;
  }
  static bool knows_below(const SchemaKey& owner, std::string_view key) {
    return std::ranges::any_of(owner.members, [&](const SchemaKey& member) {
      return member.shape == Shape::mapping && (find_key(member.members, key) != nullptr || knows_below(member, key));
    });
  }

  /// `known` null: a key the schema does not have.
  bool put(Node& parent, const ConfigLine& line, const SchemaKey* known) {
    const bool container = known != nullptr && known->shape != Shape::scalar && opens_below(line.value);
    if (container && known->since == Since::later) return false;  // nothing is known of what stands below it
    if (known != nullptr) check_column(parent, line);
    if (container) {
      if (const auto existing = parent.by_key.find(line.key);
          existing != parent.by_key.end() && existing->second->open) {
        restored_.merged.push_back({std::string(line.key), existing->second->line, line.number, line.column});
        at_ = existing->second;
        return true;
      }
    }
    Node& node = add(parent, line);
    node.key = std::string(line.key);
    node.value = std::string(line.value);
    if (known != nullptr) {
      node.shape = known->shape;
      node.members = known->members;
      node.open = container;
      parent.by_key.emplace(std::string(line.key), &node);
    }
    at_ = container ? &node : &parent;
    return true;
  }

  bool put_named(Node& names, const ConfigLine& line) {
    check_column(names, line);
    Node& node = add(names, line);
    node.key = std::string(line.key);
    node.value = std::string(line.value);
    node.members = names.members;
    node.open = opens_below(line.value);
    at_ = node.open ? &node : &names;
    return true;
  }

  Node& add(Node& parent, const ConfigLine& line) {
    auto node = std::make_unique<Node>();
    node->line = line.number;
    node->column = line.column;
    node->parent = &parent;
    node->before = std::exchange(trivia_, {});
    parent.children.push_back(std::move(node));
    return *parent.children.back();
  }

  void check_column(const Node& parent, const ConfigLine& line) {
    if (line.number == 0 || parent.kind == Node::Kind::root) return;
    const auto first = std::ranges::find_if(parent.children, [](const auto& child) { return child->line != 0; });
    const bool left_of_siblings = first != parent.children.end() && line.column < (*first)->column;
    if (parent.line == 0 || left_of_siblings || (parent.kind == Node::Kind::key && line.column <= parent.column)) {
      misplaced(line, parent, line.column);
    }
  }
  void misplaced(const ConfigLine& line, const Node& parent, int column) {
    const Node& owner = parent.kind == Node::Kind::row ? *parent.parent : parent;
    restored_.misplaced.push_back({std::string(line.has_key ? line.key : line.value), owner.key, line.number, column});
  }

  void print_children(const Node& node, std::size_t indent) {
    for (const auto& child : node.children) print_node(*child, indent, "");
  }
  /// `lead` is the "- " of a row, printed before its first member.
  void print_node(const Node& node, std::size_t indent, const std::string& lead) {
    if (lead.empty()) print_trivia(node, indent);
    const std::string spaces(indent, ' ');
    const int column = static_cast<int>(indent + lead.size()) + 1;
    switch (node.kind) {
      case Node::Kind::scalar_item:
        emit(spaces + "- " + node.value, node.line, node.column - column - 2);
        return;
      case Node::Kind::row: {
        if (node.children.empty()) {
          emit(spaces + "-", node.line, node.dash_column - column);
          return;
        }
        print_trivia(*node.children.front(), indent);
        print_node(*node.children.front(), indent, "- ");
        for (std::size_t i = 1; i < node.children.size(); ++i) print_node(*node.children[i], indent + 2, "");
        return;
      }
      default:
        break;
    }
    emit(spaces + lead + node.key + ':' + node.value, node.line, node.column - column);
    print_children(node, indent + lead.size() + 2);
  }
  void print_trivia(const Node& node, std::size_t indent) {
    for (const auto& each : node.before) print(indent, each.text, each.line, each.column);
  }
  void print(std::size_t indent, const std::string& text, int line, int column) {
    emit(text.empty() ? "" : std::string(indent, ' ') + text, line, column - static_cast<int>(indent) - 1);
  }
  void emit(const std::string& text, int line, int shift) {
    restored_.text += text;
    restored_.text += '\n';
    restored_.origins.push_back({line, shift});
  }

  Node root_;
  Node* at_ = nullptr;  ///< the innermost container that is still open
  std::vector<Trivia> trivia_;
  Restored restored_;
};

}  // namespace

Place Restored::original(Place place) const {
  for (auto index = static_cast<std::size_t>(std::max(place.line, 1)) - 1; index < origins.size(); ++index) {
    if (origins[index].line == 0) continue;
    place.line = origins[index].line;
    place.column = std::max(1, place.column + origins[index].shift);
    return place;
  }
  return Place{std::move(place.file), 0, 0};
}

std::optional<Restored> restore_indentation(std::string_view yaml, Schema schema) {
  if (yaml.starts_with("\xEF\xBB\xBF")) yaml.remove_prefix(3);
  Restorer restorer(schema);
  int number = 0;
  while (!yaml.empty()) {
    const std::size_t end = std::min(yaml.find('\n'), yaml.size());
    if (!restorer.take(yaml.substr(0, end), ++number)) return std::nullopt;
    yaml.remove_prefix(std::min(end + 1, yaml.size()));
  }
  return restorer.finish();
}

std::vector<Problem> diagnose(const Restored& restored, std::string_view file) {
  std::vector<Problem> problems;
  const auto say = [&](int line, int column, std::string message) {
    problems.push_back(
        Problem{Place{std::string(file), line, column}, Code::config_invalid, std::move(message), std::nullopt, false});
  };
  if (!restored.misplaced.empty()) {
    const auto& first = restored.misplaced.front();
    say(first.line, first.column,
        quote(first.key) + " belongs under " + quote(first.owner + ":") +
            "; the indentation was probably lost when copying");
  } else if (restored.odd_space) {
    say(restored.odd_space->line, 1, "this line is indented with tabs or no-break spaces; YAML indents with spaces");
  }
  for (const auto& twice : restored.merged) {
    say(twice.line, twice.column,
        "duplicate key " + quote(twice.key) + ": it stands on line " + std::to_string(twice.first_line) +
            " and on line " + std::to_string(twice.line));
  }
  problems.front().suggestion = restored.text;
  return problems;
}

}  // namespace talon::core
