// A session with @azure/batch, as a user would write it. The arguments are the directory it is installed in, the
// endpoint, the account and the key. At the end it prints what it saw, as JSON.

import { createRequire } from "node:module";

const [installed, endpoint, account, key] = process.argv.slice(2);
const { BatchServiceClient, BatchSharedKeyCredentials } = createRequire(`${installed}/`)("@azure/batch");
const batch = new BatchServiceClient(new BatchSharedKeyCredentials(account, key), endpoint);
const seen = {};

async function until(condition) {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("it took too long");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function codeOf(call) {
  try {
    await call();
  } catch (error) {
    return error.body?.code ?? error.code;
  }
  return "";
}

async function text(answer) {
  const parts = [];
  for await (const part of answer.readableStreamBody) parts.push(part);
  return Buffer.concat(parts).toString();
}

await batch.pool.add({
  id: "script",
  vmSize: "STANDARD_D2S_V3",
  targetDedicatedNodes: 1,
  taskSlotsPerNode: 4,
  virtualMachineConfiguration: {
    imageReference: { publisher: "microsoft-dsvm", offer: "ubuntu-hpc", sku: "2204", version: "latest" },
    nodeAgentSKUId: "batch.node.ubuntu 22.04",
  },
});
await until(async () => (await batch.pool.get("script")).allocationState === "steady");
seen["pool exists"] = (await batch.pool.exists("script")).body;
seen.nodes = (await batch.computeNode.list("script")).map((node) => node.state);
await batch.job.add({ id: "script-job", poolInfo: { poolId: "script" } });
const tasks = Array.from({ length: 30 }, (_, i) => ({ id: `t${i}`, commandLine: `echo ${i}` }));
const added = await batch.task.addCollection("script-job", tasks);
seen.added = [...new Set(added.value.map((result) => result.status.toLowerCase()))];
seen["added again"] = await codeOf(() => batch.task.add("script-job", tasks[0]));
await until(async () => (await batch.job.getTaskCounts("script-job")).taskCounts.completed === 30);
const counts = (await batch.job.getTaskCounts("script-job")).taskCounts;
seen.counts = [counts.active, counts.running, counts.succeeded, counts.failed];
const options = { taskListOptions: { filter: "state eq 'completed'", select: "id,state", maxResults: 20 } };
let page = await batch.task.list("script-job", options);
seen.listed = page.length;
while (page.odatanextLink) {
  page = await batch.task.listNext(page.odatanextLink);
  seen.listed += page.length;
}
seen.stdout = await text(await batch.file.getFromTask("script-job", "t7", "stdout.txt"));
const properties = await batch.file.getPropertiesFromTask("script-job", "t7", "stdout.txt");
seen.length = properties.contentLength;
seen.missing = await codeOf(() => batch.task.get("script-job", "none"));
await batch.job.patch("script-job", { priority: 7 });
seen.priority = (await batch.job.get("script-job")).priority;
await batch.job.terminate("script-job", { terminateReason: "enough" });
await until(async () => (await batch.job.get("script-job")).state === "completed");
seen.reason = (await batch.job.get("script-job")).executionInfo.terminateReason;
await batch.job.deleteMethod("script-job");
await until(async () => (await codeOf(() => batch.job.get("script-job"))) === "JobNotFound");
await batch.pool.deleteMethod("script");
await until(async () => (await codeOf(() => batch.pool.get("script"))) === "PoolNotFound");
seen.pools = (await batch.pool.list()).map((pool) => pool.id);
process.stdout.write(JSON.stringify(seen));
