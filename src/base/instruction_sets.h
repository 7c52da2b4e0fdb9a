// Loops over arrays, compiled once per instruction set and chosen when the program starts.
//
// VITALITY_VECTORS in front of a function's definition. All versions give the same bits: the project is compiled
// without fused multiply-adds, and what a loop adds up it adds in the stated order. Small helpers that such a function
// calls must be inlined into it (VITALITY_INLINE), else they run in the version for every CPU.
#pragma once

#define VITALITY_VECTORS [[gnu::target_clones("arch=x86-64-v4", "avx2", "default")]]
#define VITALITY_INLINE [[gnu::always_inline]] inline
