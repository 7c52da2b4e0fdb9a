// R x C processing elements with their feeder's skew registers: row r of the moving operand is r cycles late. Each PE
// has a stationary register in a shift chain from the row above, a moving register to its right neighbour and a partial
// sum to the row below. No sequencer: `shift` moves the stationary chain down by a row, `valid` says that a row of the
// moving operand enters, `last` that it is the fold's last one.
module systolic_array #(
    parameter int R = 4,
    parameter int C = 4,
    parameter int MOVING = 17,      // bits of the moving operand
    parameter int STATIONARY = 16,  // of the stationary one
    parameter int SUM = 48          // of a partial sum
) (
    input  logic                         clk,
    input  logic                         reset,
    input  logic                         shift,
    input  logic signed [STATIONARY-1:0] stationary[C],
    input  logic                         valid,
    input  logic                         last,
    input  logic signed [    MOVING-1:0] moving    [R],
    output logic signed [       SUM-1:0] sum       [C],  // of the bottom row, column c c cycles late
    output logic                         sum_valid [C],
    output logic                         finished        // the last element takes its last partial sum at the coming edge
);
  // Registers of the PEs, and of the skew: row r leaves its chain of r registers at place r - 1. They are read and
  // written in the block below alone, from the last PE to the first, so that each finds what its neighbours held before
  // the edge: 4,096 PEs stay a loop in the program that Verilator makes.
  logic signed [STATIONARY-1:0] held[R][C];
  logic signed [MOVING-1:0] operand[R][C], late[R][R];
  logic signed [SUM-1:0] partial[R][C];
  logic there[R][C], ends[R][C], late_there[R][R], late_ends[R][R];
  logic signed [SUM-1:0] sum_q[C];
  logic sum_valid_q[C];
  logic ends_next;  // the operand tagged `last` is one register before the last PE

  /* verilator lint_off BLKSEQ */
  always_ff @(posedge clk) begin
    for (int r = R - 1; r >= 0; r--) begin
      for (int c = C - 1; c >= 0; c--) begin
        if (c > 0) begin
          operand[r][c] = operand[r][c-1];
          there[r][c] = there[r][c-1];
          ends[r][c] = ends[r][c-1];
        end else begin
          operand[r][0] = r == 0 ? moving[0] : late[r][(r+R-1)%R];
          there[r][0] = r == 0 ? valid : late_there[r][(r+R-1)%R];
          ends[r][0] = r == 0 ? last : late_ends[r][(r+R-1)%R];
        end
        if (there[r][c]) begin
          partial[r][c] = SUM'(operand[r][c]) * SUM'(held[r][c]);
          if (r > 0) partial[r][c] = partial[r][c] + partial[r-1][c];
        end
        if (shift) held[r][c] = r == 0 ? stationary[c] : held[(r+R-1)%R][c];
        if (reset) there[r][c] = 0;
      end
      for (int i = r - 1; i >= 0; i--) begin
        late[r][i] = i == 0 ? moving[r] : late[r][(i+R-1)%R];
        late_there[r][i] = !reset && (i == 0 ? valid : late_there[r][(i+R-1)%R]);
        late_ends[r][i] = i == 0 ? last : late_ends[r][(i+R-1)%R];
      end
    end
    for (int c = 0; c < C; c++) begin
      sum_q[c] = partial[R-1][c];
      sum_valid_q[c] = there[R-1][c];
    end
    sum <= sum_q;
    sum_valid <= sum_valid_q;
    if (C > 1) ends_next <= there[R-1][(2*C-2)%C] && ends[R-1][(2*C-2)%C];
    else ends_next <= late_there[R-1][(2*R-2)%R] && late_ends[R-1][(2*R-2)%R];
  end
  /* verilator lint_on BLKSEQ */
  assign finished = R == 1 && C == 1 ? valid && last : ends_next;
endmodule
