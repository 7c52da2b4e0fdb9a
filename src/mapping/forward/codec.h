// ViTCoD's encoder and decoder: Q and K lie in memory as fewer, encoded heads (sparse_unit.encoded_share of them). The
// matrix engine encodes the result tiles of the layers that make them, on the way out, and decodes what attention
// loads. Time, bytes and energy only: the trained autoencoder's loss is not modelled, values pass unchanged (the report
// says so).
//
// A head's encoded share of the bytes is loaded with the head: all heads together load the encoded tensor once.
// Internal to the mapping room.
#pragma once

#include "mapping/forward/layer_mapper.h"

namespace vitality {

// Before a layer's result tile goes to memory: emits the encoding of its Q and K columns and shrinks the transfer.
void encode(MappingContext& context, int output_layer, int layer, OperatorId op, Transfer& store);
// For a tile of Q or K that attention loads: shrinks the transfer; returns whether it has to be decoded behind it.
bool coded(const MappingContext& context, int source_layer, Transfer& load);
void decode(MappingContext& context, int layer, OperatorId op, const Transfer& load);

}  // namespace vitality
