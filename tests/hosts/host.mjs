// A worker that runs models in ONNX Runtime under Node.js: `node` (its native addon) or `web` (WebAssembly, on the CPU).
// `workers.py` says what it reads and writes; PHASOR_NODE_MODULES names the folder with the packages.
import { readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.PHASOR_NODE_MODULES + "/");
const ort = require(process.argv[2] === "web" ? "onnxruntime-web" : "onnxruntime-node");
if (process.argv[2] === "web") ort.env.wasm.numThreads = 1;

// Element types: the name in numpy, the name in ONNX Runtime, and the array that holds them.
const TYPES = [
  ["float32", "float32", Float32Array],
  ["float64", "float64", Float64Array],
  ["float16", "float16", Uint16Array],
  ["int64", "int64", BigInt64Array],
  ["int32", "int32", Int32Array],
  ["bool", "bool", Uint8Array],
];

function unpack({ type, dims, data }) {
  const [, name, Kind] = TYPES.find(([numpy]) => numpy === type);
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  return new ort.Tensor(name, new Kind(bytes.buffer), dims);
}

function pack(tensor) {
  const [type] = TYPES.find(([, name]) => name === tensor.type);
  const { buffer, byteOffset, byteLength } = tensor.data;
  return { type, dims: tensor.dims, data: Buffer.from(buffer, byteOffset, byteLength).toString("base64") };
}

const map = (tensors, change) => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor)]));

async function answer(job) {
  let stage = "load";
  try {
    const options = { executionProviders: [process.argv[2] === "web" ? "wasm" : "cpu"], logSeverityLevel: 4 };
    const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(job.model)), options);
    stage = "run";
    const outputs = [];
    for (const inputs of job.inputs) outputs.push(map(await session.run(map(inputs, unpack)), pack));
    await session.release();
    return { outputs };
  } catch (error) {
    return { error: String(error.message ?? error), stage };
  }
}

for await (const line of createInterface({ input: process.stdin })) writeSync(1, JSON.stringify(await answer(JSON.parse(line))) + "\n");
