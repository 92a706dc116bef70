// What can be said of many tasks: run times by kind, counts over time, and when the job may end.

const ENOUGH = 5;

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

/** When the job may end, and what that is based on; or why nobody knows. */
function estimate(job, columns) {
  const left = job.total - job.counts.completed;
  if (isFinal(job.state) || !job.total) return null;
  if (left <= 0) return { text: "soon: all tasks have ended" };
  if (job.state !== "running") return { text: "unknown while the job is not running" };
  let count = 0,
    sum = 0,
    runningFor = 0;
  for (let row = 0; columns && row < columns.size; row += 1) {
    const length = columns.end[row] - columns.start[row];
    if (length >= 0) {
      count += 1;
      sum += length;
    }
  }
  if (count < ENOUGH) return { text: `unknown until ${ENOUGH} tasks have ended` };
  if (!job.counts.running) return { text: "unknown while no task runs" };
  const mean = sum / count;
  for (let row = 0; row < columns.size; row += 1) {
    if (columns.state[row] === columns.running) runningFor += Math.min(columns.runTime(row), mean) || 0;
  }
  const seconds = Math.max(
    (left * mean - runningFor) / job.counts.running,
    mean - runningFor / job.counts.running,
    0,
  );
  const basis =
    `if the ${plural(left, "task")} left take ${duration(mean)} each, ` +
    `as the ${number(count)} that have ended did, ${number(job.counts.running)} at a time`;
  const end = columns.time(columns.now + seconds);
  const remaining = Math.max((end - Date.now()) / 1000, 0);
  return { text: `in about ${duration(Math.ceil(remaining))}, at ${moment(end)}`, basis };
}
