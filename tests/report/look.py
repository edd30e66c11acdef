"""Makes pages with a program and looks at them in a browser: `look.py PHASOR BROWSER FOLDER [--keep]`. `tests/report.py` runs it."""
import json
import pathlib
import subprocess
import sys

import onnx
from onnx import TensorProto, helper
from playwright.sync_api import Error, sync_playwright

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent.parent / "models"
WIDTHS = [360, 1280]
SCHEMES = ["light", "dark"]
HOSTILE = '</title><script>alert(1)</script>"\'&\x1b[31m\u202e' + "long" * 2000


def renamed(path):
    """A model whose names are hostile."""
    model = onnx.load(str(MODELS / "llama-dynamo" / "model.onnx"))
    graph = model.graph
    kept = {value.name for value in [*graph.input, *graph.output]} | {""}
    new = lambda name: name if name in kept else name + HOSTILE
    for node in graph.node:
        node.name = new(node.name)
        for values in (node.input, node.output):
            values[:] = [new(value) for value in values]
    for tensor in graph.initializer:
        tensor.name = new(tensor.name)
    del graph.value_info[:]
    path.write_bytes(model.SerializeToString())


def without_sign(path):
    """A model with near misses alone: nothing turns the sign of half the channels."""
    model = onnx.load(str(MODELS / "llama-dynamo" / "model.onnx"))
    for node in model.graph.node:
        if node.op_type == "Neg":
            node.op_type = "Identity"
    path.write_bytes(model.SerializeToString())


def bare(path):
    """A model in which there is nothing."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "bare", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def pages(phasor, folder):
    """The pages that are looked at."""
    made = {name: MODELS / name / "model.onnx" for name in ["llama-torchscript", "gptj-dynamo", "llama-cache"]}
    for name, make in {"hostile": renamed, "misses": without_sign, "bare": bare}.items():
        make(folder / f"{name}.onnx")
        made[name] = folder / f"{name}.onnx"
    for name, model in made.items():
        page = folder / f"{name}.html"
        more = ["--bench", HERE / "bench.json"] if name == "llama-cache" else ["--no-verify"] if name == "hostile" else []
        command = [phasor, "report", model, "-o", page, "--force", "--engine", "tract", "--seeds", "1", *more]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"error: {name}: {done.stderr}")
        yield name, page


def look(browser, page, width, scheme, picture):
    """What is wrong with a page at this width, in light or in dark."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    wrong = []
    tab.on("console", lambda message: wrong.append(f"console: {message.text}"))
    tab.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    tab.on("dialog", lambda dialog: (wrong.append("a script ran"), dialog.dismiss()))
    tab.on("request", lambda request: request.url == page.as_uri() or wrong.append(f"request: {request.url}"))
    tab.goto(page.as_uri())
    if picture:
        # Chromium cannot picture the whole of a very long page.
        tab.set_viewport_size({"width": width, "height": 3000})
        tab.screenshot(path=picture)
    tab.evaluate("document.querySelectorAll('details').forEach(it => it.open = true)")
    wrong += tab.evaluate((HERE / "check.js").read_text())
    context.close()
    return wrong


def started(chromium, executable):
    """A browser. Now and then one ends while it starts: then another. For root, as in containers, it has no sandbox."""
    options = dict(executable_path=executable, args=["--no-sandbox"])
    try:
        return chromium.launch(**options)
    except Error as error:
        print(f"started again: {error.message.splitlines()[0]}", file=sys.stderr)
        return chromium.launch(**options)


def main():
    phasor, executable, folder, *keep = sys.argv[1:]
    folder = pathlib.Path(folder)
    failed = looked = 0
    with sync_playwright() as playwright:
        for name, page in pages(phasor, folder):
            for width in WIDTHS:
                for scheme in SCHEMES:
                    # After some pictures Chromium makes no more.
                    browser = started(playwright.chromium, executable)
                    picture = folder / f"{name}-{width}-{scheme}.png" if keep else None
                    wrong = look(browser, page, width, scheme, picture)
                    browser.close()
                    looked += 1
                    failed += bool(wrong)
                    for line in sorted(set(wrong))[:10]:
                        print(f"{name}, {width} pixels, {scheme}: {line}")
    print(f"{looked - failed} of {looked} views are sound")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
