// The HTTP API, next to this page; or the answers in this page, in a report.

const KEY = "batchmgr-function-key";
const API = new URL(".", location.href);
const report = byId("data") ? JSON.parse(byId("data").textContent) : null;

const SIGN_IN = "App Service Authentication, in front of this app, asks you to sign in.";

class ApiError extends Error {
  /** `kind`: key, signIn, missing (the app has no such route), gone, refused, busy or offline. */
  constructor(kind, message, status = 0, code = "") {
    super(message);
    Object.assign(this, { kind, status, code });
  }
}

const key = {
  /** In memory as well: a browser may forbid the storage. */
  value: "",
  read() {
    try {
      this.value = sessionStorage.getItem(KEY) ?? this.value;
    } catch {
      /* only in memory then */
    }
    return this.value;
  },
  write(value) {
    this.value = value;
    try {
      if (value) sessionStorage.setItem(KEY, value);
      else sessionStorage.removeItem(KEY);
    } catch {
      /* only in memory then */
    }
  },
  /** Take the key from a link, #key=…, and out of the address at once: it is in no log and no history. */
  takeFromLink() {
    const given = new URLSearchParams(location.hash.slice(1)).get("key");
    if (given === null) return;
    history.replaceState(null, "", location.pathname + location.search);
    this.write(given.trim());
  },
};

/** Ask the API, and give the response if its status is good. `path` is below /api. */
async function ask(path, { method = "GET", query = {}, headers = {}, body, signal, accept = [] } = {}) {
  if (report) throw new ApiError("missing", "this is not in the report");
  const url = new URL(path, API);
  for (const [name, value] of Object.entries(query))
    if (value !== "" && value !== undefined) url.searchParams.set(name, value);
  const sent = key.read() ? { ...headers, "x-functions-key": key.read() } : headers;
  let response;
  try {
    response = await fetch(url, {
      method,
      headers: sent,
      body,
      signal,
      cache: "no-store",
      redirect: "manual",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("offline", "the app can't be reached");
  }
  if (response.type === "opaqueredirect") throw new ApiError("signIn", SIGN_IN);
  if (response.ok || accept.includes(response.status)) return response;
  throw await refusal(response);
}

async function refusal(response) {
  const { status } = response;
  if (status === 401 && response.headers.has("www-authenticate"))
    return new ApiError("signIn", SIGN_IN, status);
  if (status === 401)
    return new ApiError("key", key.read() ? "The app refuses this key." : "The app asks for a function key.");
  if (status === 403)
    return new ApiError("refused", "App Service Authentication, or a rule of the network, forbids you this");
  const problem = await response.json().catch(() => null);
  if (problem?.code) {
    const kind = status === 404 || status === 410 ? "gone" : status === 503 ? "busy" : "refused";
    return new ApiError(kind, problem.detail || problem.title, status, problem.code);
  }
  if (status === 404) return new ApiError("missing", "this version of the app does not have that", status);
  return new ApiError("refused", `the app answered ${status}`, status);
}

/** Return the JSON of an answer. */
async function read(path, options = {}) {
  if (report) {
    if (path in report.answers) return report.answers[path];
    throw new ApiError("missing", "this is not in the report");
  }
  return (await ask(path, options)).json();
}

/** Return `{body, etag}`; or null if nothing has changed for `wait` seconds since that with the ETag. */
async function readChanged(path, { etag = "", wait = 30, signal } = {}) {
  if (report) return { body: await read(path), etag: "" };
  const waiting = etag ? { headers: { "If-None-Match": etag }, query: { wait } } : {};
  const response = await ask(path, { ...waiting, signal, accept: [304] });
  if (response.status === 304) return null;
  return { body: await response.json(), etag: response.headers.get("etag") ?? "" };
}

/** Return the query of a nextLink. Its host is not believed: the key goes to this app only. */
function nextQuery(nextLink) {
  return Object.fromEntries(new URL(nextLink, API).searchParams);
}

/** Part of a path. Dots would lead to another path, however they are written. */
function part(text) {
  if (text === "." || text === "..") throw new ApiError("refused", "there is no such name");
  return encodeURIComponent(text);
}

function jobPath(jobId, ...more) {
  return ["jobs", part(jobId), ...more].join("/");
}

/** What went wrong, as a sentence. */
function sentence(error) {
  const text = error instanceof ApiError ? error.message : `${error}`;
  return `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
