// What the modules of attention heads in SystemVerilog share: sizes, descriptors of jobs, registers of the host, and
// the rounding of the datapath (docs/algorithm.md, 2.3).
package head_pkg;
  parameter int ROWS = 640;  // tokens, and queries, of all heads together
  parameter int CHUNK = 256; // queries of a chunk
  parameter int WIDTH = 64;  // largest d and e
  parameter int KEYS_MOST = 256;  // columns of a tile of scores

  typedef logic signed [16:0] code_t;  // a code; K_hat has one bit more than an operand
  typedef logic signed [47:0] wide_t;  // partial sums and wide intermediates

  // The map of the scratchpad, in elements: matrices of WIDTH columns (T: of KEYS_MOST, because it holds scores too), then
  // vectors. Two buffers where two are listed.
  typedef logic [18:0] address_t;
  localparam int KEYS = 0;                           // K, then K_hat
  localparam int VALUES = KEYS + ROWS * WIDTH;
  localparam int QUERIES = VALUES + ROWS * WIDTH;
  localparam int RESULTS = QUERIES + ROWS * WIDTH;
  localparam int CONTEXTS = RESULTS + ROWS * WIDTH;  // G
  localparam int TILES = CONTEXTS + WIDTH * WIDTH;   // T, two
  localparam int DENOMINATORS = TILES + 2 * CHUNK * KEYS_MOST;  // t_D, two
  localparam int MEANS = DENOMINATORS + 2 * CHUNK;          // two, as are the sums
  localparam int KEY_SUMS = MEANS + 2 * WIDTH;
  localparam int VALUE_SUMS = KEY_SUMS + 2 * WIDTH;

  function automatic address_t at(input int base, input int row, input int column);
    return address_t'(base + row * WIDTH + column);
  endfunction

  function automatic address_t at_tile(input logic slot, input int row, input int column);
    return address_t'(TILES + ((slot ? CHUNK : 0) + row) * KEYS_MOST + column);
  endfunction

  typedef enum logic [3:0] {
    KEY_SUM,      // accumulators: 1^T K                  step 1
    MEAN,         // dividers: K_bar
    CENTRE,       // adders: K_hat, in place of K
    CONTEXT,      // SA-General: G = K_hat^T V            step 2
    KHAT_SUM,     // accumulators: k_hat_sum              step 3
    VALUE_SUM,    // accumulators: v_sum
    DOT,          // SA-Diag: Q k_hat_sum^T               step 4
    DENOMINATOR,  // adders: t_D
    SCALE,        // SA-Diag: sqrt(d) v_sum               step 5
    QUERY,        // SA-General: Q G
    NUMERATOR,    // adders: T_N
    DIVIDE,       // dividers: Z                          step 6
    // softmax attention
    SCORES,       // SA-General: S = Q K^T / sqrt(d)
    SOFTMAX,      // special functions: P, in place of S
    WEIGHTED      // SA-General: Z = P V
  } op_t;
  localparam int OPS = 12;  // of a Taylor head

  typedef enum logic [2:0] {
    SA_GENERAL,
    SA_DIAG,
    ACCUMULATORS,
    DIVIDERS,
    ADDERS
  } unit_t;
  localparam int UNITS = 5;

  // One job of a unit: a chunk of tokens or queries, or one stationary tile of a product.
  typedef struct packed {
    op_t op;
    logic [7:0] index;  // of the chunk, over all heads
    logic head_slot;    // which of two buffers: mean and sums
    logic query_slot;   // the same for t_D
    logic tile_slot;    // the same for T
    logic first;        // sums begin at zero
    logic last;         // ... and end here
    logic [9:0] base;   // first row, over all heads
    logic [9:0] key_base;  // first key of the head
    logic [8:0] rows;   // of the chunk
    logic [8:0] k, n;   // where the stationary tile begins
  } job_t;

  // x * mantissa / 2^shift
  typedef struct packed {
    logic [52:0] mantissa;
    logic [6:0]  shift;
  } factor_t;

  // Registers that the host writes before it starts the head.
  typedef struct packed {
    logic [3:0] heads;
    logic [8:0] keys, queries, depth, value_depth;  // n, m, d, e
    logic [8:0] key_chunk, query_chunk;
    logic [1:0] key_sets, value_sets, query_sets, tile_sets;  // buffers of K, V, Q, T: 1 or 2
    logic serial;                                            // the pipeline within the layer is off
    logic [6:0] accumulator_lanes, adder_lanes, divider_lanes, special_lanes;
    logic [6:0] divide_lanes, divide_lanes_of_last;  // that a division of Z uses, of the last chunk of a head
    logic [5:0] code_bits, sum_bits;  // as the ports count them: of a code, of a sum; wide intermediates have 32
    logic [14:0] limit;                              // the largest code
    wide_t constant;                                 // n sqrt(d) in units of t_D
    // Softmax: the first rounds Z, the second the scores.
    factor_t context_factor, query_factor, value_factor, result_factor;
  } setup_t;

  // Nearest integer to x times the factor, ties to even.
  function automatic wide_t rounded(input logic signed [63:0] x, input factor_t f);
    logic [127:0] product, rest, half;
    logic [63:0] magnitude;
    magnitude = x < 0 ? -x : x;
    product = 128'(magnitude) * 128'(f.mantissa);
    rest = product & ((128'd1 << f.shift) - 1);
    half = f.shift == 0 ? '1 : 128'd1 << (f.shift - 1);
    product = product >> f.shift;
    if (rest > half || (rest == half && product[0])) product = product + 1;
    return x < 0 ? -wide_t'(product) : wide_t'(product);
  endfunction

  function automatic wide_t saturated(input wide_t x, input logic [14:0] limit);
    wide_t most;
    most = wide_t'({33'd0, limit});
    return x > most ? most : x < -most ? -most : x;
  endfunction

  function automatic logic [8:0] passes(input logic [8:0] columns, input logic [8:0] lanes);
    return 9'((10'(columns) + 10'(lanes) - 1) / 10'(lanes));
  endfunction
endpackage
