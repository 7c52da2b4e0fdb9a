// One processing element, input stationary with down-forward accumulation: stationary register in a shift chain from the
// row above, moving register to the right neighbour, partial-sum register to the row below.
module pe (
    input  logic               clk,
    input  logic               shift,          // stationary chain moves down by one row
    input  logic signed [15:0] stationary_in,
    output logic signed [15:0] stationary,
    input  logic               valid_in,       // an operand arrives
    input  logic               last_in,        // ... the last one of the fold
    input  logic signed [15:0] moving_in,
    output logic               valid,
    output logic               last,
    output logic signed [15:0] moving,
    input  logic signed [47:0] sum_in,
    output logic signed [47:0] sum
);
  logic signed [31:0] product;
  assign product = moving_in * stationary;

  always_ff @(posedge clk) begin
    if (shift) stationary <= stationary_in;
    valid  <= valid_in;
    last   <= last_in;
    moving <= moving_in;
    if (valid_in) sum <= sum_in + 48'(product);
  end
endmodule
