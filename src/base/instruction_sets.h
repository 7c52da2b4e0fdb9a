// Small helpers of loops that are compiled once per instruction set (base/vectorised.h): inlined into them.
//
// A helper that is not inlined runs in the version for every CPU. This
// stands apart from base/vectorised.h because number formats,
// which nearly every file includes, need no more than this one
// word.
#pragma once

#define VITALITY_INLINE [[gnu::always_inline]] inline
