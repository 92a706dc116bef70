// Numbers, times and states in words.

const whole = new Intl.NumberFormat("en");

const STATES = {
  queued: "Queued",
  submitting: "Submitting",
  running: "Running",
  finalizing: "Finalizing",
  succeeded: "Succeeded",
  partial: "Partly succeeded",
  failed: "Failed",
  cancelled: "Cancelled",
  timed_out: "Timed out",
  rejected: "Rejected",
};
const ACTIVE = ["queued", "submitting", "running", "finalizing"];

function isFinal(state) {
  return !ACTIVE.includes(state);
}

function toneOf(state) {
  if (state === "succeeded") return "good";
  if (["failed", "partial", "timed_out", "rejected", "dead"].includes(state)) return "bad";
  return ["running", "submitting", "finalizing", "sending"].includes(state) ? "busy" : "quiet";
}

function number(value) {
  return whole.format(value);
}

function plural(count, word) {
  return `${number(count)} ${word}${count === 1 ? "" : "s"}`;
}

/** A length of time, from seconds: 0.4 s, 12 s, 3 min 5 s, 2 h 4 min, 3 d 1 h. */
function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
  const length = Math.max(seconds, 0);
  if (length < 9.95) return `${length.toFixed(1)} s`;
  const step = length < 3600 ? 1 : length < 86_400 ? 60 : 3600;
  const rounded = Math.round(length / step) * step;
  const units = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => rounded >= size);
  const parts = units.slice(first, first + 2).map(([unit, size], at) => {
    const left = at === 0 ? rounded : rounded % units[first][1];
    return [Math.floor(left / size), unit];
  });
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

function bytes(count) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let size = count,
    unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${number(count)} bytes` : `${size.toFixed(1)} ${units[unit]}`;
}

const zone = {
  isLocal: false,
  toggle() {
    this.isLocal = !this.isLocal;
    formats.clear();
  },
  get name() {
    return this.isLocal ? Intl.DateTimeFormat().resolvedOptions().timeZone : "UTC";
  },
};
const formats = new Map();

function format(name, options) {
  if (!formats.has(name)) {
    const timeZone = zone.isLocal ? undefined : "UTC";
    formats.set(name, new Intl.DateTimeFormat("en-GB", { ...options, timeZone, hourCycle: "h23" }));
  }
  return formats.get(name);
}

const LONG = 12 * 3600;
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit" };

/** A time of day with its zone; with the day, unless that is today. */
function moment(time) {
  if (!time) return "";
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return `${time}`;
  const day = format("day", { day: "numeric", month: "short", year: "numeric" });
  const clock = format("clock", { ...CLOCK, timeZoneName: "short" }).format(date);
  return day.format(date) === day.format(new Date()) ? clock : `${day.format(date)}, ${clock}`;
}

/**
 * The same without a zone, for scales: only next to something that names the zone. Within a job that takes
 * long (`until` is its length in seconds), with the day.
 */
function clockIn(columns, seconds, until) {
  const date = columns.time(seconds);
  const clock = format("bare", CLOCK).format(date);
  if (until < LONG) return clock;
  return `${format("short day", { day: "numeric", month: "short" }).format(date)} ${clock.slice(0, 5)}`;
}

function secondsSince(time) {
  return (Date.now() - new Date(time).getTime()) / 1000;
}

function ago(time) {
  return `${duration(Math.max(0, Math.round(secondsSince(time)))).replace(".0", "")} ago`;
}
