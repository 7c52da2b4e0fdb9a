// The adder array (paper: Section IV): K_hat = K - K_bar, t_D = n sqrt(d) + Q k_hat_sum^T, a row a lane, and
// T_N = sqrt(d) v_sum + Q G.
module adders
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
    output address_t second_address [L],
    input  wide_t    second         [L],
    output logic     result_write   [L],
    output address_t result_address [L],
    output wide_t    result         [L]
);
  job_t job;
  logic valid, last, done_q;
  logic [8:0] row, group, width, columns, rows;
  op_t op_q;
  wide_t sum_q[L], sum_d[L];
  logic write_q[L], write_d[L];
  address_t address_q[L];

  // A column vector is spread over the lanes by rows.
  assign width = job.op == DENOMINATOR ? 9'd1 : job.op == CENTRE ? setup.depth : setup.value_depth;
  assign rows = width == 1 ? 9'd1 : job.rows;
  assign columns = width == 1 ? job.rows : width;
  lane_sequencer u_sequencer (
      .clk,
      .reset,
      .start,
      .job_in,
      .rows,
      .groups(passes(columns, setup.adder_lanes)),
      .grant,
      .job,
      .asks,
      .valid,
      .row,
      .group,
      .last,
      .idle
  );
  // The second summand stays in the lanes for all rows of a pass.
  always_comb begin
    int here;
    here = int'(columns) - int'(group) * int'(setup.adder_lanes);
    if (here > int'(setup.adder_lanes)) here = int'(setup.adder_lanes);
    if (job.op == CENTRE) begin
      read_bits = 16'(here) * 16'(setup.code_bits);
      write_bits = 16'(here) * (16'(setup.code_bits) + 16'd1);
    end else begin
      read_bits = 16'(here) * (job.op == DENOMINATOR ? 16'(setup.sum_bits) : 16'd32);
      write_bits = read_bits;
    end
    if (row == 0 && job.op != DENOMINATOR)
      read_bits = read_bits + (width == 1 ? 16'd1 : 16'(here)) * 16'(setup.sum_bits);
  end
  always_comb begin
    for (int l = 0; l < L; l++) begin
      int column, at_row, at_column;
      column = int'(group) * int'(setup.adder_lanes) + l;
      write_d[l] = valid && l < int'(setup.adder_lanes) && column < int'(columns);
      at_row = width == 1 ? column : int'(row);
      at_column = width == 1 ? 0 : column;
      if (job.op == CENTRE) begin
        operand_address[l] = at(KEYS, int'(job.base) + at_row, at_column);
        second_address[l] = at(MEANS, job.head_slot ? 1 : 0, at_column);
      end else if (job.op == DENOMINATOR) begin
        operand_address[l] = address_t'(DENOMINATORS + (job.query_slot ? CHUNK : 0) + column);
        second_address[l] = 0;
      end else begin
        operand_address[l] = at_tile(job.tile_slot, at_row, at_column);
        second_address[l] = at(VALUE_SUMS, job.head_slot ? 1 : 0, at_column);
      end
    end
  end
  always_comb begin
    for (int l = 0; l < L; l++) begin
      sum_d[l] = operand[l] + (job.op == CENTRE ? -second[l] : job.op == DENOMINATOR ? setup.constant : second[l]);
    end
  end
  always_ff @(posedge clk) begin
    sum_q <= sum_d;
    write_q <= write_d;
    address_q <= operand_address;
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
