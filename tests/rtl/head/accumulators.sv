// The accumulator array: column sums, a column a lane (paper: Section IV, steps 1 and 3 of Algorithm 1).
module accumulators
  import head_pkg::*;
#(
    parameter int L = 4
) (
    input  logic     clk,
    input  logic     reset,
    input  setup_t   setup,
    input  logic     start,
    input  job_t     job_in,
    output logic     idle,
    input  logic     grant,
    output logic     asks,
    output logic [15:0] read_bits,
    output logic [15:0] write_bits,
    output logic     released,
    output op_t      op,                      // of what is released
    output logic     leaves,
    output logic     done,
    output op_t      done_op,
    output address_t operand_address[L],
    input  wide_t    operand        [L],
    output address_t sum_address    [L],  // of the sum that a job adds to, then of the sum that leaves
    input  wide_t    sum_data       [L],
    output logic     result_write   [L],
    output address_t result_address [L],
    output wide_t    result         [L]
);
  job_t job;
  logic valid, last, done_q;
  logic [8:0] row, group, columns;
  op_t op_q;
  wide_t sum_q[L], sum_d[L];
  logic write_q[L], write_d[L];
  address_t address_q[L];

  assign columns = job.op == VALUE_SUM ? setup.value_depth : setup.depth;
  lane_sequencer u_sequencer (
      .clk,
      .reset,
      .start,
      .job_in,
      .rows(job.rows),
      .groups(passes(columns, setup.accumulator_lanes)),
      .grant,
      .job,
      .asks,
      .valid,
      .row,
      .group,
      .last,
      .idle
  );
  always_comb begin
    int here;
    here = int'(columns) - int'(group) * int'(setup.accumulator_lanes);
    if (here > int'(setup.accumulator_lanes)) here = int'(setup.accumulator_lanes);
    read_bits = 16'(here) * (16'(setup.code_bits) + (job.op == KHAT_SUM ? 16'd1 : 16'd0));
    if (row == 0 && !job.first) read_bits = read_bits + 16'(here) * 16'(setup.sum_bits);
    write_bits = row == job.rows - 1 ? 16'(here) * 16'(setup.sum_bits) : 16'd0;
  end
  always_comb begin
    for (int l = 0; l < L; l++) begin
      int column;
      column = int'(group) * int'(setup.accumulator_lanes) + l;
      operand_address[l] = at(job.op == VALUE_SUM ? VALUES : KEYS, int'(job.base) + int'(row), column);
      sum_address[l] = at(job.op == KEY_SUM ? MEANS : job.op == KHAT_SUM ? KEY_SUMS : VALUE_SUMS, job.head_slot ? 1 : 0, column);
      write_d[l] = valid && row == job.rows - 1 && l < int'(setup.accumulator_lanes) && column < int'(columns);
    end
  end
  always_comb begin
    for (int l = 0; l < L; l++) begin
      sum_d[l] = sum_q[l] + operand[l];
      if (row == 0) sum_d[l] = job.first ? operand[l] : sum_data[l] + operand[l];
      if (!valid) sum_d[l] = sum_q[l];
    end
  end
  always_ff @(posedge clk) begin
    sum_q <= sum_d;
    write_q <= write_d;
    address_q <= sum_address;
    done_q <= !reset && last;
    op_q <= job.op;
  end
  assign result = sum_q;
  assign result_write = write_q;
  assign result_address = address_q;
  assign released = last;
  assign leaves = last;
  assign done = done_q;
  assign op = job.op;
  assign done_op = op_q;
endmodule
