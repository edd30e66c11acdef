"""What became of a model in a host, or of what a tool made of it: `yes`, `differs` or `no`, with a number and a reason.

An outcome is a dictionary, as `record.json` keeps it. `state` is one of
    yes      it runs, and its outputs are those that it is compared with
    differs  it runs, and they are not
    no       it does not load, or does not run
    neither  so does the original
    skipped  the host is absent
and `difference` is the largest one of an output, relative to the largest absolute value of that output in the reference.
"""
import re

import numpy as np

# Differences up to which outputs are the same: what rounding makes of these models, in single and in half precision.
SAME = 2e-5
SAME_HALF = 5e-3
# How much further than the original a tool may lead a fused model, because rounding falls differently.
FURTHER = 2.0

ORDER = ["no", "differs", "yes"]


def difference(got, want):
    worst = 0.0
    for got_set, want_set in zip(got, want, strict=True):
        for (name, a), (_, b) in zip(got_set.items(), want_set.items(), strict=True):
            if a.shape != b.shape:
                raise ValueError(f"`{name}` has the shape {list(a.shape)}, not {list(b.shape)}")
            a, b = a.astype(np.float64), b.astype(np.float64)
            apart = np.abs(a - b).max(initial=0.0)
            worst = max(worst, apart / max(np.abs(b).max(initial=0.0), 1e-30)) if np.isfinite(apart) else np.inf
    # Two digits, so that the record changes when something does.
    return float(f"{worst:.1e}")


# What messages say before they say what is wrong, and what differs from run to run.
NOISE = [
    (r"^error: ", ""),
    (r"\[ONNXRuntimeError\] : \d+ : \w+ : ", ""),
    (r"Load model from \S+ failed:", ""),
    (r"^.*Non-zero status code returned while running \w+ node\. Name:'[^']*' Status Message: ", ""),
    (r"^Can't create a session\. ERROR_CODE: \d+, ERROR_MESSAGE: ", ""),
    (r"(?<![\w.])/\S*/", ""),
    (r"\s+", " "),
]
LONGEST = 190


def short(error):
    """The reason in a message of a host, on one line."""
    # OpenVINO: the operators, and what a translator says of the first.
    if converted := re.search(r"(?:No conversion rule found|Conversion is failed) for[^\n]*", error):
        detail = re.search(r"\.cpp:\d+:\n(?:While[^\n]*\n)*([^\n]+)\n+Summary", error)
        error = converted.group(0) + (f": {detail.group(1)}" if detail else "")
    for pattern, by in NOISE:
        error = re.sub(pattern, by, error)
    error = error.strip(" .").replace("|", "\\|")
    return error if len(error) <= LONGEST else error[:LONGEST].rsplit(" ", 1)[0] + " ..."


def reason(reply):
    return {"stage": reply["stage"], "reason": short(reply["error"])}


def failed(reply):
    return {"state": "no", **reason(reply)}


def compared(reply, want, limit):
    """The outcome of a run whose outputs should be `want`, within `limit`."""
    if "error" in reply:
        return failed(reply)
    try:
        apart = difference(reply["outputs"], want)
    except ValueError as error:
        return {"state": "differs", "difference": float("inf"), "reason": str(error)}
    return {"state": "yes" if apart <= limit else "differs", "difference": apart}


def beside(outcome, original):
    """The outcome of a fused model, given that of its original in the same place."""
    if outcome["state"] == "no" and original["state"] == "no":
        return {**outcome, "state": "neither"}
    return outcome


def worse(now, recorded):
    """Whether an outcome has become worse; those of absent hosts and of originals that fail say nothing."""
    if now["state"] not in ORDER or recorded["state"] not in ORDER:
        return False
    return ORDER.index(now["state"]) < ORDER.index(recorded["state"])
