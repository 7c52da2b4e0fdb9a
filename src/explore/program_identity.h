// The program whose results a store holds: its version and the SHA-256 of the sources that decide them (written by
// src/explore/fingerprint.cmake). Part of every point's key, so that a store never mixes results of two programs.
#pragma once

namespace vitality {

extern const char* const kProgramIdentity;

}  // namespace vitality
