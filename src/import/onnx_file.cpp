#include "import/onnx_file.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/output_file.h"
#include "import/constants.h"
#include "import/fused_operators.h"
#include "onnx.pb.h"

namespace vitality::importing {
namespace {

namespace fs = std::filesystem;
using Type = ::onnx::TensorProto;

constexpr std::size_t kMaxFileBytes = (std::size_t{1} << 31) - 1;  // protobuf's own limit

// A limit on the memory of one file's messages besides their bytes: an empty message takes two bytes in a file and 200
// in memory.
thread_local std::size_t arena_left = 0;
void* take_block(std::size_t size) {
  if (size > arena_left) throw std::bad_alloc();
  arena_left -= size;
  return ::operator new(size);
}
void give_block(void* block, std::size_t) {
  ::operator delete(block);
}

std::string name_or(const std::string& name, const char* otherwise) {
  return name.empty() ? otherwise : name;
}

struct Format {
  int type;
  const char* name;
  int bytes;
  bool real;
};
constexpr Format kFormats[] = {
    {Type::FLOAT, "float32", 4, true},     {Type::DOUBLE, "float64", 8, true}, {Type::FLOAT16, "float16", 2, true},
    {Type::BFLOAT16, "bfloat16", 2, true}, {Type::INT64, "int64", 8, false},   {Type::INT32, "int32", 4, false},
    {Type::INT8, "int8", 1, false},        {Type::UINT8, "uint8", 1, false},   {Type::BOOL, "bool", 1, false},
    {Type::INT16, "int16", 2, false},      {Type::UINT16, "uint16", 2, false}};

const Format* format_of(int type) {
  for (const Format& format : kFormats)
    if (format.type == type) return &format;
  return nullptr;
}

template <class T>
T load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

double real_element(int type, const char* bytes) {
  if (type == Type::FLOAT) return load<float>(bytes);
  if (type == Type::DOUBLE) return load<double>(bytes);
  const auto bits = load<std::uint16_t>(bytes);
  if (type == Type::FLOAT16) return half_value(bits);
  const std::uint32_t wide = std::uint32_t{bits} << 16;
  return load<float>(reinterpret_cast<const char*>(&wide));
}

std::int64_t integer_element(int type, const char* bytes) {
  if (type == Type::INT64) return load<std::int64_t>(bytes);
  if (type == Type::INT32) return load<std::int32_t>(bytes);
  if (type == Type::INT16) return load<std::int16_t>(bytes);
  if (type == Type::UINT16) return load<std::uint16_t>(bytes);
  if (type == Type::INT8) return load<std::int8_t>(bytes);
  return load<std::uint8_t>(bytes);
}

class Reader {
 public:
  Reader(const ::onnx::ModelProto& model, std::string path) : model_(model) { graph_.file = std::move(path); }
  Graph read();

 private:
  [[noreturn]] void fail(const std::string& where, const std::string& message) const {
    throw InputError(graph_.file, where, message);
  }
  void read_opset();
  int define(const std::string& name, const std::string& where);
  TensorPtr tensor(const Type& proto, const std::string& where);
  Tensor decoded(const Type& proto, const Format& format, const std::string& where);
  void fill_real(const Type& proto, const Format& format, const std::string& bytes, Tensor& out) const;
  void fill_integer(const Type& proto, const Format& format, const std::string& bytes, Tensor& out) const;
  std::string external_bytes(const Type& proto, std::size_t size, const std::string& where) const;
  fs::path inside_folder(const std::string& location, const std::string& where) const;
  void check_finite(const Tensor& tensor, const std::string& where) const;
  Attribute attribute(const ::onnx::AttributeProto& proto, const std::string& where);
  void read_input();
  void read_node(const ::onnx::NodeProto& proto, std::size_t index);
  void read_output();

  const ::onnx::ModelProto& model_;
  Graph graph_;
  std::unordered_map<std::string, int> value_of_;
  std::int64_t stored_ = 0;
};

void Reader::read_opset() {
  for (const auto& set : model_.opset_import()) {
    if (!set.domain().empty() && set.domain() != "ai.onnx") continue;
    if (set.version() < kMinOpset || set.version() > kMaxOpset) {
      fail("opset_import", "operator set " + std::to_string(set.version()) + ", expected " + std::to_string(kMinOpset) +
                               " to " + std::to_string(kMaxOpset));
    }
    graph_.opset = static_cast<int>(set.version());
  }
  if (graph_.opset == 0) fail("opset_import", "no version of the ONNX operators, expected 11 to 20");
}

int Reader::define(const std::string& name, const std::string& where) {
  const int value = static_cast<int>(graph_.values.size());
  if (!value_of_.emplace(name, value).second) fail(where, "a second value of the name " + vitality::quoted(name));
  graph_.values.push_back(name);
  return value;
}

fs::path Reader::inside_folder(const std::string& location, const std::string& where) const {
  const fs::path relative(location);
  bool leaves = location.empty() || relative.is_absolute() || location.find('\0') != std::string::npos;
  for (const fs::path& part : relative) leaves = leaves || part == "..";
  std::error_code error;
  fs::path folder = fs::path(graph_.file).parent_path();
  folder = fs::canonical(folder.empty() ? fs::path(".") : folder, error);
  const fs::path full = leaves || error ? fs::path() : fs::weakly_canonical(folder / relative, error);
  // A link may lead out of the folder, so the real place of the file is checked.
  const auto inside = std::mismatch(folder.begin(), folder.end(), full.begin(), full.end());
  if (leaves || error || inside.first != folder.end())
    fail(where, "external data at " + vitality::quoted(location) + ", expected a file inside the model's folder");
  if (!fs::is_regular_file(full, error))
    fail(where, "external data: " + vitality::quoted(location) + " is no readable file");
  return full;
}

std::string Reader::external_bytes(const Type& proto, std::size_t size, const std::string& where) const {
  std::string location;
  std::uint64_t offset = 0, length = size;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    const bool is_offset = entry.key() == "offset";
    if (!is_offset && entry.key() != "length") continue;
    const std::string& text = entry.value();
    if (text.empty() || text.size() > 15 || text.find_first_not_of("0123456789") != std::string::npos)
      fail(where, "external data: " + entry.key() + " " + vitality::quoted(text) + ", expected a number of bytes");
    (is_offset ? offset : length) = std::stoull(text);
  }
  if (length != size) {
    fail(where, "external data of " + std::to_string(length) + " bytes, expected " + std::to_string(size) +
                    " of its type and shape");
  }
  const fs::path path = inside_folder(location, where);
  note_input(path.string());
  std::ifstream stream(path, std::ios::binary);
  std::string bytes(size, '\0');
  stream.seekg(static_cast<std::streamoff>(offset));
  if (!stream || !stream.read(bytes.data(), static_cast<std::streamsize>(size)))
    fail(where, "external data: " + vitality::quoted(location) + " has fewer than " + std::to_string(offset + size) +
                    " bytes");
  return bytes;
}

void Reader::fill_real(const Type& proto, const Format& format, const std::string& bytes, Tensor& out) const {
  const std::size_t count = out.real.size();
  for (std::size_t i = 0; i < count; ++i) {
    const int index = static_cast<int>(i);
    if (!bytes.empty()) {
      out.real[i] = real_element(format.type, bytes.data() + i * static_cast<std::size_t>(format.bytes));
    } else if (format.type == Type::FLOAT) {
      out.real[i] = proto.float_data(index);
    } else if (format.type == Type::DOUBLE) {
      out.real[i] = proto.double_data(index);
    } else {
      const auto bits = static_cast<std::uint16_t>(proto.int32_data(index));
      out.real[i] = real_element(format.type, reinterpret_cast<const char*>(&bits));
    }
  }
  if (count != 1) return;
  if (format.type == Type::FLOAT) out.real[0] = known_constant(out.real[0], Rounded::kFloat32);
  if (format.type == Type::FLOAT16) out.real[0] = known_constant(out.real[0], Rounded::kFloat16);
  if (format.type == Type::BFLOAT16) out.real[0] = known_constant(out.real[0], Rounded::kBfloat16);
}

void Reader::fill_integer(const Type& proto, const Format& format, const std::string& bytes, Tensor& out) const {
  for (std::size_t i = 0; i < out.integer.size(); ++i) {
    const int index = static_cast<int>(i);
    if (!bytes.empty()) {
      out.integer[i] = integer_element(format.type, bytes.data() + i * static_cast<std::size_t>(format.bytes));
    } else {
      out.integer[i] = format.type == Type::INT64 ? proto.int64_data(index) : proto.int32_data(index);
    }
  }
}

Tensor Reader::decoded(const Type& proto, const Format& format, const std::string& where) {
  Tensor out;
  try {
    const Shape shape(proto.dims().begin(), proto.dims().end());
    out = format.real ? real_tensor(shape) : integer_tensor(shape);
  } catch (const NodeError& error) {
    fail(where, error.what());
  }
  stored_ += static_cast<std::int64_t>(out.size());
  if (stored_ > kMaxGraphElements) fail(where, "more than 2^30 elements in all tensors");
  const std::size_t size = out.size() * static_cast<std::size_t>(format.bytes);
  const bool external = proto.data_location() == Type::EXTERNAL;
  const std::string& bytes = external ? external_bytes(proto, size, where) : proto.raw_data();
  std::size_t listed = static_cast<std::size_t>(proto.int32_data_size());
  if (format.type == Type::FLOAT) listed = static_cast<std::size_t>(proto.float_data_size());
  if (format.type == Type::DOUBLE) listed = static_cast<std::size_t>(proto.double_data_size());
  if (format.type == Type::INT64) listed = static_cast<std::size_t>(proto.int64_data_size());
  if (bytes.empty() ? listed != out.size() : bytes.size() != size) {
    fail(where, "a tensor of shape " + to_string(out.shape) + " with " +
                    (bytes.empty() ? std::to_string(listed) + " elements" : std::to_string(bytes.size()) + " bytes") +
                    " of " + format.name + ", expected " + std::to_string(out.size()) + " elements");
  }
  format.real ? fill_real(proto, format, bytes, out) : fill_integer(proto, format, bytes, out);
  return out;
}

void Reader::check_finite(const Tensor& tensor, const std::string& where) const {
  for (std::size_t i = 0; i < tensor.real.size(); ++i) {
    if (std::isfinite(tensor.real[i])) continue;
    if (tensor.real[i] < 0 || (tensor.real.size() == 1 && !std::isnan(tensor.real[i])))
      continue;  // a mask may be -infinity
    fail(where, "element " + std::to_string(i) + " is " + (std::isnan(tensor.real[i]) ? "not a number" : "infinite"));
  }
}

TensorPtr Reader::tensor(const Type& proto, const std::string& where) {
  const Format* format = format_of(proto.data_type());
  if (format == nullptr || proto.has_segment())
    fail(where, "a tensor of type " + std::to_string(proto.data_type()) + ", expected float or integer elements");
  Tensor out = decoded(proto, *format, where);
  check_finite(out, where);
  const std::string name = format->name;
  auto& widened = graph_.widened;
  const bool remarkable = out.is_real && name != "float32" && name != "float64";
  if (remarkable && std::find(widened.begin(), widened.end(), name) == widened.end()) widened.push_back(name);
  return std::make_shared<const Tensor>(std::move(out));
}

Attribute Reader::attribute(const ::onnx::AttributeProto& proto, const std::string& where) {
  using Proto = ::onnx::AttributeProto;
  Attribute out;
  if (proto.has_f() || proto.type() == Proto::FLOAT) {
    out.type = Attribute::Type::kFloat;
    out.number = known_constant(proto.f(), Rounded::kFloat32);
  } else if (proto.has_s() || proto.type() == Proto::STRING) {
    out.type = Attribute::Type::kText;
    out.text = proto.s();
  } else if (proto.has_t()) {
    out.type = Attribute::Type::kTensor;
    out.tensor = tensor(proto.t(), where + " attribute " + vitality::quoted(proto.name()));
  } else if (proto.floats_size() > 0 || proto.type() == Proto::FLOATS) {
    out.type = Attribute::Type::kFloats;
    out.numbers.assign(proto.floats().begin(), proto.floats().end());
  } else if (proto.ints_size() > 0 || proto.type() == Proto::INTS) {
    out.type = Attribute::Type::kIntegers;
    out.integers.assign(proto.ints().begin(), proto.ints().end());
  } else if (proto.has_i() || proto.type() == Proto::INT) {
    out.type = Attribute::Type::kInteger;
    out.integer = proto.i();
  } else {
    out.type = Attribute::Type::kOther;
  }
  return out;
}

// Finds the image: the only input that is not an initialiser.
void Reader::read_input() {
  const ::onnx::ValueInfoProto* image = nullptr;
  for (const auto& input : model_.graph().input()) {
    if (value_of_.count(input.name()) > 0) continue;  // IR version 3 lists initialisers here too
    if (image != nullptr)
      fail("graph.input", "a second input, " + vitality::quoted(input.name()) + ", expected the image alone");
    image = &input;
  }
  if (image == nullptr) fail("graph.input", "no input, expected an image");
  const std::string where = "input " + vitality::quoted(image->name());
  const auto& type = image->type().tensor_type();
  if (!image->type().has_tensor_type() || type.shape().dim_size() != 4)
    fail(where, "expected an image of 4 dimensions (batch, channels, height, width)");
  Shape shape{1};
  for (int i = 1; i < 4; ++i) {
    const std::int64_t size = type.shape().dim(i).dim_value();
    if (size < 1 || size > 4096)
      fail(where,
           "dimension " + std::to_string(i) + " has no fixed size from 1 to 4096: export with a fixed image size");
    shape.push_back(size);
  }
  if (type.shape().dim(0).dim_value() > 1) {
    fail(where,
         "a batch of " + std::to_string(type.shape().dim(0).dim_value()) + " images, expected 1 or a free batch");
  }
  graph_.input_shape = shape;
  graph_.channels_last = shape[1] > 4 && shape[3] <= 4;
  graph_.input = define(image->name(), where);
}

void Reader::read_node(const ::onnx::NodeProto& proto, std::size_t index) {
  Node node;
  node.op = proto.op_type();
  node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
  node.opset = graph_.opset;
  if (!proto.name().empty()) {
    node.name = proto.name();
  } else {
    node.name = proto.output_size() > 0 ? proto.output(0) : "#" + std::to_string(index);
  }
  const std::string where = label_of(node);
  for (const std::string& name : proto.input()) {
    if (name.empty()) {
      node.inputs.push_back(kNoValue);
      continue;
    }
    const auto found = value_of_.find(name);
    if (found == value_of_.end())
      fail(where,
           "reads " + vitality::quoted(name) + ", which neither an earlier node nor an input or initialiser gives");
    node.inputs.push_back(found->second);
  }
  for (const auto& entry : proto.attribute()) {
    if (!node.attributes.emplace(entry.name(), attribute(entry, where)).second)
      fail(where, "attribute " + vitality::quoted(entry.name()) + " is there twice");
  }
  for (const std::string& name : proto.output()) node.outputs.push_back(name.empty() ? kNoValue : define(name, where));
  graph_.quantised = graph_.quantised || node.op == "QuantizeLinear" || node.op == "DequantizeLinear";
  graph_.nodes.push_back(std::move(node));
}

void Reader::read_output() {
  const int count = model_.graph().output_size();
  if (count != 1) {
    std::string names;
    for (int i = 0; i < std::min(count, 4); ++i)
      names += (i > 0 ? ", " : ": ") + vitality::quoted(model_.graph().output(i).name());
    fail("graph.output", std::to_string(count) + " outputs" + names + (count > 4 ? ", and more" : "") +
                             ", expected the logits alone (of a distilled model the mean of both heads, as in "
                             "evaluation)");
  }
  const auto found = value_of_.find(model_.graph().output(0).name());
  if (found == value_of_.end())
    fail("graph.output", "no node makes the output " + vitality::quoted(model_.graph().output(0).name()));
  graph_.output = found->second;
}

Graph Reader::read() {
  if (!model_.has_graph() || model_.graph().node_size() == 0)
    fail("", "is no ONNX model: it holds no graph with nodes");
  read_opset();
  if (model_.functions_size() > 0) fail("functions", "functions of the model's own are not known");
  if (model_.graph().sparse_initializer_size() > 0) fail("graph.sparse_initializer", "sparse weights are not known");
  if (static_cast<std::size_t>(model_.graph().node_size()) > kMaxNodes)
    fail("graph", std::to_string(model_.graph().node_size()) + " nodes, expected at most 100000");
  for (const auto& proto : model_.graph().initializer()) {
    const std::string where = "initializer " + vitality::quoted(name_or(proto.name(), "(without a name)"));
    const int value = define(proto.name(), where);
    graph_.constants[value] = tensor(proto, where);
  }
  read_input();
  for (int i = 0; i < model_.graph().node_size(); ++i) read_node(model_.graph().node(i), static_cast<std::size_t>(i));
  read_output();
  write_out_fused_operators(graph_);
  return std::move(graph_);
}

}  // namespace

Graph parse_onnx(const std::string& bytes, const std::string& path) {
  GOOGLE_PROTOBUF_VERIFY_VERSION;
  if (bytes.empty()) throw InputError(path, "", "is empty, expected an ONNX model");
  google::protobuf::LogSilencer silence;
  google::protobuf::ArenaOptions options;
  options.block_alloc = take_block;
  options.block_dealloc = give_block;
  arena_left = (std::size_t{64} << 20) + 8 * bytes.size();
  google::protobuf::Arena arena(options);
  auto* model = google::protobuf::Arena::CreateMessage<::onnx::ModelProto>(&arena);
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetRecursionLimit(32);
  bool parsed = false;
  try {
    parsed = model->ParseFromCodedStream(&coded) && coded.ConsumedEntireMessage();
  } catch (const std::bad_alloc&) {
    throw InputError(path, "", "its messages take more than 8 times the file's size: no model does");
  }
  if (!parsed) throw InputError(path, "", "is no ONNX model: not a protobuf message of that kind, or cut off");
  return Reader(*model, path).read();
}

Graph read_onnx(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error && size > kMaxFileBytes)
    throw InputError(path, "", "is larger than 2 GiB: keep the weights as external data");
  note_input(path);
  return parse_onnx(read_text_file(path, kMaxFileBytes), path);
}

}  // namespace vitality::importing
