// Taylor attention, head by head, on the units of the paper's figure: SA-General with SA-Diag, accumulators, dividers,
// adders, a scratchpad and their controller. The host writes the operands through the DMA's port while `reset` is high;
// they stay where they are. Trace: what each unit starts, and when operands have been read, the unit has been left, and
// the result is in the scratchpad (one cycle before the state that a dependent job sees).
module attention_head
  import head_pkg::*;
#(
    parameter int R = 4,
    parameter int C = 4,
    parameter int DIAGONAL = 4,  // PEs of SA-Diag
    parameter int L = 4,         // lanes of each of the three arrays, of which the host may use fewer
    parameter int DIVIDER_BITS = 16
) (
    input  logic        clk,
    input  logic        reset,
    // registers
    input  logic [ 3:0] heads,
    input  logic [ 8:0] keys,
    input  logic [ 8:0] queries,
    input  logic [ 8:0] depth,
    input  logic [ 8:0] value_depth,
    input  logic [ 8:0] key_chunk,
    input  logic [ 8:0] query_chunk,
    input  logic [ 1:0] key_sets,
    input  logic [ 1:0] value_sets,
    input  logic [ 1:0] query_sets,
    input  logic [ 1:0] tile_sets,
    input  logic        serial,
    input  logic [ 6:0] accumulator_lanes,
    input  logic [ 6:0] adder_lanes,
    input  logic [ 6:0] divider_lanes,
    input  logic [ 6:0] divide_lanes,
    input  logic [ 6:0] divide_lanes_of_last,
    input  logic [ 5:0] code_bits,
    input  logic [ 5:0] sum_bits,
    input  logic [15:0] port_bits,              // of the scratchpad a cycle; 0: no limit
    input  logic [14:0] limit,
    input  logic [47:0] constant,
    input  logic [52:0] mantissa         [4],   // context, query, value, result
    input  logic [ 6:0] shift            [4],
    // DMA
    input  logic        dma_write,
    input  logic [18:0] dma_address,
    input  logic [16:0] dma_data         [16],
    output logic [16:0] dma_result       [16],
    // trace
    output logic        trace_start      [UNITS],
    output logic [ 3:0] trace_op         [UNITS],
    output logic [ 7:0] trace_index      [UNITS],
    output logic [ 8:0] trace_k          [UNITS],
    output logic [ 8:0] trace_n          [UNITS],
    output logic        trace_released   [UNITS],
    output logic [ 3:0] trace_released_op[UNITS],
    output logic        trace_leaves     [UNITS],
    output logic        trace_done       [UNITS],
    output logic [ 3:0] trace_done_op    [UNITS],
    output logic        finished
);
  setup_t setup;
  always_comb begin
    setup.heads = heads;
    setup.keys = keys;
    setup.queries = queries;
    setup.depth = depth;
    setup.value_depth = value_depth;
    setup.key_chunk = key_chunk;
    setup.query_chunk = query_chunk;
    setup.key_sets = key_sets;
    setup.value_sets = value_sets;
    setup.query_sets = query_sets;
    setup.tile_sets = tile_sets;
    setup.serial = serial;
    setup.accumulator_lanes = accumulator_lanes;
    setup.adder_lanes = adder_lanes;
    setup.divider_lanes = divider_lanes;
    setup.special_lanes = 0;
    setup.divide_lanes = divide_lanes;
    setup.divide_lanes_of_last = divide_lanes_of_last;
    setup.code_bits = code_bits;
    setup.sum_bits = sum_bits;
    setup.limit = limit;
    setup.constant = constant;
    setup.context_factor = {mantissa[0], shift[0]};
    setup.query_factor = {mantissa[1], shift[1]};
    setup.value_factor = {mantissa[2], shift[2]};
    setup.result_factor = {mantissa[3], shift[3]};
  end

  logic idle[UNITS], released[UNITS], done[UNITS], start[UNITS], leaves[UNITS], chained;
  logic asks[UNITS], grant[UNITS];
  logic [15:0] read_bits[UNITS], write_bits[UNITS];
  op_t op[UNITS], done_op[UNITS];
  job_t job[UNITS];
  always_comb begin
    for (int u = 0; u < UNITS; u++) begin
      trace_start[u] = start[u];
      trace_op[u] = job[u].op;
      trace_index[u] = job[u].index;
      trace_k[u] = job[u].k;
      trace_n[u] = job[u].n;
      trace_released[u] = released[u];
      trace_released_op[u] = op[u];
      trace_leaves[u] = leaves[u];
      trace_done[u] = done[u];
      trace_done_op[u] = done_op[u];
    end
  end
  controller #(
      .R(R),
      .C(C)
  ) u_controller (
      .clk,
      .reset,
      .setup,
      .idle,
      .chained,
      .released,
      .running(op),
      .done,
      .done_op,
      .start,
      .job,
      .finished
  );

  port_arbiter u_arbiter (
      .clk,
      .reset,
      .port_bits,
      .begins(start),
      .asks,
      .read_bits,
      .write_bits,
      .grant
  );

  // Ports of the scratchpad: addresses, data, writes.
  address_t ga[C], gb[R], gs[C];
  wide_t gad[C], gbd[R], gsd[C], gsr[C];
  logic gsw[C];
  address_t da[1], db[DIAGONAL], ds[1], dv[DIAGONAL], dp[DIAGONAL];
  wide_t dad[1], dbd[DIAGONAL], dsd[1], dvd[DIAGONAL], dsr[1], dpr[DIAGONAL];
  logic dsw[1], dpw[DIAGONAL];
  address_t ca[L], cs[L], cr[L], va[L], vs[1], vr[L], aa[L], as[L], ar[L];
  wide_t cad[L], csd[L], vad[L], vsd[1], aad[L], asd[L], crr[L], vrr[L], arr[L];
  logic crw[L], vrw[L], arw[L];
  code_t dma_codes[16], dma_read[16];
  always_comb begin
    for (int i = 0; i < 16; i++) begin
      dma_codes[i]  = dma_data[i];
      dma_result[i] = dma_read[i];
    end
  end

  scratchpad #(
      .R(R),
      .C(C),
      .DIAGONAL(DIAGONAL),
      .L(L)
  ) u_scratchpad (
      .dma_data(dma_codes),
      .dma_result(dma_read),
      .*
  );

  sa_general #(
      .R(R),
      .C(C)
  ) u_general (
      .clk,
      .reset,
      .setup,
      .start(start[SA_GENERAL]),
      .job_in(job[SA_GENERAL]),
      .idle(idle[SA_GENERAL]),
      .grant(grant[SA_GENERAL]),
      .asks(asks[SA_GENERAL]),
      .read_bits(read_bits[SA_GENERAL]),
      .write_bits(write_bits[SA_GENERAL]),
      .released(released[SA_GENERAL]),
      .op(op[SA_GENERAL]),
      .leaves(leaves[SA_GENERAL]),
      .done(done[SA_GENERAL]),
      .done_op(done_op[SA_GENERAL]),
      .stationary_address(ga),
      .stationary_data(gad),
      .moving_address(gb),
      .moving_data(gbd),
      .sum_address(gs),
      .sum_data(gsd),
      .sum_write(gsw),
      .sum_result(gsr)
  );
  sa_diag #(
      .R(DIAGONAL)
  ) u_diagonal (
      .clk,
      .reset,
      .setup,
      .start(start[SA_DIAG]),
      .job_in(job[SA_DIAG]),
      .idle(idle[SA_DIAG]),
      .grant(grant[SA_DIAG]),
      .asks(asks[SA_DIAG]),
      .read_bits(read_bits[SA_DIAG]),
      .write_bits(write_bits[SA_DIAG]),
      .released(released[SA_DIAG]),
      .op(op[SA_DIAG]),
      .leaves(leaves[SA_DIAG]),
      .done(done[SA_DIAG]),
      .done_op(done_op[SA_DIAG]),
      .stationary_address(da),
      .stationary_data(dad),
      .moving_address(db),
      .moving_data(dbd),
      .sum_address(ds),
      .sum_data(dsd),
      .sum_write(dsw),
      .sum_result(dsr),
      .scale_address(dv),
      .scale_data(dvd),
      .product_address(dp),
      .product_write(dpw),
      .product(dpr)
  );
  accumulators #(
      .L(L)
  ) u_accumulators (
      .clk,
      .reset,
      .setup,
      .start(start[ACCUMULATORS]),
      .job_in(job[ACCUMULATORS]),
      .idle(idle[ACCUMULATORS]),
      .grant(grant[ACCUMULATORS]),
      .asks(asks[ACCUMULATORS]),
      .read_bits(read_bits[ACCUMULATORS]),
      .write_bits(write_bits[ACCUMULATORS]),
      .released(released[ACCUMULATORS]),
      .op(op[ACCUMULATORS]),
      .leaves(leaves[ACCUMULATORS]),
      .done(done[ACCUMULATORS]),
      .done_op(done_op[ACCUMULATORS]),
      .operand_address(ca),
      .operand(cad),
      .sum_address(cs),
      .sum_data(csd),
      .result_write(crw),
      .result_address(cr),
      .result(crr)
  );
  dividers #(
      .L(L),
      .BITS(DIVIDER_BITS)
  ) u_dividers (
      .clk,
      .reset,
      .setup,
      .start(start[DIVIDERS]),
      .job_in(job[DIVIDERS]),
      .idle(idle[DIVIDERS]),
      .grant(grant[DIVIDERS]),
      .asks(asks[DIVIDERS]),
      .read_bits(read_bits[DIVIDERS]),
      .write_bits(write_bits[DIVIDERS]),
      .chained,
      .released(released[DIVIDERS]),
      .op(op[DIVIDERS]),
      .leaves(leaves[DIVIDERS]),
      .done(done[DIVIDERS]),
      .done_op(done_op[DIVIDERS]),
      .operand_address(va),
      .operand(vad),
      .divisor_address(vs),
      .divisor(vsd),
      .result_write(vrw),
      .result_address(vr),
      .result(vrr)
  );
  adders #(
      .L(L)
  ) u_adders (
      .clk,
      .reset,
      .setup,
      .start(start[ADDERS]),
      .job_in(job[ADDERS]),
      .idle(idle[ADDERS]),
      .grant(grant[ADDERS]),
      .asks(asks[ADDERS]),
      .read_bits(read_bits[ADDERS]),
      .write_bits(write_bits[ADDERS]),
      .released(released[ADDERS]),
      .op(op[ADDERS]),
      .leaves(leaves[ADDERS]),
      .done(done[ADDERS]),
      .done_op(done_op[ADDERS]),
      .operand_address(aa),
      .operand(aad),
      .second_address(as),
      .second(asd),
      .result_write(arw),
      .result_address(ar),
      .result(arr)
  );
endmodule
