"""The library as ONNX Runtime sees it: symbols, registration, errors."""

import ctypes
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import rotary


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("nm"), reason="needs nm")
def test_exported_symbols(library):
    lines = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    assert sorted(line.split()[-1] for line in lines.splitlines()) == ["RegisterCustomOps", "phasor_ops_version"]


def test_version(library):
    version = ctypes.CDLL(library).phasor_ops_version
    version.restype = ctypes.c_char_p
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", version().decode())


def test_registering_twice_is_harmless(session):
    feeds = rotary.inputs([3, 8], [3, 4])
    got = rotary.run(session(rotary.single(), times=3), feeds)
    rotary.assert_close(got, rotary.reference(feeds["X"], feeds["cos"], feeds["sin"]), "float")


def test_several_sessions_in_turn(session):
    feeds = rotary.inputs([3, 8], [3, 4])
    expected = rotary.reference(feeds["X"], feeds["cos"], feeds["sin"])
    kept = [session(rotary.single()) for _ in range(3)]
    for _ in range(5):
        rotary.assert_close(rotary.run(session(rotary.single()), feeds), expected, "float")
    for made in kept:
        rotary.assert_close(rotary.run(made, feeds), expected, "float")


@pytest.mark.parametrize(
    "shapes, attributes, words",
    [
        (([2, 7], [3]), {}, "7 channels of X"),
        (([2, 8], [5]), {}, "the last axis of cos [5] is 5, expected 4 (one angle per pair) or 8 (one per channel)"),
        (([2, 8], [4], [8]), {}, "the last axis of sin [8] is 8"),
        (([2, 8], [3, 4]), {}, "the leading axes [3] of cos do not broadcast to the leading axes [2] of X"),
        (([8], [2, 4]), {}, "the leading axes [2] of cos"),
        (([1, 8], [1, 4], [2, 4]), {}, "the leading axes [2] of sin"),
        (([2, 8], [3]), {"rotary_dim": 6, "rotary_offset": 4}, "`rotary_dim` is 6 from channel 4 on"),
        (([2, 8], [3]), {"rotary_offset": 9}, "`rotary_offset` is 9"),
        (([], [3]), {}, "X is a scalar"),
        (([1] * 17 + [8], [4]), {}, "rank 18, expected at most 16"),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit(session, shapes, attributes, words):
    made = session(rotary.single(attributes))
    with pytest.raises(Exception) as error:
        rotary.run(made, rotary.inputs(*shapes))
    assert words in str(error.value) and "rotary_0" in str(error.value), error.value
    assert type(error.value).__name__ == "InvalidArgument", type(error.value)


@pytest.mark.parametrize(
    "attributes, words",
    [
        ({"rotary_dim": 7}, "attribute `rotary_dim` is 7, expected an even number that is not negative"),
        ({"rotary_dim": -2}, "attribute `rotary_dim` is -2"),
        ({"interleaved": 2}, "attribute `interleaved` is 2, expected 0 or 1"),
        ({"output_interleaved": -2}, "attribute `output_interleaved` is -2"),
        ({"interleaved": "yes"}, "attribute `interleaved` is not an integer"),
        ({"rotary_dim": 8.0}, "attribute `rotary_dim` is not an integer"),
        ({"rotary_offset": [1, 2]}, "attribute `rotary_offset` is not an integer"),
    ],
    ids=str,
)
def test_attributes_that_make_no_sense(session, attributes, words):
    with pytest.raises(Exception) as error:
        session(rotary.single(attributes))
    assert words in str(error.value), error.value


def test_types_without_a_kernel_are_refused(session):
    made = rotary.single()
    made.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    with pytest.raises(Exception, match="(?i)type|find an implementation"):
        session(made)


def test_failure_leaves_the_session_usable(session):
    made = session(rotary.single())
    feeds = rotary.inputs([2, 8], [2, 4])
    for _ in range(3):
        with pytest.raises(Exception):
            rotary.run(made, rotary.inputs([2, 7], [2, 4]))
        got = rotary.run(made, feeds)
        assert np.allclose(got, rotary.reference(feeds["X"], feeds["cos"], feeds["sin"]), atol=1e-6)
