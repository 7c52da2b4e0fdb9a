// SA-General with its feeder and the adders below its columns (paper: Section IV). A fold of step 2 streams K_hat by
// columns against a tile of V, a fold of step 5 the rows of Q against a tile of G. Sums of several folds are added below
// the columns to what the scratchpad holds; the last fold's are rounded. Softmax attention: Q streams against K^T, P against V.
module sa_general
  import head_pkg::*;
#(
    parameter int R = 4,
    parameter int C = 4
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
    output logic     released,                // the last operand enters
    output op_t      op,                      // of what is released
    output logic     leaves,                  // the last sum is in the array at the coming edge
    output logic     done,                    // ... in the scratchpad
    output op_t      done_op,
    output address_t stationary_address[C],
    input  wide_t    stationary_data   [C],
    output address_t moving_address    [R],
    input  wide_t    moving_data       [R],
    output address_t sum_address       [C],
    input  wide_t    sum_data          [C],   // what is there
    output logic     sum_write         [C],
    output wide_t    sum_result        [C]
);
  job_t job, job_q;
  logic loading, streaming, last_row, finished, finished_q;
  logic [8:0] index, stream_rows, depth, width;
  logic signed [15:0] stationary[C];
  code_t moving[R];
  wide_t sum[C];
  logic sum_valid[C];
  logic [8:0] row_q[C], row_d[C];

  fold_sequencer #(
      .R(R)
  ) u_sequencer (
      .clk,
      .reset,
      .start,
      .job_in,
      .stream_rows,
      .finished,
      .grant,
      .again(1'b0),
      .job,
      .job_q,
      .loading,
      .asks,
      .streaming,
      .last_row,
      .index,
      .idle
  );
  systolic_array #(
      .R(R),
      .C(C)
  ) u_array (
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

  function automatic logic [8:0] part(input logic [8:0] whole, input logic [8:0] from, input int most);
    return whole - from < 9'(most) ? whole - from : 9'(most);
  endfunction

  always_comb begin
    stream_rows = job.op == CONTEXT ? setup.depth : job.rows;
    depth = part(job.op == CONTEXT ? job.rows : job.op == WEIGHTED ? setup.keys : setup.depth, job.k, R);
    width = part(job.op == SCORES ? setup.keys : setup.value_depth, job.n, C);
    read_bits = 16'(depth) * (16'(setup.code_bits) + (job.op == CONTEXT ? 16'd1 : 16'd0));
    if (!job.first) read_bits = read_bits + 16'(width) * 16'(setup.sum_bits);
    write_bits = 16'(width) * (!job.last ? 16'(setup.sum_bits) : job.op == CONTEXT ? 16'(setup.code_bits) : 16'd32);
    for (int c = 0; c < C; c++) begin
      case (job.op)
        CONTEXT: stationary_address[c] = at(VALUES, int'(job.base) + int'(job.k + index), int'(job.n) + c);
        QUERY: stationary_address[c] = at(CONTEXTS, int'(job.k + index), int'(job.n) + c);
        SCORES: stationary_address[c] = at(KEYS, int'(job.key_base) + int'(job.n) + c, int'(job.k + index));
        default: stationary_address[c] = at(VALUES, int'(job.key_base) + int'(job.k + index), int'(job.n) + c);
      endcase
    end
    for (int r = 0; r < R; r++) begin
      case (job.op)
        CONTEXT: moving_address[r] = at(KEYS, int'(job.base) + int'(job.k) + r, int'(index));
        WEIGHTED: moving_address[r] = at_tile(job.tile_slot, int'(index), int'(job.k) + r);
        default: moving_address[r] = at(QUERIES, int'(job.base) + int'(index), int'(job.k) + r);
      endcase
    end
  end
  // Beyond the tile's edges zeros enter.
  always_comb begin
    for (int c = 0; c < C; c++) stationary[c] = index < depth && c < int'(width) ? stationary_data[c][15:0] : 16'd0;
    for (int r = 0; r < R; r++) moving[r] = r < int'(depth) ? moving_data[r][16:0] : 17'd0;
  end

  // The sums that leave belong to the fold that the registers hold, not to one that starts in this cycle.
  always_comb begin
    for (int c = 0; c < C; c++) begin
      logic [8:0] rows;
      rows = job_q.op == CONTEXT ? setup.depth : job_q.rows;
      case (job_q.op)
        CONTEXT: sum_address[c] = at(CONTEXTS, int'(row_q[c]), int'(job_q.n) + c);
        WEIGHTED: sum_address[c] = at(RESULTS, int'(job_q.base) + int'(row_q[c]), int'(job_q.n) + c);
        default: sum_address[c] = at_tile(job_q.tile_slot, int'(row_q[c]), int'(job_q.n) + c);
      endcase
      sum_write[c] = sum_valid[c] && int'(job_q.n) + c < int'(job_q.op == SCORES ? setup.keys : setup.value_depth);
      row_d[c] = !sum_valid[c] ? row_q[c] : row_q[c] == rows - 1 ? 9'd0 : row_q[c] + 1;
      if (reset) row_d[c] = 0;
    end
  end
  always_comb begin
    for (int c = 0; c < C; c++) begin
      wide_t total;
      total = sum[c];
      if (!job_q.first) total = total + sum_data[c];
      sum_result[c] = total;
      if (sum_write[c] && job_q.last) begin
        if (job_q.op == CONTEXT || job_q.op == WEIGHTED)
          sum_result[c] = saturated(rounded(64'(total), setup.context_factor), setup.limit);
        else sum_result[c] = rounded(64'(total), setup.query_factor);
      end
    end
  end

  assign released = last_row;
  assign leaves = finished;
  assign done = finished_q;
  assign op = job.op;
  assign done_op = job_q.op;
  always_ff @(posedge clk) begin
    row_q <= row_d;
    finished_q <= !reset && finished;
  end
endmodule
