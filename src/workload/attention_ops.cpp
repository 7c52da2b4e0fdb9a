#include "workload/attention_ops.h"

namespace vitality {
namespace {

OperationCounts times(OperationCounts one, const Attention& attention) {
  const Count problems = Count{attention.heads} * attention.instances;
  one.mul *= problems;
  one.add *= problems;
  one.div *= problems;
  one.exp *= problems;
  one.cmp *= problems;
  return one;
}

}  // namespace

OperationCounts& OperationCounts::operator+=(const OperationCounts& other) {
  mul += other.mul;
  add += other.add;
  div += other.div;
  exp += other.exp;
  cmp += other.cmp;
  return *this;
}

OperationCounts vanilla_attention_operations(const Attention& attention) {
  const Count m = attention.n_q, n = attention.n_kv, d = attention.d_qk, e = attention.d_v;
  OperationCounts one;
  one.mul = m * n * (d + e + 1);
  one.add = m * n * (d + e + 1) - m * (1 + e);
  one.div = m * n;
  one.exp = m * n;
  one.cmp = m * (n - 1);
  return times(one, attention);
}

OperationCounts taylor_attention_operations(const Attention& attention) {
  const Count m = attention.n_q, n = attention.n_kv, d = attention.d_qk, e = attention.d_v;
  OperationCounts one;
  one.mul = (n + m) * d * e + m * d + e;
  one.add = (n + m - 1) * d * e + (3 * n - 2 + m) * d + (n - 1) * e;
  one.div = d + m * e;
  return times(one, attention);
}

OperationCounts taylor_elided_attention_operations(const Attention& attention) {
  const Count m = attention.n_q, n = attention.n_kv, d = attention.d_qk, e = attention.d_v;
  OperationCounts one;
  one.mul = (n + m + 1) * d * e;
  one.add = (n + m - 1) * d * e + (2 * n - 1) * d + (n - 1) * e;
  one.div = d + e;
  return times(one, attention);
}

OperationCounts relu_linear_attention_operations(const Attention& attention) {
  const Count m = attention.n_q, n = attention.n_kv, d = attention.d_qk, e = attention.d_v;
  OperationCounts one;
  one.mul = (n + m) * d * e + m * d;
  one.add = (n - 1) * d * (e + 1) + m * (d - 1) * (e + 1) + (attention.epsilon != 0 ? m : 0);
  one.div = m * e;
  one.cmp = (m + n) * d;
  return times(one, attention);
}

}  // namespace vitality
