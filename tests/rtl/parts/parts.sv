// The parts that machines are made of (src/config/machine_part.h), for scripts/synthesize-area: W is the width of an
// operand, S that of a sum. All arithmetic is combinational unless the part says otherwise.
module multiplier #(parameter int W = 16) (
    input  logic signed [W-1:0] a, b,
    output logic signed [2*W-1:0] z
);
  assign z = a * b;
endmodule

// Adds a product to a sum.
module sum_adder #(parameter int S = 32) (
    input  logic [S-1:0] a, b,
    output logic [S-1:0] z
);
  assign z = a + b;
endmodule

// The whole PE of the ViTALiTy array: both operand multiplexers, held, moving and sum registers.
module processing_element #(parameter int W = 16, S = 32) (
    input  logic clk, load, pick,
    input  logic signed [W-1:0] v, g, k_hat, q,
    output logic signed [W-1:0] held, moving,
    input  logic signed [S-1:0] sum_in,
    output logic signed [S-1:0] sum
);
  wire signed [2*W-1:0] product = moving * held;
  always_ff @(posedge clk) begin
    if (load) held <= pick ? v : g;
    moving <= pick ? k_hat : q;
    sum <= sum_in + product;
  end
endmodule

module operand_register #(parameter int W = 16) (
    input  logic clk,
    input  logic [W-1:0] d,
    output logic [W-1:0] q
);
  always_ff @(posedge clk) q <= d;
endmodule

module held_register #(parameter int W = 16) (
    input  logic clk, load,
    input  logic [W-1:0] d,
    output logic [W-1:0] q
);
  always_ff @(posedge clk) if (load) q <= d;
endmodule

// N inputs: N - 1 multiplexers of two inputs.
module multiplexer #(parameter int W = 16, N = 66) (
    input  logic [N*W-1:0] a,
    input  logic [$clog2(N)-1:0] s,
    output logic [W-1:0] z
);
  assign z = a[s*W +: W];
endmodule

// Elementwise, with registers for both operands and the result.
module adder #(parameter int W = 16) (
    input  logic clk,
    input  logic signed [W-1:0] a, b,
    output logic signed [W-1:0] z
);
  logic signed [W-1:0] left, right;
  always_ff @(posedge clk) begin
    left <= a;
    right <= b;
    z <= left + right;
  end
endmodule

module accumulator #(parameter int W = 16, S = 32) (
    input  logic clk, clear,
    input  logic signed [W-1:0] a,
    output logic signed [S-1:0] z
);
  always_ff @(posedge clk) z <= clear ? S'(a) : z + S'(a);
endmodule

// Restoring division, a quotient bit and a pipeline stage each; the divisor moves along.
module divider #(parameter int W = 16) (
    input  logic clk,
    input  logic [W-1:0] n, d,
    output logic [W-1:0] q
);
  logic [W-1:0] quotient[0:W], divisor[0:W];
  logic [W:0] rest[0:W];
  always_ff @(posedge clk) begin
    quotient[0] <= n;
    divisor[0] <= d;
    rest[0] <= 0;
  end
  for (genvar i = 0; i < W; i++) begin : stage
    wire [W:0] shifted = {rest[i][W-1:0], quotient[i][W-1]};
    wire [W:0] difference = shifted - {1'b0, divisor[i]};
    always_ff @(posedge clk) begin
      rest[i+1] <= difference[W] ? shifted : difference;
      quotient[i+1] <= {quotient[i][W-2:0], !difference[W]};
      divisor[i+1] <= divisor[i];
    end
  end
  assign q = quotient[W];
endmodule

// 2^y of y = x log2(e) = x + x/2 - x/16 with 8 bits of fraction, x <= 0: 1 + a table of 64 entries, shifted.
module exponential #(parameter int W = 16) (
    input  logic clk,
    input  logic signed [W-1:0] x,
    output logic [W-1:0] z
);
  localparam logic [511:0] kTable = 512'hfaf5f0eae5e0dbd6d0cbc6c2bdb8b3afaaa5a19c98938f8b87827e7a76726e6a66625e5b5753504c4845413e3a3734302d2a2724201d1a1714110e0b08060300;
  logic signed [W-1:0] y;
  logic [8:0] mantissa;
  logic [3:0] shift;
  assign y = x + (x >>> 1) - (x >>> 4);
  assign mantissa = {1'b1, kTable[y[7:2]*8 +: 8]};
  assign shift = y < -16'sd3840 ? 4'd15 : -y[11:8];
  always_ff @(posedge clk) z <= W'(mantissa >> shift);
endmodule

module comparator #(parameter int W = 16) (
    input  logic signed [W-1:0] a, b,
    output logic z
);
  assign z = a < b;
endmodule

// As in Sanger's dense mask predictor: W bits an operand, a sum that also shifts out.
module predictor_pe #(parameter int W = 4, S = 12) (
    input  logic clk, run, move,
    input  logic [W-1:0] a, b,
    input  logic [S-1:0] sum_in,
    output logic [W-1:0] right, below,
    output logic [S-1:0] sum
);
  always_ff @(posedge clk) begin
    if (run) begin
      right <= a;
      below <= b;
      sum <= sum + right * below;
    end else if (move) begin
      sum <= sum_in;
    end
  end
endmodule

// The delay line of a reconfigurable PE of Sanger: N results, any of which can be read.
module delay_buffer #(parameter int W = 16, N = 48) (
    input  logic clk, shift,
    input  logic [W-1:0] a,
    input  logic [$clog2(N+1)-1:0] s,
    output logic [W-1:0] z
);
  logic [N*W-1:0] line;
  wire [(N+1)*W-1:0] all = {line, a};
  always_ff @(posedge clk) if (shift) line <= all[N*W-1:0];
  assign z = all[s*W +: W];
endmodule
