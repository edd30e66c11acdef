// Serves the page, and models from wherever they are.
//
//     npm start -- model.onnx fused.onnx ...
//
// PROVIDER is `wasm` (the default) or `webgpu`.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, extname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const PROVIDER = process.env.PROVIDER ?? "wasm";
const HERE = fileURLToPath(new URL(".", import.meta.url));
const TYPES = { ".html": "text/html", ".mjs": "text/javascript", ".wasm": "application/wasm" };

// Serves until it is stopped; gives the server and the address of the page.
export async function serve(paths, port) {
  const models = new Map(paths.map((path) => [basename(path), path]));
  const server = createServer(async ({ url }, response) => {
    const path = normalize(decodeURIComponent(new URL(url, "http://localhost").pathname)).slice(1) || "index.html";
    try {
      const body = await readFile(models.get(path) ?? join(HERE, path));
      response.writeHead(200, {
        "Content-Type": TYPES[extname(path)] ?? "application/octet-stream",
        // Browsers give WebAssembly threads to isolated pages alone.
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(port, "127.0.0.1", listening));
  const query = new URLSearchParams([["provider", PROVIDER], ...[...models.keys()].map((name) => ["model", name])]);
  return { server, address: `http://localhost:${server.address().port}/?${query}` };
}

// The models of the command line: the original, and what Phasor made of it.
export function models() {
  // npm changes the working directory to that of the package.
  const paths = process.argv.slice(2).map((path) => resolve(process.env.INIT_CWD ?? ".", path));
  if (paths.length >= 2) return paths;
  console.error("error: no models: give the original and at least one fused model\nhint: `npm start -- model.onnx fused.onnx`");
  process.exit(2);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(`open ${(await serve(models(), 8000)).address}`);
