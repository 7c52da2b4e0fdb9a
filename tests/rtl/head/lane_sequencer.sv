// The slots of a job of lanes: a row of up to `lanes` elements a cycle; columns beyond the lanes in further passes over
// all rows. The first slot is in the cycle of `start`, if the
// ports give it.
module lane_sequencer
  import head_pkg::*;
(
    input  logic       clk,
    input  logic       reset,
    input  logic       start,
    input  job_t       job_in,
    input  logic [8:0] rows,    // of `job`
    input  logic [8:0] groups,  // of `job`
    input  logic       grant,   // the ports give the slot
    output job_t       job,
    output logic       asks,
    output logic       valid,
    output logic [8:0] row,
    output logic [8:0] group,
    output logic       last,
    output logic       idle
);
  logic busy_q;
  job_t job_q;
  logic [8:0] row_q, group_q;

  assign idle = !busy_q;
  assign job = start ? job_in : job_q;
  assign asks = start || busy_q;
  assign valid = asks && grant;
  assign row = start ? 9'd0 : row_q;
  assign group = start ? 9'd0 : group_q;
  assign last = valid && row == rows - 1 && group == groups - 1;

  always_ff @(posedge clk) begin
    job_q  <= job;
    busy_q <= !reset && asks && !last;
    if (start && !valid) begin
      row_q   <= 0;
      group_q <= 0;
    end
    if (valid) begin
      row_q   <= row == rows - 1 ? 9'd0 : row + 1;
      group_q <= row == rows - 1 ? group + 1 : group;
    end
  end
endmodule
