// The number that a rounded constant stands for. A graph in float32 holds 1.41421354 where the model says sqrt 2; taken
// at its word, its logits differ from the model's (and from any exact layer's) by 1e-8.
#pragma once

namespace vitality::importing {

enum class Rounded { kFloat16, kBfloat16, kFloat32 };

// A decimal of a few digits, a square root, a fourth root or a reciprocal of an integer, sqrt(2 / pi) or 1 / its
// reciprocal, where this type rounds it to `value`; else `value` itself.
double known_constant(double value, Rounded type);

double half_value(unsigned short bits);  // of a float16

}  // namespace vitality::importing
