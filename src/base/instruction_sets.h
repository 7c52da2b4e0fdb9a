// Small helpers of loops that are compiled once per instruction set (base/vectorised.h): inlined into them.
//
// A helper that is not inlined would run in the version that fits every CPU. This file is separate from
// base/vectorised.h because nearly every file includes the number formats, and they need only this macro.
#pragma once

#define VITALITY_INLINE [[gnu::always_inline]] inline
