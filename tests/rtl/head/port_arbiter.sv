// The ports of the scratchpad: so many bits a cycle to read, and as many to write, shared by the units' streams. The
// stream that began first takes what its next row needs, then the next one; rows wait in the stream's FIFO, which has room
// for one beyond the one that comes next. 0 bits: nothing is refused. Stationary tiles find their ports free.
module port_arbiter
  import head_pkg::*;
(
    input  logic        clk,
    input  logic        reset,
    input  logic [15:0] port_bits,
    input  logic        begins    [UNITS],
    input  logic        asks      [UNITS],
    input  logic [15:0] read_bits [UNITS],  // of the row that comes next
    input  logic [15:0] write_bits[UNITS],
    output logic        grant     [UNITS]
);
  logic [31:0] now_q, since_q[UNITS], since[UNITS];
  logic [15:0] read_q[UNITS], write_q[UNITS], read_d[UNITS], write_d[UNITS];
  always_comb begin
    logic served[UNITS];
    logic [15:0] read_left, write_left, part;
    part = 0;
    read_left = port_bits;
    write_left = port_bits;
    read_d = read_q;
    write_d = write_q;
    for (int u = 0; u < UNITS; u++) begin
      since[u]  = begins[u] ? now_q : since_q[u];
      served[u] = 0;
      if (begins[u]) read_d[u] = 0;
      if (begins[u]) write_d[u] = 0;
      grant[u]  = port_bits == 0;
    end
    for (int turn = 0; turn < UNITS; turn++) begin
      int best;
      best = UNITS;
      for (int u = 0; u < UNITS; u++) begin
        if (!served[u] && (best == UNITS || since[u] < since[best])) best = u;
      end
      served[best] = 1;
      if (asks[best] && port_bits != 0) begin
        part = 2 * read_bits[best] - read_d[best] < read_left ? 2 * read_bits[best] - read_d[best] : read_left;
        if (2 * read_bits[best] < read_d[best]) part = 0;
        read_d[best] = read_d[best] + part;
        read_left = read_left - part;
        part = 2 * write_bits[best] - write_d[best] < write_left ? 2 * write_bits[best] - write_d[best] : write_left;
        if (2 * write_bits[best] < write_d[best]) part = 0;
        write_d[best] = write_d[best] + part;
        write_left = write_left - part;
        if (read_d[best] >= read_bits[best] && write_d[best] >= write_bits[best]) begin
          grant[best]   = 1;
          read_d[best]  = read_d[best] - read_bits[best];
          write_d[best] = write_d[best] - write_bits[best];
        end
      end
    end
    for (int u = 0; u < UNITS; u++) begin
      if (reset) read_d[u] = 0;
      if (reset) write_d[u] = 0;
    end
  end
  always_ff @(posedge clk) begin
    now_q <= reset ? 0 : now_q + 1;
    since_q <= since;
    read_q <= read_d;
    write_q <= write_d;
  end
endmodule
