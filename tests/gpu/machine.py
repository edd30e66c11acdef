"""What measurements depend on, and what the other parts need."""
import platform
import shutil
import subprocess

from .interpreter import WANTED, chosen
from .outcome import check

QUERY = "name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit,mig.mode.current"
TOOLS = ["nvidia-smi", "compute-sanitizer", "ncu"]


def run_part(job):
    interpreter, modules = chosen()
    found = {"kernel": platform.release(), "python": f"{interpreter}, with {', '.join(modules) or 'nothing of use'}"}
    found |= {tool: shutil.which(tool) or "not there" for tool in TOOLS}
    if shutil.which("nvidia-smi"):
        done = subprocess.run(["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv"], capture_output=True, text=True, timeout=20)
        found["nvidia-smi"] = (done.stdout or done.stderr).strip()
    for name, value in found.items():
        print(f"{name}: {value}", flush=True)
    job.record(benchmark="machine", **found)
    lacks = [name for name in WANTED if name not in modules and name != "torch"]
    check(not lacks, f"no `python3` in the search path has {', '.join(lacks)}")
