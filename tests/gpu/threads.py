"""Two sessions and one that two threads share, side by side, each in streams of its own: every result is what it is alone."""
import threading
import time

from .outcome import Failure
from .runtime import run, session
from .workload import uses

SECONDS = 6
QUICK = 1


def run_part(job):
    cases = []
    for name, dtype, model, inputs in uses(job, 333):
        pair = [session(job, model) for _ in range(2)]
        # To the bit: the same kernel on the same numbers.
        first = [{k: v.tobytes() for k, v in run(pair[0], feeds).items()} for feeds in inputs]
        cases.append((f"{name}, {dtype}", pair, inputs, first))
    end = time.monotonic() + (QUICK if job.quick else SECONDS)
    faults, runs = [], [0] * 4

    def work(thread):
        turn = thread
        while (time.monotonic() < end or not runs[thread]) and not faults:
            name, pair, inputs, first = cases[turn % len(cases)]
            which = turn % len(inputs)
            try:
                for key, value in run(pair[thread % 2], inputs[which]).items():
                    if value.tobytes() != first[which][key]:
                        faults.append(f"{name}: `{key}` is not what it is alone")
            except Exception as error:
                faults.append(f"{name}: {error}")
            runs[thread] += 1
            turn += 1 if thread % 2 else 5

    threads = [threading.Thread(target=work, args=[index]) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise Failure(faults[0])
    print(f"{sum(runs)} runs of {len(cases)} models on 4 threads, two a session", flush=True)
