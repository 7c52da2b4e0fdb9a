// The jobs of one step of Algorithm 1, in order: chunk by chunk, head by head, and, for products, stationary tile by
// stationary tile (tiles of the contraction outside, columns of the result inside).
module job_stream
  import head_pkg::*;
#(
    parameter int K_TILE = 0,  // 0: no product
    parameter int N_TILE = 0,
    parameter bit WHOLE = 0    // a product's contraction lies within a job, not in all chunks of a head
) (
    input  logic       clk,
    input  logic       reset,
    input  op_t        op,
    input  logic [3:0] heads,
    input  logic [8:0] total,      // rows of a head
    input  logic [8:0] keys,
    input  logic [8:0] chunk,      // rows of a job; the last one of a head has what is left
    input  logic [8:0] k_extent,   // of a product: its contraction (0: the job's rows) and its columns
    input  logic [8:0] n_extent,
    input  logic       tiles_two,  // there are two buffers of T
    input  logic       advance,
    output logic       left,       // there is a job left
    output job_t       job,
    output logic [7:0] head,
    output logic [7:0] place,      // of the chunk in its head
    output logic       group_ends  // no other tile of this product follows
);
  logic [7:0] head_q, place_q, index_q;
  logic [9:0] head_base_q, key_base_q;
  logic [8:0] from_q, k_q, n_q, rows, contraction;
  logic last_n, last_k, last_chunk;

  assign rows = total - from_q < chunk ? total - from_q : chunk;
  assign contraction = k_extent == 0 ? rows : k_extent;
  assign last_n = N_TILE == 0 || int'(n_q) + N_TILE >= int'(n_extent);
  assign last_k = K_TILE == 0 || int'(k_q) + K_TILE >= int'(contraction);
  assign last_chunk = from_q + rows == total;
  assign left = head_q < 8'(heads);
  assign head = head_q;
  assign place = place_q;
  assign group_ends = last_n && last_k;

  always_comb begin
    job = '0;
    job.op = op;
    job.index = index_q;
    job.head_slot = head_q[0];
    job.query_slot = index_q[0];
    job.tile_slot = tiles_two && index_q[0];
    job.base = head_base_q + 10'(from_q);
    job.key_base = key_base_q;
    job.rows = rows;
    job.k = k_q;
    job.n = n_q;
    job.first = k_q == 0 && (place_q == 0 || WHOLE);
    job.last = last_k && (last_chunk || WHOLE);
  end

  always_ff @(posedge clk) begin
    if (reset) begin
      {head_q, place_q, index_q, head_base_q, key_base_q, from_q, k_q, n_q} <= '0;
    end else if (advance) begin
      n_q <= last_n ? 9'd0 : n_q + 9'(N_TILE);
      if (last_n) k_q <= last_k ? 9'd0 : k_q + 9'(K_TILE);
      if (group_ends) begin
        index_q <= index_q + 1;
        place_q <= last_chunk ? 8'd0 : place_q + 1;
        from_q  <= last_chunk ? 9'd0 : from_q + rows;
        if (last_chunk) begin
          head_q <= head_q + 1;
          head_base_q <= head_base_q + 10'(total);
          key_base_q <= key_base_q + 10'(keys);
        end
      end
    end
  end
endmodule
