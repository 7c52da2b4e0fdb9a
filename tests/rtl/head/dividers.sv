// The divider array (paper: Section IV). With one divisor register that all lanes share: K_bar = 1^T K / n. With a
// divisor a row: Z = diag(t_D)^-1 T_N, where the divisor of a row moves from lane to lane, a lane a cycle, so lane j
// divides row i j cycles after lane 0. While divisors are on their way the lanes cannot take a job of the other mode.
module dividers
  import head_pkg::*;
#(
    parameter int L = 4,
    parameter int BITS = 16
) (
    input  logic        clk,
    input  logic        reset,
    input  setup_t      setup,
    input  logic        start,
    input  job_t        job_in,
    output logic        idle,
    output logic        chained,              // divisors are on their way
    input  logic     grant,
    output logic     asks,
    output logic [15:0] read_bits,
    output logic [15:0] write_bits,
    output logic        released,
    output op_t      op,                      // of what is released
    output logic        leaves,
    output logic        done,
    output op_t         done_op,
    output address_t    operand_address[L],
    input  wide_t       operand        [L],
    output address_t    divisor_address[1],
    input  wide_t       divisor        [1],
    output logic        result_write   [L],
    output address_t    result_address [L],
    output wide_t       result         [L]
);
  job_t job;
  logic valid, last;
  logic [8:0] row, group, columns;
  logic [6:0] lanes;

  assign columns = job.op == MEAN ? setup.depth : setup.value_depth;
  assign lanes = job.op == MEAN ? setup.divider_lanes :
      job.rows == setup.query_chunk ? setup.divide_lanes : setup.divide_lanes_of_last;
  lane_sequencer u_sequencer (
      .clk,
      .reset,
      .start,
      .job_in,
      .rows(job.op == MEAN ? 9'd1 : job.rows),
      .groups(passes(columns, lanes)),
      .grant,
      .job,
      .asks,
      .valid,
      .row,
      .group,
      .last,
      .idle
  );

  // What lane l works on, l cycles after lane 0; place 0 is this cycle's.
  typedef struct packed {
    logic valid, query_slot, tile_slot;
    logic [9:0] row_base;  // row of Z
    logic [8:0] row, column;  // row of T, first column of the pass
    logic [6:0] lanes;
  } slot_t;
  slot_t chain_q[L], chain[L];
  wide_t moved_q[L];  // the divisors
  logic lane_valid[L], lane_mark[L];
  address_t lane_address[L];
  logic result_mark[L];

  assign divisor_address[0] = address_t'(DENOMINATORS + (job.query_slot ? CHUNK : 0) + int'(row));
  always_comb begin
    int here;
    here = int'(columns) - int'(group) * int'(lanes);
    if (here > int'(lanes)) here = int'(lanes);
    read_bits = 16'(here) * (job.op == MEAN ? 16'(setup.sum_bits) : 16'd32);
    if (job.op == DIVIDE) read_bits = read_bits + 16'(setup.sum_bits);
    write_bits = 16'(here) * 16'(setup.code_bits);
  end
  always_comb begin
    for (int l = 0; l < L; l++) begin
      int column;
      chain[l] = chain_q[l];
      if (l == 0) begin
        chain[0].valid = valid && job.op == DIVIDE;
        chain[0].query_slot = job.query_slot;
        chain[0].tile_slot = job.tile_slot;
        chain[0].row_base = job.base + 10'(row);
        chain[0].row = row;
        chain[0].column = 9'(group * 9'(lanes));
        chain[0].lanes = lanes;
      end
      if (valid && job.op == MEAN) begin
        column = int'(group) * int'(lanes) + l;
        lane_valid[l] = l < int'(lanes) && column < int'(columns);
        operand_address[l] = at(MEANS, job.head_slot ? 1 : 0, column);
        lane_address[l] = operand_address[l];
        lane_mark[l] = job.head_slot;
      end else begin
        column = int'(chain[l].column) + l;
        lane_valid[l] = chain[l].valid && l < int'(chain[l].lanes) && column < int'(setup.value_depth);
        operand_address[l] = at_tile(chain[l].tile_slot, int'(chain[l].row), column);
        lane_mark[l] = chain[l].query_slot;
        lane_address[l] = at(RESULTS, int'(chain[l].row_base), column);
      end
    end
  end
  always_comb begin
    chained = 0;
    for (int l = 1; l < L; l++) begin
      if (chain_q[l].valid && l < int'(chain_q[l].lanes) && int'(chain_q[l].column) + l < int'(setup.value_depth)) chained = 1;
    end
  end
  for (genvar l = 0; l < L; l++) begin : g_lane
    always_ff @(posedge clk) begin
      if (l > 0) begin
        chain_q[l] <= chain[l-1];
        moved_q[l] <= l == 1 ? divisor[0] : moved_q[l-1];
      end
      if (reset) chain_q[l] <= '0;
    end
    divider #(
        .BITS(BITS)
    ) u_divider (
        .clk,
        .reset,
        .valid(lane_valid[l]),
        .x(operand[l]),
        .divisor(valid && job.op == MEAN ? wide_t'(setup.keys) : l == 0 ? divisor[0] : moved_q[l]),
        .factor(valid && job.op == MEAN ? factor_t'({53'd1, 7'd0}) : setup.result_factor),
        .limit(setup.limit),
        .address(lane_address[l]),
        .mark(lane_mark[l]),
        .result_write(result_write[l]),
        .result(result[l]),
        .result_address(result_address[l]),
        .result_mark(result_mark[l])
    );
  end

  // A job has ended when all its quotients have: they are counted, of means and of divisions, two jobs of each.
  logic [15:0] left_q[4], left[4], out[4];
  logic ended[4];
  always_comb begin
    for (int i = 0; i < 4; i++) out[i] = 0;
    for (int l = 0; l < L; l++) begin
      int i;
      i = (int'(result_address[l]) >= MEANS ? 0 : 2) + (result_mark[l] ? 1 : 0);
      if (result_write[l]) out[i] = out[i] + 1;
    end
    for (int i = 0; i < 4; i++) begin
      left[i] = reset ? 16'd0 : left_q[i] - out[i];
      ended[i] = out[i] != 0 && left_q[i] == out[i];
    end
    if (start && job_in.op == MEAN) left[job_in.head_slot] = left[job_in.head_slot] + 16'(setup.depth);
    if (start && job_in.op == DIVIDE)
      left[2+job_in.query_slot] = left[2+job_in.query_slot] + 16'(job_in.rows) * 16'(setup.value_depth);
  end
  always_ff @(posedge clk) left_q <= left;
  assign released = last;
  assign leaves = last;
  assign done = ended[0] || ended[1] || ended[2] || ended[3];
  assign op = job.op;
  assign done_op = ended[0] || ended[1] ? MEAN : DIVIDE;
endmodule
