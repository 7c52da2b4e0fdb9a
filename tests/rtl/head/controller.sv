// The order of a Taylor head (Algorithm 1). Each step is a stream of jobs on its unit. A job can start when what it
// reads is in the scratchpad and what it overwrites has been read; a unit that is free starts, of the steps that can,
// the one that comes first in the program. With `serial` the program runs job by job: a job waits for the end of the one
// before it, or, on the same unit, until that has left the unit.
// The program of a head: the sums of all chunks of K; the mean; for each chunk of tokens CENTRE, KHAT_SUM, VALUE_SUM,
// CONTEXT; SCALE; for each chunk of queries DOT, DENOMINATOR, QUERY, NUMERATOR, DIVIDE.
module controller
  import head_pkg::*;
#(
    parameter int R = 4,
    parameter int C = 4
) (
    input  logic   clk,
    input  logic   reset,
    input  setup_t setup,
    input  logic   idle    [UNITS],
    input  logic   chained,          // of the dividers
    input  logic   released[UNITS],
    input  op_t    running [UNITS],  // the op of what is released
    input  logic   done    [UNITS],
    input  op_t    done_op [UNITS],
    output logic   start   [UNITS],
    output job_t   job     [UNITS],
    output logic   finished
);
  function automatic unit_t unit_of(input op_t op);
    case (op)
      CONTEXT, QUERY: return SA_GENERAL;
      DOT, SCALE: return SA_DIAG;
      KEY_SUM, KHAT_SUM, VALUE_SUM: return ACCUMULATORS;
      MEAN, DIVIDE: return DIVIDERS;
      default: return ADDERS;
    endcase
  endfunction
  function automatic logic of_queries(input op_t op);
    return op == DOT || op == DENOMINATOR || op == QUERY || op == NUMERATOR || op == DIVIDE;
  endfunction
  function automatic logic of_head(input op_t op);
    return op == MEAN || op == SCALE;
  endfunction

  logic [7:0] key_chunks, query_chunks;
  assign key_chunks = 8'(passes(setup.keys, setup.key_chunk));
  assign query_chunks = 8'(passes(setup.queries, setup.query_chunk));

  // Streams, and how many of their jobs have been done, and have read their operands. A product counts when all of its
  // tiles have.
  job_t next[OPS];
  logic left[OPS], ends[OPS], advance[OPS];
  logic [7:0] head[OPS], place[OPS];
  logic [15:0] jobs_done[OPS], jobs_released[OPS];
  for (genvar o = 0; o < OPS; o++) begin : g_stream
    localparam logic PRODUCT = o == int'(CONTEXT) || o == int'(QUERY);
    job_stream #(
        .K_TILE(PRODUCT ? R : 0),
        .N_TILE(PRODUCT ? C : 0),
        .WHOLE(o == int'(QUERY))
    ) u_stream (
        .clk,
        .reset,
        .op(op_t'(o)),
        .heads(setup.heads),
        .total(of_head(op_t'(o)) ? 9'd1 : of_queries(op_t'(o)) ? setup.queries : setup.keys),
        .keys(setup.keys),
        .chunk(of_head(op_t'(o)) ? 9'd1 : of_queries(op_t'(o)) ? setup.query_chunk : setup.key_chunk),
        .k_extent(o == int'(QUERY) ? setup.depth : 9'd0),
        .n_extent(setup.value_depth),
        .tiles_two(setup.tile_sets == 2),
        .advance(advance[o]),
        .left(left[o]),
        .job(next[o]),
        .head(head[o]),
        .place(place[o]),
        .group_ends(ends[o])
    );
  end

  // Buffers of K: one load a head, or, where a head has several chunks, two loads of each, the second one for K_hat.
  // Number u of these loads has been read by all that read it.
  function automatic logic key_buffer_read(input int u);
    int h, p;
    if (u < 0) return 1;
    if (key_chunks == 1) return int'(jobs_released[KHAT_SUM]) > u && int'(jobs_released[CONTEXT]) > u;
    h = u / (2 * int'(key_chunks));
    p = u % (2 * int'(key_chunks));
    if (p < int'(key_chunks)) return int'(jobs_released[KEY_SUM]) > h * int'(key_chunks) + p;
    p = h * int'(key_chunks) + p - int'(key_chunks);
    return int'(jobs_released[KHAT_SUM]) > p && int'(jobs_released[CONTEXT]) > p;
  endfunction
  // All jobs of the op up to number i have been done, or have read their operands.
  function automatic logic did(input op_t op, input int i);
    return int'(jobs_done[op]) > i;
  endfunction
  function automatic logic has_read(input op_t op, input int i);
    return int'(jobs_released[op]) > i;
  endfunction

  logic ready[OPS];
  logic [15:0] order[OPS];  // place in the program
  always_comb begin
    int i, h, keys, queries, first, stride;
    keys = int'(key_chunks);
    queries = int'(query_chunks);
    stride = 5 * keys + 2 + 5 * queries;
    for (int o = 0; o < OPS; o++) begin
      i = int'(next[o].index);
      h = int'(head[o]);
      ready[o] = left[o];
      first = 5 * keys + 2 + 5 * int'(place[o]);
      case (op_t'(o))
        KEY_SUM: begin
          first = int'(place[o]);
          ready[o] = ready[o] && key_buffer_read((keys == 1 ? h : 2 * keys * h + int'(place[o])) - int'(setup.key_sets));
          if (place[o] == 0) ready[o] = ready[o] && has_read(CENTRE, (h - 1) * keys - 1);
          else ready[o] = ready[o] && did(KEY_SUM, i - 1);
        end
        MEAN: begin
          first = keys;
          ready[o] = ready[o] && did(KEY_SUM, (h + 1) * keys - 1) && !chained;
        end
        CENTRE: begin
          first = keys + 1 + 4 * int'(place[o]);
          ready[o] = ready[o] && did(MEAN, h);
          if (keys > 1) ready[o] = ready[o] && key_buffer_read(2 * keys * h + keys + int'(place[o]) - int'(setup.key_sets));
        end
        KHAT_SUM: begin
          first = keys + 2 + 4 * int'(place[o]);
          ready[o] = ready[o] && did(CENTRE, i);
          if (place[o] == 0) ready[o] = ready[o] && has_read(DOT, (h - 1) * queries - 1);
          else ready[o] = ready[o] && did(KHAT_SUM, i - 1);
        end
        VALUE_SUM: begin
          first = keys + 3 + 4 * int'(place[o]);
          ready[o] = ready[o] && has_read(VALUE_SUM, i - int'(setup.value_sets)) && has_read(CONTEXT, i - int'(setup.value_sets));
          if (place[o] == 0) ready[o] = ready[o] && has_read(NUMERATOR, (h - 1) * queries - 1);
          else ready[o] = ready[o] && did(VALUE_SUM, i - 1);
        end
        CONTEXT: begin
          first = keys + 4 + 4 * int'(place[o]);
          ready[o] = ready[o] && did(CENTRE, i) && has_read(QUERY, h * queries - 1) &&
              has_read(VALUE_SUM, i - int'(setup.value_sets)) && has_read(CONTEXT, i - int'(setup.value_sets));
        end
        SCALE: begin
          first = 5 * keys + 1;
          ready[o] = ready[o] && did(VALUE_SUM, (h + 1) * keys - 1);
        end
        DOT: begin
          ready[o] = ready[o] && did(KHAT_SUM, (h + 1) * keys - 1) && has_read(DIVIDE, i - 2) &&
              has_read(DOT, i - int'(setup.query_sets)) && has_read(QUERY, i - int'(setup.query_sets));
        end
        DENOMINATOR: begin
          first = first + 1;
          ready[o] = ready[o] && did(DOT, i);
        end
        QUERY: begin
          first = first + 2;
          ready[o] = ready[o] && did(CONTEXT, (h + 1) * keys - 1) && did(DIVIDE, i - int'(setup.tile_sets)) &&
              has_read(DOT, i - int'(setup.query_sets)) && has_read(QUERY, i - int'(setup.query_sets));
        end
        NUMERATOR: begin
          first = first + 3;
          ready[o] = ready[o] && did(QUERY, i) && did(SCALE, h);
        end
        default: begin  // DIVIDE
          first = first + 4;
          ready[o] = ready[o] && did(NUMERATOR, i) && did(DENOMINATOR, i);
        end
      endcase
      order[o] = 16'(h * stride + first);
    end
  end

  logic [15:0] program_q;      // with `serial`: the place of the next job
  logic [7:0] running_q;       // jobs that have started and have not ended
  unit_t unit_q;               // of the last job
  always_comb begin
    for (int u = 0; u < UNITS; u++) begin
      int best;
      best = OPS;
      for (int o = 0; o < OPS; o++) begin
        if (int'(unit_of(op_t'(o))) == u && ready[o] && (best == OPS || order[o] < order[best])) best = o;
      end
      start[u] = !reset && best < OPS && idle[u];
      if (setup.serial && best < OPS)
        start[u] = start[u] && order[best] == program_q && (int'(unit_q) == u || running_q == 0);
      job[u] = best < OPS ? next[best] : '0;
    end
    for (int o = 0; o < OPS; o++)
      advance[o] = start[int'(unit_of(op_t'(o)))] && int'(job[int'(unit_of(op_t'(o)))].op) == o;
    finished = !left[DIVIDE] && jobs_done[DIVIDE] == 16'(setup.heads) * 16'(query_chunks);
  end

  // Tiles of a product in flight on SA-General: those before the last one do not count.
  logic counts_q;
  logic done_counts_q;
  logic [15:0] done_d[OPS], released_d[OPS];
  logic [7:0] running_d;
  always_comb begin
    running_d = running_q;
    done_d = jobs_done;
    released_d = jobs_released;
    for (int u = 0; u < UNITS; u++) begin
      if (start[u]) running_d = running_d + 1;
      if (done[u]) running_d = running_d - 1;
      if (done[u] && (u != int'(SA_GENERAL) || done_counts_q)) done_d[done_op[u]] = done_d[done_op[u]] + 1;
      if (released[u] && (u != int'(SA_GENERAL) || counts_q)) released_d[running[u]] = released_d[running[u]] + 1;
    end
    for (int o = 0; o < OPS; o++) begin
      if (reset) done_d[o] = 0;
      if (reset) released_d[o] = 0;
    end
  end
  always_ff @(posedge clk) begin
    if (start[SA_GENERAL]) counts_q <= ends[job[SA_GENERAL].op];
    done_counts_q <= counts_q;  // the last sum is written while the next tile may start
    jobs_done <= done_d;
    jobs_released <= released_d;
    running_q <= running_d;
    if (reset) begin
      program_q <= 0;
      running_q <= 0;
      unit_q <= SA_GENERAL;
    end
    for (int u = 0; u < UNITS; u++) begin
      if (!reset && start[u] && setup.serial) begin
        unit_q <= unit_t'(u);
        if (u != int'(SA_GENERAL) || ends[job[u].op]) program_q <= program_q + 1;
      end
    end
  end
endmodule
