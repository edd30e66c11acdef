// Runs an original and fused models on the same inputs, and says how far each of them is from the original.
//
//     npm start -- model.onnx fused.onnx ...
import { basename, resolve } from "node:path";
import * as ort from "onnxruntime-node";

// Relative to the largest absolute value of the output.
const TOLERANCE = 2e-5;

// npm changes the working directory to that of the package.
const paths = process.argv.slice(2).map((path) => resolve(process.env.INIT_CWD ?? ".", path));
if (paths.length < 2) {
  console.error("error: no models: give the original and at least one fused model\nhint: `npm start -- model.onnx fused.onnx`");
  process.exit(2);
}

const [batch, length] = [2, 7];
const words = BigInt64Array.from({ length: batch * length }, (_, i) => BigInt((i * 11) % 48));
const inputs = {
  input_ids: new ort.Tensor("int64", words, [batch, length]),
  attention_mask: new ort.Tensor("int64", new BigInt64Array(batch * length).fill(1n), [batch, length]),
};

async function logits(path) {
  const session = await ort.InferenceSession.create(path, { executionProviders: ["cpu"] });
  const { logits } = await session.run(inputs);
  await session.release();
  return logits.data;
}

const [original, ...fused] = paths;
const wanted = await logits(original);
const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
for (const path of fused) {
  const got = await logits(path);
  const difference = got.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i])), 0) / scale;
  console.log(`${basename(path)}: ${got.length} logits, largest difference ${difference.toExponential(1)} of the output's scale`);
  // A NaN fails too.
  if (!(got.length === wanted.length && difference <= TOLERANCE)) process.exitCode = 1;
}
