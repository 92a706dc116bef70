// The rows of the timeline, and its colours.

/** The rows: each node has as many lanes as it ran tasks at once. Bars are in order of their start. */
function lanesOf(columns) {
  const byNode = columns.nodes.map(() => []);
  let bars = 0,
    unplaced = 0;
  const add = (node, bar) => {
    byNode[node].push({ ...bar, node });
    bars += 1;
  };
  for (let row = 0; row < columns.size; row += 1) {
    const start = columns.start[row],
      end = start + columns.runTime(row),
      node = columns.node[row];
    if (node >= 0 && end >= start) add(node, { row, start, end, state: columns.states[columns.state[row]] });
    else unplaced += 1;
  }
  columns.lost.task.forEach((row, at) => {
    const [node, start, end] = [columns.lost.node[at], columns.lost.start[at], columns.lost.end[at]];
    if (node >= 0 && start !== null && end !== null) add(node, { row, start, end, isLost: true });
  });
  const lanes = byNode.flatMap((ofNode, node) => {
    const found = [];
    for (const bar of ofNode.sort((a, b) => a.start - b.start)) {
      const free = found.find((lane) => lane.bars.at(-1).end <= bar.start + 1e-6);
      if (free) free.bars.push(bar);
      else found.push({ node, isFirst: found.length === 0, bars: [bar] });
    }
    return found;
  });
  return { lanes, bars, unplaced };
}

function shortened(name) {
  return name.length > 19 ? `${name.slice(0, 8)}…${name.slice(-10)}` : name;
}

function colorsOf(node) {
  const style = getComputedStyle(node),
    color = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    page: color("page"),
    line: color("line"),
    quiet: color("quiet"),
    waiting: color("idle-fill"),
    running: color("busy-fill"),
    succeeded: color("good-fill"),
    failed: color("bad-fill"),
  };
}

let hatching = null;

function hatch(pen, colors) {
  if (hatching?.color === colors.failed) return hatching.pattern;
  const tile = Object.assign(document.createElement("canvas"), { width: 6, height: 6 }),
    ink = tile.getContext("2d");
  ink.fillStyle = colors.page;
  ink.fillRect(0, 0, 6, 6);
  ink.strokeStyle = colors.failed;
  ink.lineWidth = 1.6;
  ink.beginPath();
  for (const shift of [-6, 0, 6]) {
    ink.moveTo(shift, 6);
    ink.lineTo(shift + 6, 0);
  }
  ink.stroke();
  hatching = { color: colors.failed, pattern: pen.createPattern(tile, "repeat") };
  return hatching.pattern;
}
