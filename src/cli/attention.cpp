// `vitality attention`: attention problems from .npy files. Computes values (forward, and gradients with --backward),
// or runs the problem on a simulated machine (attention_simulate.cpp).
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/attention_problem.h"
#include "config/hardware_config.h"
#include "reference/attention.h"
#include "reference/attention_head.h"
#include "reference/quantizer.h"
#include "reference/sparse_attention.h"
#include "tensor/npy.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

struct HeadInputs {
  MatrixD q, k, v;
};

struct HeadResult {
  MatrixD z;
  Mask mask;  // of kinds that have one
};

Mask above(const MatrixD& p) {
  Mask mask(p.rows(), p.cols());
  for (std::size_t i = 0; i < p.size(); ++i) mask.data()[i] = p.data()[i] > 0;
  return mask;
}

reference::AttentionHead head_of_problem(const AttentionProblem& p, const HeadInputs& in) {
  reference::AttentionHead head{in.q, in.k, in.v};
  head.released_threshold = p.predictor.threshold;
  head.mask = [&] { return predict_mask(in.q, in.k, p.predictor); };
  return head;
}

HeadResult reference_head(const AttentionProblem& p, const HeadInputs& in) {
  HeadResult result;
  reference::AttentionHead head = head_of_problem(p, in);
  if (traits(p.kind).uses_mask) {
    result.mask = head.mask();
    head.mask = [&] { return result.mask; };
  } else if (has_mask(p.kind)) {
    result.mask = above(taylor_released_attention(in.q, in.k, in.v, p.predictor.threshold).sparse_map);
  }
  result.z = reference::attention_head(p.kind, head);
  return result;
}

// The same in the declared format; the predictor sees Q and K as the datapath reads them.
HeadResult datapath_head(const AttentionProblem& p, const HeadInputs& in) {
  const auto rounded = [&](const MatrixD& x) { return round_to_format(p.precision, x); };
  const auto predicted = [&] { return predict_mask(rounded(in.q), rounded(in.k), p.predictor); };
  switch (p.kind) {
    case AttentionKind::kSoftmax:
      return {datapath_softmax(p.precision, in.q, in.k, in.v, nullptr), {}};
    case AttentionKind::kTaylor:
    case AttentionKind::kTaylorElided:
      return {datapath_taylor(p.precision, in.q, in.k, in.v, p.kind), {}};
    case AttentionKind::kReluLinear:
      return {datapath_relu_linear(p.precision, in.q, in.k, in.v), {}};
    case AttentionKind::kTaylorReleased: {
      const MatrixD map =
          taylor_released_attention(rounded(in.q), rounded(in.k), in.v, p.predictor.threshold).sparse_map;
      return {datapath_released(p.precision, in.q, in.k, in.v, map), above(map)};
    }
    case AttentionKind::kSparse: {
      const Mask mask = predicted();
      return {datapath_softmax(p.precision, in.q, in.k, in.v, &mask), mask};
    }
    case AttentionKind::kUnified:
    case AttentionKind::kUnifiedAdditive: {
      const Mask mask = predicted();
      return {datapath_unified(p.precision, in.q, in.k, in.v, mask, p.kind), mask};
    }
    case AttentionKind::kAuto:
      break;
  }
  throw std::invalid_argument("no head has this kind of attention");
}

// Counts over all heads, for the summary on stdout.
struct MaskSummary {
  Count kept = 0, fallback = 0, entries = 0, fallback_rows = 0, sub_rows = 0, unlike_fp64 = 0;
  void add(const Mask& mask, const Mask& exact) {
    for (std::size_t i = 0; i < mask.size(); ++i) unlike_fp64 += mask.data()[i] != exact.data()[i];
    kept += kept_entries(mask);
    entries += static_cast<Count>(mask.size());
    fallback_rows += empty_rows(mask);
    fallback += empty_rows(mask) * Count{mask.cols()};
    sub_rows += pack_and_split(mask).sub_rows;
  }
  void print(AttentionKind kind) const {
    const Count executed = kept + (kind == AttentionKind::kSparse ? fallback : 0);
    std::printf("mask: density %.6f (%lld of %lld entries",
                static_cast<double>(executed) / static_cast<double>(entries), static_cast<long long>(executed),
                static_cast<long long>(entries));
    if (executed != kept) std::printf(", %lld kept", static_cast<long long>(kept));
    std::printf("), %lld rows without an entry%s", static_cast<long long>(fallback_rows),
                kind == AttentionKind::kSparse ? " (dense softmax instead)" : "");
    if (sub_rows > 0)
      std::printf(", pack and split utilization %.4f",
                  static_cast<double>(kept) / static_cast<double>(sub_rows * kSangerSubRowSlots));
    if (unlike_fp64 > 0) std::printf(", %lld entries unlike fp64's mask", static_cast<long long>(unlike_fp64));
    std::printf("\n");
  }
};

void forward(const AttentionProblem& p, const po::variables_map& values) {
  const std::string out = required(values, "out");
  HeadsOutput z(p, p.m, p.e, NpyType::kFloat64), masks(p, p.m, p.n, NpyType::kUint8);
  MaskSummary summary;
  double worst = 0, top = 0;
  for (int head = 0; head < p.heads; ++head) {
    const HeadInputs in{head_of(p.q, head), head_of(p.k, head), head_of(p.v, head)};
    const HeadResult exact = reference_head(p, in);
    const HeadResult result = p.precision == Precision::kFp64 ? exact : datapath_head(p, in);
    z.append(result.z);
    for (std::size_t i = 0; i < result.z.size(); ++i) {
      worst = std::max(worst, std::fabs(result.z.data()[i] - exact.z.data()[i]));
      top = std::max(top, std::fabs(exact.z.data()[i]));
    }
    if (result.mask.empty()) continue;
    summary.add(result.mask, exact.mask);
    masks.append(result.mask);
  }
  z.check_finite("the result");
  OutputSet files;
  z.write(files.add(out));
  if (values.count("mask-out")) masks.write(files.add(values["mask-out"].as<std::string>()));
  files.commit();
  std::printf("%s attention in %s: heads %d, queries %d, keys %d, d %d, e %d\n", to_string(p.kind),
              to_string(p.precision), p.heads, p.m, p.n, p.d, p.e);
  if (has_mask(p.kind)) summary.print(p.kind);
  if (p.precision != Precision::kFp64)
    std::printf("against fp64: max_abs_error %.3e, max_rel_error %.3e (of the largest value)\n", worst,
                top > 0 ? worst / top : 0);
}

NpyArray read_output_gradient(const AttentionProblem& p, const std::string& file) {
  NpyArray dz = read_npy(file);
  NpyShape expected = {p.m, p.e};
  if (p.has_heads_axis) expected.insert(expected.begin(), p.heads);
  if (dz.shape != expected)
    throw InputError(file, "", "array of shape " + to_string(dz.shape) + ", expected " + to_string(expected));
  return dz;
}

AttentionGradients backward_head(const AttentionProblem& p, const HeadInputs& in, const MatrixD& dz) {
  return reference::attention_head_backward(p.kind, head_of_problem(p, in), dz);
}

void backward(const AttentionProblem& p, const po::variables_map& values) {
  if (p.precision != Precision::kFp64) throw InputError("", "", "option --backward: expected --precision fp64");
  const std::string dq_out = required(values, "dq-out"), dk_out = required(values, "dk-out"),
                    dv_out = required(values, "dv-out");
  const NpyArray dz = read_output_gradient(p, required(values, "dz"));
  HeadsOutput z(p, p.m, p.e, NpyType::kFloat64), dq(p, p.m, p.d, NpyType::kFloat64), dk(p, p.n, p.d, NpyType::kFloat64),
      dv(p, p.n, p.e, NpyType::kFloat64);
  for (int head = 0; head < p.heads; ++head) {
    const HeadInputs in{head_of(p.q, head), head_of(p.k, head), head_of(p.v, head)};
    const AttentionGradients gradients = backward_head(p, in, head_of(dz, head));
    if (values.count("out")) z.append(reference_head(p, in).z);
    dq.append(gradients.q);
    dk.append(gradients.k);
    dv.append(gradients.v);
  }
  for (const HeadsOutput* output : {&z, &dq, &dk, &dv}) output->check_finite("the result");
  OutputSet files;
  dq.write(files.add(dq_out));
  dk.write(files.add(dk_out));
  dv.write(files.add(dv_out));
  if (values.count("out")) z.write(files.add(values["out"].as<std::string>()));
  files.commit();
}

}  // namespace

int attention_command(const Arguments& arguments) {
  po::options_description options("options");
  const auto text = [] { return po::value<std::string>(); };
  // clang-format off
  options.add_options()
      ("q", text(), "queries: .npy, float32 or float64, (m, d) or (heads, m, d)")
      ("k", text(), "keys: (n, d) or (heads, n, d)")
      ("v", text(), "values: (n, e) or (heads, n, e)")
      ("kind", text(), "softmax, taylor, taylor_elided, taylor_released, sparse, unified, unified_additive or relu_linear")
      ("out", text(), "the result, float64")
      ("precision", text()->default_value("fp64"), "fp64, fp32, fp16, int16 or int8")
      ("threshold", number_option(0.02), "an entry is kept where its predicted probability is greater")
      ("predictor-bits", po::value<std::int64_t>()->default_value(4), "width of the predictor's quantiser")
      ("normalize-qk", text()->default_value("on"), "on or off: rows of Q and K have norm 1 before they are quantised")
      ("mask-out", text(), "writes the mask: uint8, 0 or 1")
      ("backward", po::bool_switch(), "gradients for the given --dz; --out may then be left out")
      ("dz", text(), "gradient of the result, in the result's shape")
      ("dq-out", text(), "gradient of the queries, float64")
      ("dk-out", text(), "gradient of the keys")
      ("dv-out", text(), "gradient of the values")
      ("simulate", po::bool_switch(), "the problem on the SystemC machine of --config: --out is the machine's result")
      ("config", text(), "the machine; its precision holds unless --precision is given")
      ("set", po::value<std::vector<std::string>>()->composing(), "dotted.key=value: another config value (repeatable)")
      ("result", text(), "writes the simulation's result JSON here and not to stdout");
  // clang-format on
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality attention --q Q.npy --k K.npy --v V.npy --kind KIND --out Z.npy [OPTIONS]\n\n"
          "Attention problems from .npy files: values, gradients (--backward), or cycles, energy and the machine's "
          "values\n"
          "from one simulation (--simulate; exit code 3 when they are outside tolerance of the double reference).",
          options, "", values)) {
    return kDone;
  }
  const AttentionKind kind = parse_attention_kind(values);
  if (values.count("mask-out") && !has_mask(kind)) {
    throw InputError("", "", "option --mask-out: this kind of attention has no mask");
  }
  const bool simulate = values["simulate"].as<bool>();
  for (const char* name : {"config", "set", "result"})
    if (values.count(name) && !simulate)
      throw InputError("", "", std::string("option --") + name + " needs --simulate");
  if (values["backward"].as<bool>()) {
    if (simulate) throw InputError("", "", "option --simulate does not go with --backward");
    if (values.count("mask-out")) throw InputError("", "", "option --mask-out does not go with --backward");
    backward(read_attention_problem(values), values);
    return kDone;
  }
  for (const char* name : {"dz", "dq-out", "dk-out", "dv-out"})
    if (values.count(name)) throw InputError("", "", std::string("option --") + name + " needs --backward");
  required(values, "out");
  if (simulate) return simulate_attention(read_attention_problem(values), values);
  forward(read_attention_problem(values), values);
  return kDone;
}

}  // namespace vitality::cli
