// One lane of the divider array: x times a factor over a divisor as a code, rounded half to even and saturated, in
// BITS + 2 edges, one operand an edge. The first stage multiplies, BITS stages find a bit of the quotient each, the last
// one rounds.
module divider
  import head_pkg::*;
#(
    parameter int BITS = 16
) (
    input  logic        clk,
    input  logic        reset,
    input  logic        valid,
    input  wide_t       x,
    input  wide_t       divisor,
    input  factor_t     factor,
    input  logic [14:0] limit,
    input  address_t    address,        // where the quotient goes
    input  logic        mark,           // travels with the operand
    output logic        result_write,
    output wide_t       result,
    output address_t    result_address,
    output logic        result_mark
);
  // Registers behind the first stage, and behind each bit; read and written in the block below alone, the last stage first.
  logic there[BITS+1], negative[BITS+1], marked[BITS+1], beyond[BITS+1];
  address_t to[BITS+1];
  logic [127:0] rest[BITS+1], by[BITS+1];
  logic [BITS-1:0] quotient[BITS+1];

  function automatic wide_t nearest(input logic [127:0] r, input logic [127:0] d, input logic [BITS-1:0] q);
    return wide_t'({32'd0, q}) + (r << 1 > d || (r << 1 == d && q[0]) ? 48'sd1 : 48'sd0);
  endfunction

  /* verilator lint_off BLKSEQ */
  always_ff @(posedge clk) begin
    result_write <= !reset && there[BITS];
    result_mark <= marked[BITS];
    result_address <= to[BITS];
    if (there[BITS]) begin
      if (beyond[BITS]) result <= negative[BITS] ? -wide_t'({33'd0, limit}) : wide_t'({33'd0, limit});
      else if (negative[BITS]) result <= saturated(-nearest(rest[BITS], by[BITS], quotient[BITS]), limit);
      else result <= saturated(nearest(rest[BITS], by[BITS], quotient[BITS]), limit);
    end
    for (int i = BITS; i > 0; i--) begin
      there[i] = there[i-1] && !reset;
      if (there[i-1]) begin
        negative[i] = negative[i-1];
        marked[i] = marked[i-1];
        beyond[i] = beyond[i-1];
        to[i] = to[i-1];
        by[i] = by[i-1];
        rest[i] = rest[i-1];
        quotient[i] = quotient[i-1];
        if (rest[i-1] >= by[i-1] << (BITS - i)) begin
          rest[i] = rest[i-1] - (by[i-1] << (BITS - i));
          quotient[i] = quotient[i-1] | BITS'(1 << (BITS - i));
        end
      end
    end
    there[0] = valid && !reset;
    if (valid) begin
      negative[0] = (x < 0) != (divisor < 0);
      marked[0] = mark;
      to[0] = address;
      rest[0] = 128'(unsigned'(x < 0 ? -x : x)) * 128'(factor.mantissa);
      by[0] = 128'(unsigned'(divisor < 0 ? -divisor : divisor)) << factor.shift;
      beyond[0] = rest[0] >= by[0] << BITS;
      quotient[0] = 0;
    end
  end
  /* verilator lint_on BLKSEQ */
endmodule
