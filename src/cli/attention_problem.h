// What both forms of `vitality attention` share: reading the problem from its .npy files and options, and writing
// arrays.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "cli/options.h"
#include "config/hardware_config.h"
#include "reference/sparse_attention.h"
#include "tensor/matrix.h"
#include "tensor/npy.h"
#include "tensor/precision.h"

namespace vitality::cli {

struct AttentionProblem {
  AttentionKind kind = AttentionKind::kTaylor;
  PredictorOptions predictor;
  Precision precision = Precision::kFp64;
  NpyArray q, k, v;
  bool has_heads_axis = false;  // (heads, n, d), not (n, d)
  int heads = 1, m = 0, n = 0, d = 0, e = 0;
};

// Whether the kind's result depends on a mask that --mask-out can write.
bool has_mask(AttentionKind kind);
// The kinds that a problem can have: all except "auto".
AttentionKind parse_attention_kind(const boost::program_options::variables_map& values);
// Throws InputError if the shapes of the arrays do not match.
AttentionProblem read_attention_problem(const boost::program_options::variables_map& values);
MatrixD head_of(const NpyArray& array, int head);

// An array that will be written: the values of all heads, one after the other.
class HeadsOutput {
 public:
  HeadsOutput(const AttentionProblem& p, int rows, int cols, NpyType type);
  template <class T>
  void append(const Matrix<T>& head) {
    values_.insert(values_.end(), head.data(), head.data() + head.size());
  }
  // Throws InputError when a value is not finite.
  void check_finite(const char* name) const;
  void write(std::FILE* stream) const { write_npy(stream, shape_, values_, type_); }

 private:
  NpyShape shape_;
  NpyType type_;
  std::vector<double> values_;
};

// `--simulate`: runs the problem through the SystemC machine; returns the exit code.
int simulate_attention(const AttentionProblem& problem, const boost::program_options::variables_map& values);

}  // namespace vitality::cli
