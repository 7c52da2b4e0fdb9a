// The number that a rounded constant stands for. A float32 graph holds 1.41421354 where the model means sqrt 2; used as
// it is, this would change the logits by 1e-8 relative to the model's (and to those of any exact layer).
#pragma once

namespace vitality::importing {

enum class Rounded { kFloat16, kBfloat16, kFloat32 };

// The exact number, if `type` rounds it to `value`: a decimal of a few digits; a square root, fourth root or reciprocal
// of an integer; sqrt(2 / pi) or its reciprocal. Otherwise `value` itself.
double known_constant(double value, Rounded type);

double half_value(unsigned short bits);  // of a float16

}  // namespace vitality::importing
