// The phases of a fold: R rows of the stationary tile (the bottom row first), the moving rows, and the drain, which ends
// when the array says so. A fold can start in the cycle in which the one before has left: `phase` and `job` are those of
// this cycle.
module fold_sequencer
  import head_pkg::*;
#(
    parameter int R = 4
) (
    input  logic        clk,
    input  logic        reset,
    input  logic        start,
    input  job_t        job_in,
    input  logic [ 8:0] stream_rows,  // of `job`
    input  logic        finished,     // the last sum at the coming edge
    input  logic        grant,        // the ports give the moving operand's next row
    input  logic        again,        // another fold of the job follows at once
    output job_t        job,
    output job_t        job_q,        // the fold whose sums leave
    output logic        loading,
    output logic        asks,         // for the next row
    output logic        streaming,
    output logic        last_row,
    output logic [ 8:0] index,        // row that enters
    output logic        idle
);
  typedef enum logic [1:0] {
    IDLE,
    LOAD,
    STREAM,
    DRAIN
  } phase_t;
  phase_t phase_q, phase;
  logic [8:0] count_q, count;

  assign idle = phase_q == IDLE;
  assign phase = start ? LOAD : phase_q;
  assign count = start ? 9'd0 : count_q;
  assign job = start ? job_in : job_q;
  assign loading = phase == LOAD;
  assign asks = phase == STREAM;
  assign streaming = asks && grant;
  assign last_row = streaming && count == stream_rows - 1;
  assign index = loading ? 9'(R - 1) - count : count;

  always_ff @(posedge clk) begin
    job_q   <= job;
    count_q <= asks && !grant ? count : count + 1;
    if (reset) begin
      phase_q <= IDLE;
    end else if (finished) begin
      phase_q <= again ? LOAD : IDLE;
      count_q <= 0;
    end else if (loading && count == 9'(R - 1)) begin
      phase_q <= STREAM;
      count_q <= 0;
    end else if (last_row) begin
      phase_q <= DRAIN;
    end else begin
      phase_q <= phase;
    end
  end
endmodule
