// Compiles src/ with the pinned solc-js to artifacts/. With --check it writes nothing and names each file that differs.
import { readdirSync, readFileSync, writeFileSync, mkdirSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const solc = require("solc");
const here = dirname(fileURLToPath(import.meta.url));
const COMPILER = "0.8.34+commit.80d5c536.Emscripten.clang";
const PUBLISHED = ["SomBridge", "SomToken", "OddToken"];
const SETTINGS = {
  evmVersion: "paris", // one byte code for Ethereum, BNB Chain and Tron
  optimizer: { enabled: true, runs: 800 },
  metadata: { bytecodeHash: "ipfs", useLiteralContent: false },
};

function sources() {
  const found = {};
  for (const name of readdirSync(join(here, "src")).sort()) {
    found[`src/${name}`] = { content: readFileSync(join(here, "src", name), "utf8") };
  }
  return found;
}

function resolve(path) {
  const file = join(here, "node_modules", path);
  return existsSync(file) ? { contents: readFileSync(file, "utf8") } : { error: `no ${path}` };
}

function compile(input, names, wanted, tolerated = []) {
  const outputSelection = Object.fromEntries(names.map((name) => [`src/${name}.sol`, { [name]: wanted }]));
  const settings = { ...SETTINGS, outputSelection };
  const output = JSON.parse(
    solc.compile(JSON.stringify({ language: "Solidity", sources: input, settings }), { import: resolve }),
  );
  const faults = (output.errors ?? []).filter(
    (one) => !one.sourceLocation?.file?.startsWith("@openzeppelin") && !tolerated.includes(one.severity),
  );
  if (faults.length) throw new Error(faults.map((one) => one.formattedMessage).join("\n"));
  return output.contracts;
}

function artifact(name, made) {
  return {
    contractName: name,
    compiler: COMPILER,
    abi: made.abi,
    bytecode: "0x" + made.evm.bytecode.object,
    deployedBytecode: "0x" + made.evm.deployedBytecode.object,
    immutableReferences: Object.values(made.evm.deployedBytecode.immutableReferences).flat(),
    metadata: made.metadata,
  };
}

function build() {
  const files = {};
  const put = (path, value) => (files[path] = JSON.stringify(value, null, 1) + "\n");
  const original = sources();
  const all = ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"];
  const made = compile(original, PUBLISHED, all);
  for (const name of PUBLISHED) {
    put(`artifacts/${name}.json`, artifact(name, made[`src/${name}.sol`][name]));
  }
  for (const mutant of JSON.parse(readFileSync(join(here, "mutants.json"), "utf8"))) {
    const text = original[mutant.file].content;
    if (text.split(mutant.find).length !== 2) throw new Error(`${mutant.name}: not once in ${mutant.file}`);
    // A function, because a replacement string would give meaning to dollar signs.
    const content = text.replace(mutant.find, () => mutant.replace);
    const code = compile({ ...original, [mutant.file]: { content } }, ["SomBridge"], ["evm.bytecode.object"], ["warning"]);
    put(`artifacts/mutants/${mutant.name}.json`, { ...mutant, bytecode: "0x" + code["src/SomBridge.sol"].SomBridge.evm.bytecode.object });
  }
  return files;
}

if (!solc.version().startsWith(COMPILER)) throw new Error(`solc is ${solc.version()}, pinned is ${COMPILER}`);
const differing = [];
mkdirSync(join(here, "artifacts/mutants"), { recursive: true });
const built = build();
for (const [path, text] of Object.entries(built)) {
  const file = join(here, path);
  if (process.argv.includes("--check")) {
    if (!existsSync(file) || readFileSync(file, "utf8") !== text) differing.push(path);
  } else writeFileSync(file, text);
}
for (const folder of ["artifacts", "artifacts/mutants"]) {
  for (const name of readdirSync(join(here, folder)).filter((one) => one.endsWith(".json"))) {
    if (!(`${folder}/${name}` in built)) differing.push(`${folder}/${name} (nothing builds it)`);
  }
}
if (differing.length) {
  console.error("differs from what the sources build: " + differing.join(", "));
  process.exit(1);
}
console.log(`${Object.keys(built).length} artifacts ${process.argv.includes("--check") ? "are byte for byte those of the sources" : "written"}`);
