"""What holds for all Python tests: with `PHASOR_STRICT` set, a test may be skipped for the opset alone.

Every release of ONNX Runtime knows opsets up to some number, so a test of a later one has nothing to run there. Any other
skip means that something the tests need is missing, and counts as a failure.
"""
import os

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("PHASOR_STRICT") and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if "opset" not in reason:
            report.outcome, report.longrepr = "failed", f"skipped where nothing may be: {reason}"
