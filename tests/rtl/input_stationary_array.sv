// R x C processing elements with their feeder's skew registers and a fold sequencer: load the stationary tile (bottom row
// first), stream the moving rows, wait for the last partial sum; the next fold starts at the next edge while `start` is high.
// The sequencer knows no cycle formula: the operand tagged `last` ends the fold when it reaches the last element.
module input_stationary_array #(
    parameter int R = 4,
    parameter int C = 4
) (
    input  logic               clk,
    input  logic               reset,
    input  logic               start,
    input  logic        [15:0] stream_rows,    // at least 1
    output logic               loading,
    output logic        [15:0] load_row,       // row of the stationary tile wanted in this cycle
    input  logic signed [15:0] stationary[C],
    output logic               streaming,
    output logic        [15:0] stream_row,     // row of the moving operand wanted in this cycle
    input  logic signed [15:0] moving    [R],
    output logic signed [47:0] sum       [C],  // partial sums of the bottom row, column c c cycles late
    output logic               sum_valid [C],
    output logic               busy,
    output logic        [31:0] cycles          // edges since reset at which the array was not idle
);
  typedef enum logic [1:0] {
    IDLE,
    LOAD,
    STREAM,
    DRAIN
  } state_t;
  state_t state;
  logic [15:0] index;
  logic finished;  // the last element takes its last partial sum at the coming edge

  assign loading = state == LOAD;
  assign streaming = state == STREAM;
  assign load_row = 16'(R - 1) - index;
  assign stream_row = index;
  assign busy = state != IDLE;

  always_ff @(posedge clk) begin
    if (reset) begin
      state  <= IDLE;
      index  <= 0;
      cycles <= 0;
    end else begin
      if (busy) cycles <= cycles + 1;
      index <= index + 1;
      if (state == IDLE || finished) begin
        state <= start ? LOAD : IDLE;
        index <= 0;
      end else if (loading && index == 16'(R - 1)) begin
        state <= STREAM;
        index <= 0;
      end else if (streaming && index == stream_rows - 1) begin
        state <= DRAIN;
      end
    end
  end

  // Horizontal wires run into column 0 .. C, vertical ones into row 0 .. R.
  logic signed [15:0] moving_wire    [R][C+1];
  logic               valid_wire     [R][C+1];
  logic               last_wire      [R][C+1];
  logic signed [15:0] stationary_wire[R+1][C];
  logic signed [47:0] sum_wire       [R+1][C];

  for (genvar r = 0; r < R; r++) begin : g_skew  // row r is r cycles late
    logic signed [15:0] moving_delay[r+1];
    logic valid_delay[r+1], last_delay[r+1];
    assign moving_delay[0] = moving[r];
    assign valid_delay[0] = streaming;
    assign last_delay[0] = streaming && index == stream_rows - 1;
    for (genvar i = 0; i < r; i++) begin : g_delay
      always_ff @(posedge clk) begin
        moving_delay[i+1] <= moving_delay[i];
        valid_delay[i+1]  <= !reset && valid_delay[i];
        last_delay[i+1]   <= !reset && last_delay[i];
      end
    end
    assign moving_wire[r][0] = moving_delay[r];
    assign valid_wire[r][0] = valid_delay[r];
    assign last_wire[r][0] = last_delay[r];
  end

  for (genvar c = 0; c < C; c++) begin : g_edge
    assign stationary_wire[0][c] = stationary[c];
    assign sum_wire[0][c] = 0;
    assign sum[c] = sum_wire[R][c];
    assign sum_valid[c] = valid_wire[R-1][c+1];
  end
  assign finished = valid_wire[R-1][C-1] && last_wire[R-1][C-1];

  for (genvar r = 0; r < R; r++) begin : g_row
    for (genvar c = 0; c < C; c++) begin : g_col
      pe u_pe (
          .clk,
          .shift(loading),
          .stationary_in(stationary_wire[r][c]),
          .stationary(stationary_wire[r+1][c]),
          .valid_in(valid_wire[r][c]),
          .last_in(last_wire[r][c]),
          .moving_in(moving_wire[r][c]),
          .valid(valid_wire[r][c+1]),
          .last(last_wire[r][c+1]),
          .moving(moving_wire[r][c+1]),
          .sum_in(sum_wire[r][c]),
          .sum(sum_wire[r+1][c])
      );
    end
  end
endmodule
