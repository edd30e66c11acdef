// Opens the page in Chromium, prints what it reports, and fails unless the models give the same.
//
//     npm test -- model.onnx fused.onnx ...
//
// CHROMIUM is the path of the browser, and PROVIDER is `wasm` (the default) or `webgpu`, which is computed on the CPU.
import puppeteer from "puppeteer-core";
import { PROVIDER, models, serve } from "./serve.mjs";

const { server, address } = await serve(models(), 0);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    // Chromium has no sandbox for root, who runs most containers.
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    ...(PROVIDER === "webgpu" ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"] : []),
  ],
});
console.log(await browser.version());
const page = await browser.newPage();
await page.goto(address);
await page.waitForFunction(() => document.getElementById("report").textContent);
const report = await page.$eval("#report", (element) => element.textContent);
console.log(report);
await browser.close();
server.close();
if (!report.endsWith("\nsame")) process.exitCode = 1;
