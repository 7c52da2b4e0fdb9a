// The lanes of the special functions on a tile of scores: row softmax in three sweeps over the tile (the largest score;
// exponentials and their sum; division), a row of up to `lanes` elements a cycle, in a pipeline of DEPTH registers. A row
// enters a sweep when its numbers of the sweep before have left the pipeline. The timing is that of registers; the
// numbers of the pipeline are doubles and the exponential is the host's (DPI), computed where an element enters.
module special_functions
  import head_pkg::*;
#(
    parameter int L = 4,
    parameter int DEPTH = 10  // latency of the lanes and of exp
) (
    input  logic     clk,
    input  logic     reset,
    input  setup_t   setup,
    input  real      score_scale,       // of the scores' codes
    input  real      probability_unit,  // codes of P in 1
    input  logic     start,
    input  job_t     job_in,
    output logic     idle,
    output logic     released,
    output logic     done,
    output address_t operand_address[L],
    input  wide_t    operand        [L],
    output logic     result_write   [L],
    output address_t result_address [L],
    output wide_t    result         [L]
);
  import "DPI-C" function real head_exponential(input real x);

  logic busy_q, valid, row_ends, sweep_ends, last;
  job_t job, job_q;
  logic [1:0] sweep, sweep_q;
  logic [8:0] row, row_q, group, group_q, groups;
  logic [8:0] ended_q[2];  // rows whose numbers of the sweep are there

  assign idle = !busy_q;
  assign job = start ? job_in : job_q;
  assign sweep = start ? 2'd0 : sweep_q;
  assign row = start ? 9'd0 : row_q;
  assign group = start ? 9'd0 : group_q;
  assign groups = passes(setup.keys, 9'(setup.special_lanes));
  assign valid = start || (busy_q && (sweep == 0 || ended_q[sweep-1] > row));
  assign row_ends = valid && group == groups - 1;
  assign sweep_ends = row_ends && row == job.rows - 1;
  assign last = sweep_ends && sweep == 2;

  always_comb begin
    for (int l = 0; l < L; l++) begin
      operand_address[l] = at_tile(job.tile_slot, int'(row), int'(group) * int'(setup.special_lanes) + l);
    end
  end

  always_ff @(posedge clk) begin
    job_q  <= job;
    busy_q <= !reset && (start || busy_q) && !last;
    sweep_q <= sweep_ends ? sweep + 1 : sweep;
    row_q <= sweep_ends ? 9'd0 : row_ends ? row + 1 : row;
    group_q <= row_ends ? 9'd0 : valid ? group + 1 : group;
  end

  // The pipeline, and the numbers of the rows; read and written in this block alone, the last stage first.
  logic writes[DEPTH][L], ends_row[DEPTH], ends_job[DEPTH];
  logic [1:0] in_sweep[DEPTH];
  address_t to[DEPTH][L];
  wide_t code[DEPTH][L];
  real largest[CHUNK], sum[CHUNK];
  real x, y;
  logic write_q[L];
  address_t to_q[L];
  wide_t code_q[L];

  function automatic real nearest(input real value);  // ties to even
    return (value + 6755399441055744.0) - 6755399441055744.0;
  endfunction

  /* verilator lint_off BLKSEQ */
  always_ff @(posedge clk) begin
    for (int i = DEPTH - 1; i > 0; i--) begin
      ends_row[i] = ends_row[i-1] && !reset;
      ends_job[i] = ends_job[i-1] && !reset;
      in_sweep[i] = in_sweep[i-1];
      for (int l = 0; l < L; l++) begin
        writes[i][l] = writes[i-1][l] && !reset;
        to[i][l] = to[i-1][l];
        code[i][l] = code[i-1][l];
      end
    end
    ends_row[0] = row_ends && !reset;
    ends_job[0] = last && !reset;
    in_sweep[0] = sweep;
    for (int l = 0; l < L; l++) begin
      writes[0][l] = valid && !reset && sweep == 2 && l < int'(setup.special_lanes) &&
          int'(group) * int'(setup.special_lanes) + l < int'(setup.keys);
      to[0][l] = operand_address[l];
      if (valid && l < int'(setup.special_lanes) && int'(group) * int'(setup.special_lanes) + l < int'(setup.keys)) begin
        x = $itor(signed'(operand[l][31:0]));
        if (sweep == 0) begin
          if ((group == 0 && l == 0) || x > largest[row]) largest[row] = x;
        end else begin
          y = head_exponential((x - largest[row]) * score_scale);
          if (sweep == 1) sum[row] = group == 0 && l == 0 ? y : sum[row] + y;
          if (sweep == 2) code[0][l] = saturated(wide_t'($rtoi(nearest(y * (probability_unit / sum[row])))), setup.limit);
        end
      end
    end
    if (start || reset) ended_q[0] <= 0;
    else if (ends_row[DEPTH-1] && in_sweep[DEPTH-1] == 0) ended_q[0] <= ended_q[0] + 1;
    if (start || reset) ended_q[1] <= 0;
    else if (ends_row[DEPTH-1] && in_sweep[DEPTH-1] == 1) ended_q[1] <= ended_q[1] + 1;
    done <= ends_job[DEPTH-1];
    for (int l = 0; l < L; l++) begin
      write_q[l] = writes[DEPTH-1][l];
      to_q[l] = to[DEPTH-1][l];
      code_q[l] = code[DEPTH-1][l];
    end
    result_write <= write_q;
    result_address <= to_q;
    result <= code_q;
  end
  /* verilator lint_on BLKSEQ */
  assign released = last;
endmodule
