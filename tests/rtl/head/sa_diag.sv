// SA-Diag: one column of R PEs (paper: Section IV). It multiplies the rows of Q by k_hat_sum, in as many passes as
// k_hat_sum has tiles of R, whose sums are added below the column; and v_sum by sqrt(d), an element a PE.
module sa_diag
  import head_pkg::*;
#(
    parameter int R = 4
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
    output address_t stationary_address[1],
    input  wide_t    stationary_data   [1],
    output address_t moving_address    [R],
    input  wide_t    moving_data       [R],
    output address_t sum_address       [1],
    input  wide_t    sum_data          [1],
    output logic     sum_write         [1],
    output wide_t    sum_result        [1],
    output address_t scale_address     [R],
    input  wide_t    scale_data        [R],
    output address_t product_address   [R],
    output logic     product_write     [R],
    output wide_t    product           [R]
);
  job_t job, job_q, scale_job;
  logic loading, streaming, last_row, finished, finished_q, again, dot_idle, scale_idle, scaling, scale_last, scaled_q;
  logic [8:0] index, pass_q, pass, scale_row, scale_group, scale_groups;
  wide_t stationary[1];
  code_t moving[R];
  logic signed [63:0] sum[1];
  logic sum_valid[1];
  logic [8:0] row_q, pass_out_q;
  logic last_pass, dot_asks, scale_asks;

  assign pass = start ? 9'd0 : pass_q;
  assign last_pass = (int'(pass) + 1) * R >= int'(setup.depth);
  assign again = !last_pass;
  fold_sequencer #(
      .R(R)
  ) u_sequencer (
      .clk,
      .reset,
      .start(start && job_in.op == DOT),
      .job_in,
      .stream_rows(job.rows),
      .finished,
      .grant,
      .again,
      .job,
      .job_q,
      .loading,
      .asks(dot_asks),
      .streaming,
      .last_row,
      .index,
      .idle(dot_idle)
  );
  systolic_array #(
      .R(R),
      .C(1),
      .STATIONARY(48),
      .SUM(64)
  ) u_column (
      .clk,
      .reset,
      .shift(loading),
      .stationary,
      .valid(streaming),
      .last(last_row),
      .moving,
      .sum,
      .sum_valid,
      .finished
  );
  assign scale_groups = passes(setup.value_depth, 9'(R));
  lane_sequencer u_scale (
      .clk,
      .reset,
      .start(start && job_in.op == SCALE),
      .job_in,
      .rows(9'd1),
      .groups(scale_groups),
      .grant,
      .job(scale_job),
      .asks(scale_asks),
      .valid(scaling),
      .row(scale_row),
      .group(scale_group),
      .last(scale_last),
      .idle(scale_idle)
  );

  always_comb begin
    stationary_address[0] = at(KEY_SUMS, job.head_slot ? 1 : 0, int'(pass) * R + int'(index));
    for (int r = 0; r < R; r++) moving_address[r] = at(QUERIES, int'(job.base) + int'(index), int'(pass) * R + r);
    sum_address[0] = address_t'(DENOMINATORS + (job_q.query_slot ? CHUNK : 0) + int'(row_q));
  end
  always_comb begin
    stationary[0] = int'(pass) * R + int'(index) < int'(setup.depth) ? stationary_data[0] : 48'sd0;
    for (int r = 0; r < R; r++) moving[r] = int'(pass) * R + r < int'(setup.depth) ? moving_data[r][16:0] : 17'sd0;
    sum_write[0] = sum_valid[0];
    sum_result[0] = wide_t'(sum[0]) + (pass_out_q == 0 ? 48'sd0 : sum_data[0]);
  end

  // One register between multiplier and scratchpad.
  wide_t product_d[R], product_q[R];
  address_t product_address_q[R];
  logic product_write_d[R], product_write_q[R];
  always_comb begin
    for (int r = 0; r < R; r++) begin
      int column;
      column = int'(scale_group) * R + r;
      scale_address[r] = at(VALUE_SUMS, scale_job.head_slot ? 1 : 0, column);
      product_write_d[r] = scaling && column < int'(setup.value_depth);
    end
  end
  always_comb begin
    for (int r = 0; r < R; r++) product_d[r] = product_write_d[r] ? rounded(64'(scale_data[r]), setup.value_factor) : 48'sd0;
  end
  assign product = product_q;
  assign product_address = product_address_q;
  assign product_write = product_write_q;

  assign asks = dot_asks || scale_asks;
  always_comb begin
    int columns;
    if (scale_asks) begin
      columns = int'(setup.value_depth) - int'(scale_group) * R;
      read_bits = 16'(columns < R ? columns : R) * 16'(setup.sum_bits);
      write_bits = read_bits;
    end else begin
      columns = int'(setup.depth) - int'(pass) * R;
      read_bits = 16'(columns < R ? columns : R) * 16'(setup.code_bits) + (pass == 0 ? 16'd0 : 16'(setup.sum_bits));
      write_bits = 16'(setup.sum_bits);
    end
  end

  assign idle = dot_idle && scale_idle;
  assign released = (last_row && last_pass) || scale_last;
  assign leaves = (finished && last_pass) || scale_last;
  assign done = finished_q || scaled_q;
  assign op = scale_asks ? SCALE : DOT;
  assign done_op = scaled_q ? SCALE : DOT;
  always_ff @(posedge clk) begin
    pass_q <= finished ? pass + 1 : pass;
    pass_out_q <= pass;  // the last sum of a pass leaves when the next one begins
    if (reset) row_q <= 0;
    else if (sum_valid[0]) row_q <= row_q == job_q.rows - 1 ? 9'd0 : row_q + 1;
    finished_q <= !reset && finished && last_pass;
    scaled_q <= !reset && scale_last;
    product_q <= product_d;
    product_address_q <= scale_address;
    product_write_q <= product_write_d;
  end
endmodule
