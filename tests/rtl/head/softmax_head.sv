// Softmax attention, head by head, on the array of attention_head.sv and the lanes of the special functions. Ports as
// there.
module softmax_head
  import head_pkg::*;
#(
    parameter int R = 4,
    parameter int C = 4,
    parameter int L = 4  // lanes of the special functions, of which the host may use fewer
) (
    input  logic        clk,
    input  logic        reset,
    // registers
    input  logic [ 3:0] heads,
    input  logic [ 8:0] keys,
    input  logic [ 8:0] queries,
    input  logic [ 8:0] depth,
    input  logic [ 8:0] value_depth,
    input  logic [ 8:0] query_chunk,
    input  logic [ 1:0] key_sets,
    input  logic [ 1:0] value_sets,
    input  logic [ 1:0] query_sets,
    input  logic [ 1:0] tile_sets,
    input  logic        serial,
    input  logic [ 6:0] special_lanes,
    input  logic [14:0] limit,
    input  logic [52:0] mantissa         [2],   // result, scores
    input  logic [ 6:0] shift            [2],
    input  real         score_scale,
    input  real         probability_unit,
    // DMA
    input  logic        dma_write,
    input  logic [18:0] dma_address,
    input  logic [16:0] dma_data         [16],
    output logic [16:0] dma_result       [16],
    // trace: SA-General, special functions
    output logic        trace_start      [2],
    output logic [ 3:0] trace_op         [2],
    output logic        trace_released   [2],
    output logic        trace_leaves     [2],
    output logic        trace_done       [2],
    output logic [ 3:0] trace_done_op    [2],
    output logic        finished
);
  setup_t setup;
  always_comb begin
    setup = '0;
    setup.heads = heads;
    setup.keys = keys;
    setup.queries = queries;
    setup.depth = depth;
    setup.value_depth = value_depth;
    setup.query_chunk = query_chunk;
    setup.key_sets = key_sets;
    setup.value_sets = value_sets;
    setup.query_sets = query_sets;
    setup.tile_sets = tile_sets;
    setup.serial = serial;
    setup.special_lanes = special_lanes;
    setup.limit = limit;
    setup.context_factor = {mantissa[0], shift[0]};
    setup.query_factor = {mantissa[1], shift[1]};
  end

  job_t array_job, special_job;
  op_t running, array_done_op;
  logic array_start, array_idle, array_released, array_leaves, array_done;
  logic special_start, special_idle, special_released, special_done;
  always_comb begin
    trace_start[0] = array_start;
    trace_op[0] = array_job.op;
    trace_released[0] = array_released;
    trace_leaves[0] = array_leaves;
    trace_done[0] = array_done;
    trace_done_op[0] = array_done_op;
    trace_start[1] = special_start;
    trace_op[1] = SOFTMAX;
    trace_released[1] = special_released;
    trace_leaves[1] = special_released;
    trace_done[1] = special_done;
    trace_done_op[1] = SOFTMAX;
  end
  softmax_controller #(
      .R(R),
      .C(C)
  ) u_controller (
      .array_running(running),
      .*
  );

  address_t ga[C], gb[R], gs[C], as[L], ar[L];
  wide_t gad[C], gbd[R], gsd[C], gsr[C], asd[L], arr[L];
  logic gsw[C], arw[L];
  code_t dma_codes[16], dma_read[16];
  always_comb begin
    for (int i = 0; i < 16; i++) begin
      dma_codes[i]  = dma_data[i];
      dma_result[i] = dma_read[i];
    end
  end
  // The other units' ports are not used.
  address_t no_address[1], no_addresses[L];
  logic never[1], never_any[L];
  wide_t nothing[1], nothings[L];
  always_comb begin
    no_address[0] = 0;
    never[0] = 0;
    nothing[0] = 0;
    for (int l = 0; l < L; l++) begin
      no_addresses[l] = 0;
      never_any[l] = 0;
      nothings[l] = 0;
    end
  end
  /* verilator lint_off PINCONNECTEMPTY */
  scratchpad #(
      .R(R),
      .C(C),
      .DIAGONAL(1),
      .L(L)
  ) u_scratchpad (
      .clk,
      .dma_write,
      .dma_address,
      .dma_data(dma_codes),
      .dma_result(dma_read),
      .ga,
      .gb,
      .gs,
      .gad,
      .gbd,
      .gsd,
      .gsw,
      .gsr,
      .da(no_address),
      .db(no_address),
      .ds(no_address),
      .dv(no_address),
      .dp(no_address),
      .dad(),
      .dbd(),
      .dsd(),
      .dvd(),
      .dsw(never),
      .dpw(never),
      .dsr(nothing),
      .dpr(nothing),
      .ca(no_addresses),
      .cs(no_addresses),
      .cr(no_addresses),
      .va(no_addresses),
      .vs(no_address),
      .vr(no_addresses),
      .aa(no_addresses),
      .as,
      .ar,
      .cad(),
      .csd(),
      .vad(),
      .vsd(),
      .aad(),
      .asd,
      .crw(never_any),
      .vrw(never_any),
      .arw,
      .crr(nothings),
      .vrr(nothings),
      .arr
  );

  sa_general #(
      .R(R),
      .C(C)
  ) u_general (
      .clk,
      .reset,
      .setup,
      .start(array_start),
      .job_in(array_job),
      .idle(array_idle),
      .grant(1'b1),
      .asks(),
      .read_bits(),
      .write_bits(),
      .released(array_released),
      .op(running),
      .leaves(array_leaves),
      .done(array_done),
      .done_op(array_done_op),
      .stationary_address(ga),
      .stationary_data(gad),
      .moving_address(gb),
      .moving_data(gbd),
      .sum_address(gs),
      .sum_data(gsd),
      .sum_write(gsw),
      .sum_result(gsr)
  );
  /* verilator lint_on PINCONNECTEMPTY */
  special_functions #(
      .L(L)
  ) u_special (
      .clk,
      .reset,
      .setup,
      .score_scale,
      .probability_unit,
      .start(special_start),
      .job_in(special_job),
      .idle(special_idle),
      .released(special_released),
      .done(special_done),
      .operand_address(as),
      .operand(asd),
      .result_write(arw),
      .result_address(ar),
      .result(arr)
  );
endmodule
