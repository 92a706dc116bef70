// Checks queries of Azure Monitor with Microsoft's own language service, without Azure.
// Standard input: {"tables": {"AppMetrics": "(Name:string, …)"}, "queries": ["AppMetrics | …"]}.
// Standard output: for each query, what is wrong with it, as a list of texts, and the columns of its result.
const { readFileSync } = require("node:fs");

require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;
const { tables, queries } = JSON.parse(readFileSync(0, "utf8"));

const members = Object.entries(tables).map(([name, columns]) => new Symbols.TableSymbol.$ctor7(name, columns, null));
const list = new (globalThis.System.Collections.Generic.List$1(Symbols.Symbol).$ctor1)(members);
const workspace = new Symbols.DatabaseSymbol.$ctor3("workspace", null, list, false);
const globals = GlobalState.Default.WithDatabase(workspace);

const toArray = (enumerable) => globalThis.System.Linq.Enumerable.from(enumerable).ToArray();

const answers = queries.map((query) => {
  const code = KustoCode.ParseAndAnalyze(query, globals);
  const type = code.ResultType;
  return {
    problems: toArray(code.GetDiagnostics()).map((one) => one.Message),
    columns: type && type.Columns ? toArray(type.Columns).map((column) => column.Name) : [],
  };
});
process.stdout.write(JSON.stringify(answers));
