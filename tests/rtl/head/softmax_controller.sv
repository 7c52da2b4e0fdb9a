// The order of softmax attention with whole rows of scores: for each chunk of queries SCORES, SOFTMAX, WEIGHTED. The
// rules are those of controller.sv.
module softmax_controller
  import head_pkg::*;
#(
    parameter int R = 4,
    parameter int C = 4
) (
    input  logic   clk,
    input  logic   reset,
    input  setup_t setup,
    input  logic   array_idle,
    input  logic   array_released,
    input  op_t    array_running,
    input  logic   array_done,
    input  op_t    array_done_op,
    input  logic   special_idle,
    input  logic   special_done,
    output logic   array_start,
    output job_t   array_job,
    output logic   special_start,
    output job_t   special_job,
    output logic   finished
);
  logic [7:0] query_chunks;
  assign query_chunks = 8'(passes(setup.queries, setup.query_chunk));

  typedef enum logic [1:0] {
    S,
    P,
    Z
  } step_t;
  job_t next[3];
  logic left[3], ends[3], advance[3], ready[3], go[3];
  logic [7:0] head[3], place[3];
  int jobs_done[3], jobs_released[3], order[3];
  for (genvar o = 0; o < 3; o++) begin : g_stream
    job_stream #(
        .K_TILE(o == int'(P) ? 0 : R),
        .N_TILE(o == int'(P) ? 0 : C),
        .WHOLE(1)
    ) u_stream (
        .clk,
        .reset,
        .op(o == int'(S) ? SCORES : o == int'(P) ? SOFTMAX : WEIGHTED),
        .heads(setup.heads),
        .total(setup.queries),
        .keys(setup.keys),
        .chunk(setup.query_chunk),
        .k_extent(o == int'(S) ? setup.depth : setup.keys),
        .n_extent(o == int'(S) ? setup.keys : setup.value_depth),
        .tiles_two(setup.tile_sets == 2),
        .advance(advance[o]),
        .left(left[o]),
        .job(next[o]),
        .head(head[o]),
        .place(place[o]),
        .group_ends(ends[o])
    );
  end

  int program_q;        // with `serial`: the place of the next job
  logic [7:0] running_q;
  logic on_array_q, counts_q, done_counts_q;
  always_comb begin
    for (int o = 0; o < 3; o++) begin
      int i, chunks;
      i = int'(next[o].index);
      chunks = int'(query_chunks);
      order[o] = 3 * i + o;
      case (o)
        // K of the head two before (or one) has been read, Q's buffer too, and P in the place of these scores.
        0: ready[o] = left[o] && jobs_released[S] > (int'(head[o]) - int'(setup.key_sets) + 1) * chunks - 1 &&
            jobs_released[S] > i - int'(setup.query_sets) && jobs_released[Z] > i - int'(setup.tile_sets);
        1: ready[o] = left[o] && jobs_done[S] > i;
        default: ready[o] = left[o] && jobs_done[P] > i && jobs_done[Z] > i - int'(setup.tile_sets) &&
            jobs_released[Z] > (int'(head[o]) - int'(setup.value_sets) + 1) * chunks - 1;
      endcase
    end
    for (int o = 0; o < 3; o++) begin
      go[o] = !reset && ready[o] && (o == int'(P) ? special_idle : array_idle);
      if (setup.serial) go[o] = go[o] && order[o] == program_q && ((o != int'(P)) == on_array_q || running_q == 0);
    end
    // Of two products the one that comes first in the program.
    if (go[S] && go[Z]) begin
      if (order[S] < order[Z]) go[Z] = 0;
      else go[S] = 0;
    end
    advance = go;
    array_start = go[S] || go[Z];
    array_job = go[S] ? next[S] : next[Z];
    special_start = go[P];
    special_job = next[P];
    finished = !left[Z] && jobs_done[Z] == int'(setup.heads) * int'(query_chunks);
  end

  int done_d[3], released_d[3];
  logic [7:0] running_d;
  always_comb begin
    done_d = jobs_done;
    released_d = jobs_released;
    running_d = running_q + 8'(array_start) + 8'(special_start) - 8'(array_done) - 8'(special_done);
    if (array_done && done_counts_q) begin
      if (array_done_op == SCORES) done_d[S] = done_d[S] + 1;
      else done_d[Z] = done_d[Z] + 1;
    end
    if (special_done) done_d[P] = done_d[P] + 1;
    if (array_released && counts_q) begin
      if (array_running == SCORES) released_d[S] = released_d[S] + 1;
      else released_d[Z] = released_d[Z] + 1;
    end
    for (int o = 0; o < 3; o++) begin
      if (reset) done_d[o] = 0;
      if (reset) released_d[o] = 0;
    end
  end
  always_ff @(posedge clk) begin
    if (array_start) counts_q <= go[S] ? ends[S] : ends[Z];
    done_counts_q <= counts_q;
    jobs_done <= done_d;
    jobs_released <= released_d;
    running_q <= reset ? 8'd0 : running_d;
    if (reset) program_q <= 0;
    else if (special_start || (go[S] && ends[S]) || (go[Z] && ends[Z])) program_q <= program_q + 1;
    if (array_start || special_start) on_array_q <= array_start;
  end
endmodule
