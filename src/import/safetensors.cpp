#include "import/safetensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "import/constants.h"

namespace vitality::importing {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{8} << 30;

struct Format {
  const char* name;
  std::size_t bytes;
  bool real;
};
constexpr Format kFormats[] = {{"F64", 8, true},  {"F32", 4, true},  {"F16", 2, true},  {"BF16", 2, true},
                               {"I64", 8, false}, {"I32", 4, false}, {"I16", 2, false}, {"I8", 1, false},
                               {"U8", 1, false},  {"BOOL", 1, false}};

template <class T>
T load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

double real_at(const Format& format, const char* bytes) {
  if (format.bytes == 8) return load<double>(bytes);
  if (format.bytes == 4) return load<float>(bytes);
  const auto bits = load<std::uint16_t>(bytes);
  if (format.name[0] == 'F') return half_value(bits);
  const std::uint32_t wide = std::uint32_t{bits} << 16;
  return load<float>(reinterpret_cast<const char*>(&wide));
}

struct Entry {
  std::string name;
  const Format* format = nullptr;
  Shape shape;
  std::int64_t begin = 0, end = 0;
};

Entry read_entry(const JsonMember& member, std::int64_t data_bytes, Diagnostics& diagnostics) {
  Entry entry;
  entry.name = std::string(member.key);
  ObjectReader keys(member.value, pointer_of("", member.key), diagnostics);
  std::string dtype;
  keys.text("dtype", dtype, ObjectReader::Presence::kRequired);
  for (const Format& format : kFormats)
    if (dtype == format.name) entry.format = &format;
  if (entry.format == nullptr)
    diagnostics.add(keys.pointer_to("dtype"),
                    "expected F64, F32, F16, BF16 or an integer type, found " + quoted(dtype));
  const auto integers = [&](const char* key) {
    std::vector<std::int64_t> out;
    const JsonValue* value = keys.get(key, ObjectReader::Presence::kRequired);
    if (value == nullptr || value->type() != JsonValue::Type::kArray) {
      diagnostics.add(keys.pointer_to(key), "expected an array of integers");
      return out;
    }
    for (std::size_t i = 0; i < value->items().size(); ++i) {
      out.push_back(0);
      read_integer(value->items()[i], pointer_of(keys.pointer_to(key), i), 0, std::int64_t{1} << 40, diagnostics,
                   out.back());
    }
    return out;
  };
  entry.shape = integers("shape");
  const std::vector<std::int64_t> offsets = integers("data_offsets");
  keys.finish();
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_bytes)
    diagnostics.add(keys.pointer_to("data_offsets"),
                    "expected two offsets within the " + std::to_string(data_bytes) + " bytes behind the header");
  entry.begin = offsets[0], entry.end = offsets[1];
  try {
    const std::int64_t size = element_count(entry.shape) * static_cast<std::int64_t>(entry.format->bytes);
    if (size != entry.end - entry.begin)
      diagnostics.add(keys.pointer(), "a tensor of shape " + to_string(entry.shape) + " and type " + dtype + " takes " +
                                          std::to_string(size) + " bytes, found " +
                                          std::to_string(entry.end - entry.begin));
  } catch (const NodeError& error) {
    diagnostics.add(keys.pointer(), error.what());
  }
  return entry;
}

Tensor values_of(const Entry& entry, const char* data, const std::string& path, bool& float32) {
  Tensor out;
  out.shape = entry.shape;
  out.is_real = entry.format->real;
  if (!out.is_real) return out;
  out = real_tensor(entry.shape);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double value = real_at(*entry.format, data + static_cast<std::size_t>(entry.begin) + i * entry.format->bytes);
    if (!std::isfinite(value))
      throw InputError(path, pointer_of("", entry.name), "element " + std::to_string(i) + " is not finite");
    float32 = float32 && static_cast<double>(static_cast<float>(value)) == value;
    out.real[i] = value;
  }
  return out;
}

}  // namespace

StoredTensors parse_safetensors(const std::string& bytes, const std::string& path) {
  if (bytes.size() < 8) throw InputError(path, "", "is shorter than the 8 bytes that a .safetensors file starts with");
  const auto header = load<std::uint64_t>(bytes.data());
  if (header > kMaxJsonBytes || header > bytes.size() - 8)
    throw InputError(
        path, "",
        "says that its header has " + std::to_string(header) + " bytes, expected at most those of the file, and 4 MiB");
  const JsonDocument document = parse_json(bytes.substr(8, header), path);
  Diagnostics diagnostics(path);
  if (document.type() != JsonValue::Type::kObject) diagnostics.add("", "expected an object of tensors");
  const char* data = bytes.data() + 8 + header;
  const auto data_bytes = static_cast<std::int64_t>(bytes.size() - 8 - header);
  std::vector<Entry> entries;
  std::int64_t elements = 0;
  for (const JsonMember& member : document.members()) {
    if (member.key == "__metadata__") continue;
    entries.push_back(read_entry(member, data_bytes, diagnostics));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::make_pair(a.begin, a.end) < std::make_pair(b.begin, b.end);
  });
  StoredTensors out;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0 && entries[i].begin < entries[i - 1].end)
      throw InputError(path, pointer_of("", entries[i].name),
                       "its bytes overlap those of " + quoted(entries[i - 1].name));
    elements += element_count(entries[i].shape);
    if (elements > kMaxGraphElements) throw InputError(path, "", "more than 2^30 elements in all tensors");
    out.tensors[entries[i].name] = values_of(entries[i], data, path, out.float32);
  }
  if (out.tensors.empty()) throw InputError(path, "", "holds no tensors");
  return out;
}

StoredTensors read_safetensors(const std::string& path) {
  return parse_safetensors(read_text_file(path, kMaxFileBytes), path);
}

}  // namespace vitality::importing
