"""Holds what the Rust code declares of CUDA's driver to CUDA's own header.

The driver is loaded at run time, so that no compiler sees whether its functions are as `ops/src/cuda/driver/api.rs` and
`cpp/device/src/api.rs` declare them. For each of them this writes an assertion in C++: as many arguments, and each as wide, a pointer or none, as the header
has it. The emulated driver is compiled with the header too.
"""
import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
RUST = [HERE.parent / "ops" / "src" / "cuda" / "driver" / "api.rs", HERE / "device" / "src" / "api.rs"]
EMULATED = HERE / "emulation" / "driver.cpp"
# Rust's types in C++, of which width and being a pointer count.
TYPES = {
    "c_int": "int", "c_uint": "unsigned int", "c_float": "float", "usize": "size_t", "u64": "unsigned long long",
    "Outcome": "int", "Number": "int", "Address": "unsigned long long", "Handle": "void*",
}
HEAD = """
#include <cuda.h>
#include <type_traits>
template <typename A, typename B>
constexpr bool same = sizeof(A) == sizeof(B) && std::is_pointer<A>::value == std::is_pointer<B>::value;
template <typename A, typename B>
struct Alike { static constexpr bool value = false; };
template <typename... A, typename... B>
struct Alike<CUresult(A...), CUresult(B...)> {
    template <bool Fits, typename = void>
    struct Each { static constexpr bool value = false; };
    template <typename T>
    struct Each<true, T> { static constexpr bool value = (true && ... && same<A, B>); };
    static constexpr bool value = Each<sizeof...(A) == sizeof...(B)>::value;
};
"""


def declarations():
    """File, name and argument types of each function."""
    for path in RUST:
        text = path.read_text()
        for name, arguments in re.findall(r"= (cu\w+)\(([^)]*)\);", text):
            yield str(path.relative_to(HERE.parent)), name, [argument.strip() for argument in arguments.split(",") if argument.strip()]


def cpp_type(rust):
    """The C++ type of one of Rust's."""
    return "void*" if rust.startswith("*") else TYPES[rust]


def compiler_says(*arguments):
    """The words of the system's C++ compiler where it refuses something."""
    done = subprocess.run([os.environ.get("CXX", "c++"), *map(str, arguments)], capture_output=True, text=True)
    return done.stderr if done.returncode else None


def complaints(include, folder):
    """What does not agree with the header in a folder; scratch files go into another."""
    found = list(declarations())
    if len(found) < 40:
        yield f"only {len(found)} declarations of the driver are understood"
    # The header gives new versions of functions the old names.
    header = (include / "cuda.h").read_text()
    renamed = dict(re.findall(r"(?m)^\s*#define (cu\w+)\s+(cu\w+_v\d+|cu\w+WithFlags)\s*$", header))
    names = {new: old for old, new in renamed.items()}
    names.update((new, old) for old, new in re.findall(r"(?m)^\s*#define (cu\w+)\s+__CUDA_API_PT[SD]Z?S?\((cu\w+)\)", header))
    lines = [HEAD]
    for file, name, arguments in found:
        ours = f"CUresult({', '.join(map(cpp_type, arguments))})"
        lines.append(f'static_assert(Alike<decltype({names.get(name, name)}), {ours}>::value, "{file}: {name}");')
    source = folder / "declarations.cpp"
    source.write_text("\n".join(lines) + "\n")
    for path, flags in ((source, []), (EMULATED, ["-DPHASOR_CUDA_HEADER"])):
        said = compiler_says(*flags, "-std=c++17", "-fsyntax-only", "-I", include, path)
        if said:
            yield f"the driver is not as CUDA's header has it:\n{said}"
