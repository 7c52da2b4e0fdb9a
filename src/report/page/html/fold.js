// Equal blocks of a model as one: layers that differ by the number of their block and by when they ran, and in nothing else but the errors of their
// values, which depend on the data. The terminal's table folds by the same rule (src/report/result_text.cpp).

const BLOCK = /^(.*?[._/])?(\d+)([._/].*)$/;  // blocks.3.attn.qkv -> "blocks.", 3, ".attn.qkv"
function withoutPlace(raw) {
  const { name, start_cycle, end_cycle, numerics, prefetch, ...rest } = raw;
  if (prefetch) rest.prefetch = { ...prefetch, start_cycle: 0 };
  rest.span = end_cycle - start_cycle;
  return JSON.stringify(rest);
}
// 0, 1, 2, 5 -> "0-2,5"
function numberRanges(numbers) {
  const parts = [];
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = parts[parts.length - 1];
    if (last && last[1] + 1 === n) last[1] = n;
    else parts.push([n, n]);
  }
  return parts.map(([low, high]) => (low === high ? `${low}` : `${low}-${high}`)).join(",");
}
// Rows as the table takes them, in the order of the first of each: times = how many layers a row stands for. A folded row has the values of its first
// layer, and the errors of the one with the largest.
function foldEqualBlocks(layers) {
  const groups = groupBy(layers, (layer) => {
    const parts = BLOCK.exec(layer.name);
    return parts ? JSON.stringify([parts[1], parts[3], withoutPlace(layer.raw)]) : layer;
  });
  return [...groups.values()].map((members) => {
    if (members.length === 1) return { ...members[0], times: 1 };
    const [, before, , after] = BLOCK.exec(members[0].name), error = (l) => l.max_rel_error ?? -1;
    const worst = members.reduce((a, b) => (error(b) > error(a) ? b : a));
    return { ...members[0], times: members.length, name: `${before ?? ""}${numberRanges(members.map((l) => Number(BLOCK.exec(l.name)[2])))}${after}`,
      max_rel_error: worst.max_rel_error, raw: worst.raw.numerics ? { ...members[0].raw, numerics: worst.raw.numerics } : members[0].raw };
  });
}
