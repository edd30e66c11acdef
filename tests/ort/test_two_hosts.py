"""Two copies of ONNX Runtime in one process: the one in the Python module, and a shared library driven through C: the wheel's own,
and those of other releases that `PHASOR_OTHER_HOSTS` names."""

import ctypes
import os
import pathlib

import numpy as np
import pytest
import rotary

# Entries of the C function table, which never change.
GET_ERROR_MESSAGE, CREATE_ENV, CREATE_SESSION_FROM_ARRAY, RUN, CREATE_SESSION_OPTIONS = 2, 3, 8, 9, 10
CREATE_TENSOR, TENSOR_DATA, CREATE_MEMORY_INFO, REGISTER_LIBRARY = 49, 51, 69, 228


class Host:
    """A shared library of ONNX Runtime."""

    def __init__(self, path):
        self.library = ctypes.CDLL(path, mode=ctypes.RTLD_LOCAL)
        self.library.OrtGetApiBase.restype = ctypes.POINTER(ctypes.c_void_p)
        get_api = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)(self.library.OrtGetApiBase()[0])
        self.table = ctypes.cast(get_api(17), ctypes.POINTER(ctypes.c_void_p))
        self.env = self.make(CREATE_ENV, 3, b"test")

    def call(self, entry, *arguments):
        kinds = [ctypes.c_int if isinstance(a, int) and abs(a) < 16 else type(a) for a in arguments]
        kinds = [ctypes.c_char_p if k is bytes else ctypes.c_size_t if k is int else k for k in kinds]
        status = ctypes.CFUNCTYPE(ctypes.c_void_p, *kinds)(self.table[entry])(*arguments)
        if status:
            message = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(self.table[GET_ERROR_MESSAGE])
            raise RuntimeError(message(status).decode())

    def make(self, entry, *arguments):
        made = ctypes.c_void_p()
        self.call(entry, *arguments, ctypes.pointer(made))
        return made

    def session(self, model, library):
        options = self.make(CREATE_SESSION_OPTIONS)
        self.call(REGISTER_LIBRARY, options, library.encode())
        self.call(REGISTER_LIBRARY, options, library.encode())
        data = model.SerializeToString()
        return self.make(CREATE_SESSION_FROM_ARRAY, self.env, data, ctypes.c_size_t(len(data)), options)

    def run(self, session, feeds):
        memory = self.make(CREATE_MEMORY_INFO, 0, 0)
        values = (ctypes.c_void_p * 3)()
        for index, name in enumerate(["X", "cos", "sin"]):
            array = feeds[name]
            shape = (ctypes.c_int64 * array.ndim)(*array.shape)
            data = ctypes.c_void_p(array.ctypes.data)
            sizes = ctypes.c_size_t(array.nbytes), shape, ctypes.c_size_t(array.ndim)
            values[index] = self.make(CREATE_TENSOR, memory, data, *sizes, 1).value
        names = (ctypes.c_char_p * 3)(b"X", b"cos", b"sin")
        output = (ctypes.c_char_p * 1)(b"Y")
        result = (ctypes.c_void_p * 1)()
        none = ctypes.c_void_p()
        self.call(RUN, session, none, names, values, ctypes.c_size_t(3), output, ctypes.c_size_t(1), result)
        data = self.make(TENSOR_DATA, ctypes.c_void_p(result[0]))
        flat = ctypes.cast(data, ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(flat, feeds["X"].shape).copy()


OTHERS = [path for path in os.environ.get("PHASOR_OTHER_HOSTS", "").split(os.pathsep) if path]


@pytest.mark.parametrize("path", [None, *OTHERS], ids=lambda path: pathlib.Path(path).name if path else "own")
def test_each_copy_has_its_own_table(path, ort, session, library):
    if path is None:
        folder = pathlib.Path(ort.__file__).parent / "capi"
        shared = sorted(folder.glob("libonnxruntime.so*"))
        if not shared:
            pytest.skip(f"this wheel has no shared library in {folder}")
        path = str(shared[0])
    host = Host(path)
    model = rotary.single()
    feeds = rotary.inputs([2, 3, 4, 16], [4, 8])
    expected = rotary.reference(feeds["X"], feeds["cos"], feeds["sin"])
    inside = session(model)
    beside = host.session(model, library)
    for _ in range(3):
        rotary.assert_close(rotary.run(inside, feeds), expected, "float")
        rotary.assert_close(host.run(beside, feeds), expected, "float")
    bad = rotary.inputs([2, 3, 4, 15], [4, 8])
    with pytest.raises(RuntimeError, match="15 channels of X"):
        host.run(beside, bad)
    with pytest.raises(Exception, match="15 channels of X"):
        rotary.run(inside, bad)
