// The scratchpad: one memory of elements with ports of N elements a cycle. Reads are combinational (the feeder of a unit
// has asked a cycle ahead), writes take the edge that a stream takes over the NoC. DMA brings 16 elements a cycle.
module scratchpad
  import head_pkg::*;
#(
    parameter int R = 4,
    parameter int C = 4,
    parameter int DIAGONAL = 4,
    parameter int L = 4
) (
    input  logic     clk,
    input  logic     dma_write,
    input  address_t dma_address,
    input  code_t    dma_data     [16],
    output code_t    dma_result   [16],
    // SA-General
    input  address_t ga[C], gb[R], gs[C],
    output wide_t    gad[C], gbd[R], gsd[C],
    input  logic     gsw[C],
    input  wide_t    gsr[C],
    // SA-Diag
    input  address_t da[1], db[DIAGONAL], ds[1], dv[DIAGONAL], dp[DIAGONAL],
    output wide_t    dad[1], dbd[DIAGONAL], dsd[1], dvd[DIAGONAL],
    input  logic     dsw[1], dpw[DIAGONAL],
    input  wide_t    dsr[1], dpr[DIAGONAL],
    // accumulators, dividers, adders: operands, then the second operand or the sums, then results
    input  address_t ca[L], cs[L], cr[L], va[L], vs[1], vr[L], aa[L], as[L], ar[L],
    output wide_t    cad[L], csd[L], vad[L], vsd[1], aad[L], asd[L],
    input  logic     crw[L], vrw[L], arw[L],
    input  wide_t    crr[L], vrr[L], arr[L]
);
  wide_t memory[1<<$bits(address_t)];


  always_comb for (int i = 0; i < C; i++) gad[i] = memory[ga[i]];
  always_comb for (int i = 0; i < R; i++) gbd[i] = memory[gb[i]];
  always_comb for (int i = 0; i < C; i++) gsd[i] = memory[gs[i]];
  always_comb dad[0] = memory[da[0]];
  always_comb for (int i = 0; i < DIAGONAL; i++) dbd[i] = memory[db[i]];
  always_comb dsd[0] = memory[ds[0]];
  always_comb for (int i = 0; i < DIAGONAL; i++) dvd[i] = memory[dv[i]];
  always_comb for (int i = 0; i < L; i++) cad[i] = memory[ca[i]];
  always_comb for (int i = 0; i < L; i++) csd[i] = memory[cs[i]];
  always_comb for (int i = 0; i < L; i++) vad[i] = memory[va[i]];
  always_comb vsd[0] = memory[vs[0]];
  always_comb for (int i = 0; i < L; i++) aad[i] = memory[aa[i]];
  always_comb for (int i = 0; i < L; i++) asd[i] = memory[as[i]];
  always_comb for (int i = 0; i < 16; i++) dma_result[i] = memory[dma_address+address_t'(i)][16:0];

  for (genvar i = 0; i < 16; i++) begin : g_dma
    always_ff @(posedge clk) if (dma_write) memory[dma_address+address_t'(i)] <= wide_t'(dma_data[i]);
  end
  for (genvar i = 0; i < C; i++) begin : g_general
    always_ff @(posedge clk) if (gsw[i]) memory[gs[i]] <= gsr[i];
  end
  always_ff @(posedge clk) if (dsw[0]) memory[ds[0]] <= dsr[0];
  for (genvar i = 0; i < DIAGONAL; i++) begin : g_diagonal
    always_ff @(posedge clk) if (dpw[i]) memory[dp[i]] <= dpr[i];
  end
  for (genvar i = 0; i < L; i++) begin : g_lanes
    always_ff @(posedge clk) if (crw[i]) memory[cr[i]] <= crr[i];
    always_ff @(posedge clk) if (vrw[i]) memory[vr[i]] <= vrr[i];
    always_ff @(posedge clk) if (arw[i]) memory[ar[i]] <= arr[i];
  end
endmodule
