// ViTCoD's encoder and decoder: Q and K are stored in memory as fewer, encoded heads (sparse_unit.encoded_share of
// them). The matrix engine encodes the result tiles of the layers that produce them, before they leave, and decodes
// what attention loads. Only time, bytes and energy: the loss of the trained autoencoder is not modelled, values pass
// unchanged (the report says so).
//
// With each head, its share of the encoded bytes is loaded: all heads together load the encoded tensor once. Internal
// to the mapping room.
#pragma once

#include "mapping/forward/layer_mapper.h"

namespace vitality {

// Before a layer's result tile goes to memory: emits the encoding of its Q and K columns and shrinks the transfer.
void encode(MappingContext& context, int output_layer, int layer, OperatorId op, Transfer& store);
// For a tile of Q or K that attention loads: shrinks the transfer; returns whether the tile must be decoded after the
// load.
bool coded(const MappingContext& context, int source_layer, Transfer& load);
void decode(MappingContext& context, int layer, OperatorId op, const Transfer& load);

}  // namespace vitality
