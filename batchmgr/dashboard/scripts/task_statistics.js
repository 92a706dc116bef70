// What can be said of many tasks: run times by kind, and counts over time.

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))];
}

/** Run times of tasks that have ended, by kind: the kind with the largest sum first. */
function runTimesByKind(columns) {
  const counts = new Uint32Array(columns.kinds.length + 1);
  const ended = [];
  for (let row = 0; row < columns.size; row += 1) {
    const length = columns.end[row] - columns.start[row];
    if (length >= 0) {
      counts[columns.kind[row] + 1] += 1;
      ended.push(row);
    }
  }
  const lengths = Array.from(counts, (count) => new Float64Array(count));
  const filledTo = new Uint32Array(counts.length);
  for (const row of ended) {
    const at = columns.kind[row] + 1;
    lengths[at][filledTo[at]++] = columns.end[row] - columns.start[row];
  }
  const found = lengths.map((times, at) => statistics(columns.kinds[at - 1] ?? "(no kind)", times.sort()));
  return found.filter((one) => one.count > 0).sort((a, b) => b.sum - a.sum);
}

function statistics(kind, times) {
  let sum = 0;
  for (const time of times) sum += time;
  return {
    kind,
    times,
    count: times.length,
    sum,
    mean: sum / times.length,
    least: times[0],
    most: times.at(-1),
    p50: percentile(times, 0.5),
    p90: percentile(times, 0.9),
    p99: percentile(times, 0.99),
  };
}

/** Counts at the ends of equal spans up to `until`: waiting, running, succeeded, failed, and nodes in use. */
function countsOverTime(columns, until, spans) {
  const change = () => new Float64Array(spans + 1);
  const started = change(),
    ended = change(),
    failed = change();
  const at = (seconds) => Math.min(spans, Math.max(0, Math.ceil((seconds / until) * spans)));
  const busy = new Map();
  for (let row = 0; row < columns.size; row += 1) {
    const start = columns.start[row],
      end = columns.end[row];
    const hasEnded = end === end;
    if (start === start) {
      started[at(start)] += 1;
      if (columns.node[row] >= 0)
        markBusy(busy, columns.node[row], at(start), hasEnded ? at(end) : spans, spans);
    } else if (hasEnded) started[at(end)] += 1;
    if (hasEnded) {
      ended[at(end)] += 1;
      if (columns.state[row] === columns.failed) failed[at(end)] += 1;
    }
  }
  const nodes = change();
  for (const spansOfNode of busy.values())
    spansOfNode.forEach((isBusy, span) => {
      nodes[span] += isBusy;
    });
  const endedPerSpan = Float64Array.from(ended);
  for (const counts of [started, ended, failed])
    for (let span = 1; span <= spans; span += 1) counts[span] += counts[span - 1];
  return {
    spans,
    until,
    nodes,
    endedPerSpan,
    failed,
    waiting: started.map((count) => Math.max(columns.total - count, 0)),
    running: started.map((count, span) => count - ended[span]),
    succeeded: ended.map((count, span) => count - failed[span]),
  };
}

function markBusy(busy, node, from, to, spans) {
  if (!busy.has(node)) busy.set(node, new Uint8Array(spans + 1));
  busy.get(node).fill(1, from, to + 1);
}
