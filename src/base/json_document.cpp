#include "base/json_document.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>

namespace vitality {
namespace {

using Type = JsonValue::Type;
constexpr std::uint32_t kMaxUnsorted = 16;  // members that are looked through one by one
constexpr std::size_t kUnit = sizeof(std::max_align_t);

static_assert(sizeof(JsonValue) == 16, "json.h promises 16 bytes a value");
static_assert(sizeof(JsonMember) == 32, "json.h promises 16 bytes more a member");

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

const std::uint32_t* sorted_of(const JsonMember* members, std::size_t size) {
  return reinterpret_cast<const std::uint32_t*>(members + size);
}

}  // namespace

double JsonValue::number() const {
  if (type_ == Type::kInteger) return static_cast<double>(integer_);
  return type_ == Type::kNumber ? number_ : 0;
}

Span<JsonValue> JsonValue::items() const {
  return type_ == Type::kArray ? Span<JsonValue>(items_, size_) : Span<JsonValue>(nullptr, 0);
}

Span<JsonMember> JsonValue::members() const {
  return type_ == Type::kObject ? Span<JsonMember>(members_, size_) : Span<JsonMember>(nullptr, 0);
}

const JsonValue* JsonValue::find(std::string_view key) const {
  const Span<JsonMember> all = members();
  if (all.size() <= kMaxUnsorted) {
    for (const JsonMember& member : all)
      if (member.key == key) return &member.value;
    return nullptr;
  }
  const std::uint32_t* const sorted = sorted_of(members_, size_);
  const std::uint32_t* const found = std::lower_bound(
      sorted, sorted + size_, key, [&](std::uint32_t member, std::string_view k) { return members_[member].key < k; });
  return found != sorted + size_ && members_[*found].key == key ? &members_[*found].value : nullptr;
}

// ---- JsonBlock ----

std::size_t JsonBlock::bytes_of(Type type, std::size_t size) {
  if (type == Type::kArray) return size * sizeof(JsonValue);
  const std::size_t sorted = size > kMaxUnsorted ? rounded_up(size * sizeof(std::uint32_t), sizeof(JsonValue)) : 0;
  return size * sizeof(JsonMember) + sorted;
}

JsonBlock::JsonBlock(JsonDocument& document, std::size_t values_bytes, std::size_t text_bytes) {
  const std::size_t units = rounded_up(values_bytes + text_bytes, kUnit) / kUnit;
  // Not make_unique, which would fill the whole block with zeros first.
  document.blocks_.emplace_back(new std::max_align_t[std::max<std::size_t>(units, 1)]);
  values_ = reinterpret_cast<char*>(document.blocks_.back().get());
  text_ = values_ + units * kUnit;
}

std::string_view JsonBlock::keep(std::string_view text) {
  text_ -= text.size();
  if (!text.empty()) std::memcpy(text_, text.data(), text.size());
  return {text_, text.size()};
}

void JsonBlock::set_text(JsonValue& at, std::string_view text) {
  at.type_ = Type::kString;
  at.size_ = static_cast<std::uint32_t>(text.size());
  at.text_ = keep(text).data();
}

void JsonBlock::set_container(JsonValue& at, Type type, std::uint32_t size) {
  at.type_ = type;
  at.size_ = size;
  char* const room = values_;
  values_ += bytes_of(type, size);
  if (type == Type::kArray) {
    at.items_ = reinterpret_cast<JsonValue*>(room);
    for (std::uint32_t i = 0; i < size; ++i) new (at.items_ + i) JsonValue();
  } else {
    at.members_ = reinterpret_cast<JsonMember*>(room);
    for (std::uint32_t i = 0; i < size; ++i) new (at.members_ + i) JsonMember{{}, JsonValue()};
  }
}

JsonValue& JsonBlock::element(JsonValue& container, std::uint32_t i) {
  return container.type_ == Type::kArray ? container.items_[i] : container.members_[i].value;
}

void JsonBlock::set_key(JsonValue& object, std::uint32_t i, std::string_view key) {
  object.members_[i].key = keep(key);
}

std::uint32_t JsonBlock::index_keys(JsonValue& object) {
  const std::uint32_t size = object.size_;
  const JsonMember* const members = object.members_;
  if (size <= kMaxUnsorted) {
    for (std::uint32_t i = 1; i < size; ++i)
      for (std::uint32_t j = 0; j < i; ++j)
        if (members[i].key == members[j].key) return i;
    return size;
  }
  auto* const sorted = const_cast<std::uint32_t*>(sorted_of(members, size));
  std::iota(sorted, sorted + size, 0U);
  std::sort(sorted, sorted + size, [&](std::uint32_t a, std::uint32_t b) {
    const int order = members[a].key.compare(members[b].key);
    return order != 0 ? order < 0 : a < b;
  });
  std::uint32_t first = size;
  for (std::uint32_t i = 1; i < size; ++i)
    if (members[sorted[i]].key == members[sorted[i - 1]].key) first = std::min(first, sorted[i]);
  return first;
}

void JsonBlock::measure(const JsonValue& value, std::size_t& values_bytes, std::size_t& text_bytes) {
  if (value.type_ == Type::kString) text_bytes += value.size_;
  if (value.type_ == Type::kArray || value.type_ == Type::kObject) values_bytes += bytes_of(value.type_, value.size_);
  for (const JsonValue& item : value.items()) measure(item, values_bytes, text_bytes);
  for (const JsonMember& member : value.members()) {
    text_bytes += member.key.size();
    measure(member.value, values_bytes, text_bytes);
  }
}

// The recursion is as deep as the document, and the parser limits that.
void JsonBlock::copy(const JsonValue& from, JsonValue& at) {
  if (from.type_ == Type::kString) return set_text(at, {from.text_, from.size_});
  if (from.type_ != Type::kArray && from.type_ != Type::kObject) {
    at = from;
    return;
  }
  set_container(at, from.type_, from.size_);
  for (std::uint32_t i = 0; i < from.size_; ++i) {
    if (from.type_ == Type::kArray) {
      copy(from.items_[i], at.items_[i]);
    } else {
      set_key(at, i, from.members_[i].key);
      copy(from.members_[i].value, at.members_[i].value);
    }
  }
  if (from.type_ == Type::kObject) index_keys(at);
}

// ---- JsonDocument ----

JsonDocument& JsonDocument::operator=(JsonDocument other) noexcept {
  static_cast<JsonValue&>(*this) = other;
  blocks_.swap(other.blocks_);
  return *this;
}

JsonDocument JsonDocument::of_text(const std::string& text) {
  JsonDocument out;
  JsonBlock(out, 0, text.size()).set_text(out, text);
  return out;
}

void JsonDocument::set(JsonValue& at, const JsonValue& value) {
  std::size_t values_bytes = 0, text_bytes = 0;
  JsonBlock::measure(value, values_bytes, text_bytes);
  JsonBlock(*this, values_bytes, text_bytes).copy(value, at);
}

JsonValue& JsonDocument::add_object(JsonValue& object, std::string_view key) {
  const std::uint32_t size = object.size_;
  JsonBlock block(*this, JsonBlock::bytes_of(Type::kObject, size + 1), key.size());
  JsonValue grown;
  block.set_container(grown, Type::kObject, size + 1);
  for (std::uint32_t i = 0; i < size; ++i) grown.members_[i] = object.members_[i];
  block.set_key(grown, size, key);
  block.set_container(grown.members_[size].value, Type::kObject, 0);
  block.index_keys(grown);
  object = grown;
  return object.members_[size].value;
}

}  // namespace vitality
