"""What holds for all Python tests: with `PHASOR_STRICT` set, a test may be skipped only for what a release of ONNX Runtime lacks.

Every release knows opsets up to some number, so a test of a later one has nothing to run there, and the wheels of old ones
hold no shared library; some releases are wrong in an operator that function bodies use, or lack a kernel for it. Any other skip means that something the tests need is missing, and counts as a failure.
"""
import os

import pytest

# How the reasons of such skips read.
LACKING = ("opset", "this wheel has no shared library", "takes a wrong maximum of int64", "takes a wrong product", "has no kernel for")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("PHASOR_STRICT") and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(lacking in reason for lacking in LACKING):
            report.outcome, report.longrepr = "failed", f"skipped where nothing may be: {reason}"
