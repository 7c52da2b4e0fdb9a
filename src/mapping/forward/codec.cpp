#include "mapping/forward/codec.h"

#include <algorithm>
#include <cmath>

namespace vitality {
namespace {

// Columns of a layer's output that only attention reads, as Q or K. Empty if there are none.
HeadCode code_of(const MappingContext& context, int layer_index) {
  HeadCode code;
  const auto cols = static_cast<std::size_t>(output_shape(context.layer(layer_index)).cols);
  for (const Layer& user : context.model.layers) {
    if (std::count(user.inputs.begin(), user.inputs.end(), layer_index) == 0) continue;
    const auto* a = std::get_if<Attention>(&user.parameters);
    if (a == nullptr || code.heads != 0) return {};
    code.heads = a->heads;
    code.coded_heads =
        std::clamp(static_cast<int>(std::lround(a->heads * context.config.sparse_unit.encoded_share)), 1, a->heads);
    code.columns.assign(cols, false);
    const auto mark = [&](const HeadColumns& from, int depth, bool value) {
      if (user.inputs[static_cast<std::size_t>(from.input)] != layer_index) return;
      for (int head = 0; head < a->heads; ++head)
        for (int c = 0; c < depth; ++c)
          code.columns[static_cast<std::size_t>(from.offset + head * from.head_stride + c)] = value;
    };
    mark(a->q, a->d_qk, true);
    mark(a->k, a->d_qk, true);
    mark(a->v, a->d_v, false);
  }
  return code;
}

int coded_columns(const HeadCode& code, const Transfer& t) {
  if (code.columns.empty()) return 0;
  const auto first = code.columns.begin() + t.col;
  return static_cast<int>(std::count(first, first + t.cols, true));
}

void shrink(const HeadCode& code, int columns, Transfer& t) {
  const Bytes whole = t.bytes / t.cols * columns;
  t.bytes -= whole - ceil_div(whole * code.coded_heads, code.heads);
}

// More than 6 parameters: a job's kind, shape and operands.
void emit(MappingContext& context, int layer, OperatorId op, const HeadCode& code, const Transfer& t, int columns,
          int flags) {
  ScheduleBuilder& builder = context.builder;
  Job& job = builder.begin(UnitKind::kMatrixEngine, JobKind::kCode, layer, op);
  job.m = t.rows, job.k = code.coded_heads, job.n = columns;
  job.detail = CodedHeads{code.heads};
  job.flags = static_cast<std::uint16_t>(flags);
  job.streamed = job.result = t.buffer;
  job.streamed_stride = job.result_stride = t.buffer_stride;
  builder.read(t.buffer);
  builder.write(t.buffer);
  builder.finish();
}

}  // namespace

void encode(MappingContext& context, int output_layer, int layer, OperatorId op, Transfer& store) {
  if (!traits(context.config.machine).encodes_heads || context.config.sparse_unit.encoded_share >= 1) return;
  const auto known = context.head_codes.try_emplace(output_layer);
  HeadCode& code = known.first->second;
  if (known.second) code = code_of(context, output_layer);
  const int columns = coded_columns(code, store);
  if (columns == 0) return;
  emit(context, layer, op, code, store, columns, kFirst);
  shrink(code, columns, store);
}

bool coded(const MappingContext& context, int source_layer, Transfer& load) {
  const auto known = context.head_codes.find(source_layer);
  if (known == context.head_codes.end() || coded_columns(known->second, load) != load.cols) return false;
  shrink(known->second, load.cols, load);
  return true;
}

void decode(MappingContext& context, int layer, OperatorId op, const Transfer& load) {
  const ScheduledTensor& tensor = context.builder.schedule().tensors[load.tensor];
  emit(context, layer, op, context.head_codes.at(tensor.layer), load, load.cols, 0);
}

}  // namespace vitality
