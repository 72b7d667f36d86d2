"""Object code to addresses: constants, outside functions, data, damage, other machines, freeing."""

from __future__ import annotations

import ctypes
import gc
import mmap
import platform
import random
import struct
import subprocess
import sys
from typing import Any

import pytest
from llvmlite import binding

from twofold.compiler.native.codegen import object_code
from twofold.runtime import loader
from twofold.runtime.elf import Layout, ObjectError
from twofold.runtime.loader import load

LLVM = """
@table = private constant [4 x double] [double 1.5, double 2.5, double 3.5, double 5.0]
@count = global i64 3
@zeros = global [64 x i64] zeroinitializer, align 64
declare double @fmod(double, double)
define internal double @inner(double %x) noinline {
  %r = fmul double %x, 2.0
  ret double %r
}
define double @f(i64 %i, double %y) {
  %p = getelementptr [4 x double], ptr @table, i64 0, i64 %i
  %x = load double, ptr %p
  %n = load i64, ptr @count
  %z = load i64, ptr getelementptr ([64 x i64], ptr @zeros, i64 0, i64 63)
  %sum = add i64 %n, %z
  %q = sitofp i64 %sum to double
  %m = fadd double %q, %y
  %r = call double @fmod(double %x, double %m)
  %t = call double @inner(double %r)
  ret double %t
}
"""
WANT = [2 * (x % 2.0) for x in (1.5, 2.5, 3.5, 5.0)]


@pytest.fixture(scope="module")
def code() -> bytes:
    return object_code(LLVM, "example")


def results(loaded: loader.Code, y: float = -1.0) -> list[float]:
    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, ctypes.c_double)
    return [kind(loaded.addresses["f"])(i, y) for i in range(4)]


def test_code_with_constants_data_and_outside_functions_runs(code: bytes) -> None:
    loaded = load(code)
    assert results(loaded) == WANT
    ctypes.c_int64.from_address(loaded.addresses["count"]).value = 4
    assert results(loaded, -2.0) == WANT
    assert not any((ctypes.c_int64 * 64).from_address(loaded.addresses["zeros"]))


def test_each_load_has_data_of_its_own(code: bytes) -> None:
    one, two = load(code), load(code)
    ctypes.c_int64.from_address(one.addresses["count"]).value = 100
    assert results(two) == WANT


def test_code_of_a_large_model_is_linked_too() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple().create_target_machine(
        reloc="static", codemodel="large", opt=1
    )
    module = binding.parse_assembly(LLVM)
    module.triple = target.triple
    if (made := target.emit_object(module))[:4] == b"\x7fELF":
        assert results(load(made)) == WANT


def test_memory_is_given_back_with_the_last_reference(
    code: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = loader._windows() if sys.platform == "win32" else loader._posix()
    freed: list[tuple[int, int]] = []
    real = memory.free

    def free(base: int, size: int) -> None:
        freed.append((base, size))
        real(base, size)

    monkeypatch.setattr(memory, "free", free, raising=False)
    loaded = load(code)
    again = loaded
    size, base = loaded.size, loaded.addresses["f"] & -mmap.PAGESIZE
    del loaded
    gc.collect()
    assert not freed
    del again
    gc.collect()
    assert freed == [(base, size)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_page_is_writable_and_executable_and_loading_leaves_nothing(code: bytes) -> None:
    def executable() -> list[str]:
        with open("/proc/self/maps") as maps:
            return [m for m in maps if " 00:00 0" in m and "x" in m.split()[1] and "[" not in m]

    before = executable()
    for _ in range(50):
        load(code)
    gc.collect()
    assert executable() == before
    kept = [load(code) for _ in range(3)]
    assert not any("w" in line.split()[1] for line in set(executable()) - set(before))
    assert kept


def test_an_unknown_outside_function_is_named() -> None:
    made = object_code("declare void @nobody_has()\ndefine void @f() { call void @nobody_has()\n"
                       "ret void }", "example")  # fmt: skip
    with pytest.raises(ObjectError, match="calls nobody_has, which this process does not have"):
        load(made)


@pytest.mark.parametrize(
    "data", [b"", b"\x7fELF", bytes(5000), b"MZ" + bytes(500), b"\xcf\xfa" * 99]
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ObjectError):
        load(data)


def test_damage_is_refused_or_linked_but_never_crashes_the_linker(code: bytes) -> None:
    """Nothing is run here: an entry's digest is what tells that the code itself is right."""
    rng = random.Random(0)
    for _ in range(3000):
        data = bytearray(code[: rng.randrange(1, len(code) + 1)] if rng.random() < 0.3 else code)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data))
            data[at] = rng.choice([0, 255, data[at] ^ 1 << rng.randrange(8)])
        try:
            layout = Layout(bytes(data))
            if layout.size > 1 << 20:
                continue
            image = bytearray(layout.size)
            layout.write(memoryview(image), 1 << 32, lambda name: 1 << 33)
        except ObjectError:
            pass


def test_an_object_for_another_machine_is_refused(
    code: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_machine", lambda: "riscv64")
    with pytest.raises(ObjectError, match=r"object code for \w+; this is riscv64"):
        load(code)
    with pytest.raises(ObjectError, match="machine 243, which is not known here"):
        Layout(code[:18] + struct.pack("<H", 243) + code[20:])


def cross(triple: str, **options: Any) -> bytes:
    """LLVM above for another machine."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    try:
        target = binding.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip("LLVM was built without this target")
    machine = target.create_target_machine(opt=2, **options)
    module = binding.parse_assembly(LLVM)
    module.triple = triple
    made: bytes = machine.emit_object(module)
    return made


@pytest.mark.parametrize(
    "triple",
    ["x86_64-unknown-linux-gnu", "x86_64-apple-darwin-elf", "x86_64-pc-windows-msvc-elf",
     "aarch64-unknown-linux-gnu", "arm64-apple-darwin-elf"],
)  # fmt: skip
def test_every_system_gets_elf_that_is_understood(triple: str) -> None:
    layout = Layout(cross(triple, reloc="pic", codemodel="default"))
    image = bytearray(layout.size)
    names = layout.write(memoryview(image), 1 << 32, lambda name: 0x7123456789AB)
    assert {"f", "count", "zeros"} <= names.keys()
    assert names["count"] - (1 << 32) >= layout.writable > 0
    assert struct.pack("<Q", 0x7123456789AB) in image  # the link to fmod
    assert struct.pack("<Q", names["count"]) in image or platform.machine() != "aarch64"


def sign_extend(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def test_the_instructions_of_aarch64_reach_what_they_name() -> None:
    """Decodes each patched instruction, since there may be no such machine to run it on."""
    layout = Layout(cross("aarch64-unknown-linux-gnu", reloc="pic", codemodel="default"))
    base, fmod = 0x500000000000, 0x7123456789AB
    image = bytearray(layout.size)
    names = layout.write(memoryview(image), base, lambda name: fmod)
    seen: dict[int, int] = {}
    for place, kind, number, addend in layout.relocations:
        (word,) = struct.unpack_from("<I", image, place)
        symbol = layout.symbols[number]
        inside = base + symbol.place + addend
        link = base + layout.links + 16 * number
        seen[kind] = seen.get(kind, 0) + 1
        if kind in (275, 311):  # adrp
            step = sign_extend((word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3, 21)
            reached = (base + place & ~0xFFF) + (step << 12)
            assert reached == (inside if kind == 275 else link + 8) & ~0xFFF
        elif kind == 277:  # add
            assert word >> 10 & 0xFFF == inside & 0xFFF
        elif kind == 312:  # ldr of a table's entry
            assert (word >> 10 & 0xFFF) * 8 == link + 8 & 0xFFF
            assert struct.unpack_from("<Q", image, link + 8 - base)[0] == names[symbol.name]
        elif kind in (282, 283):  # b, bl
            reached = base + place + 4 * sign_extend(word & 0x3FFFFFF, 26)
            assert reached == (inside if symbol.place >= 0 else link)
            if symbol.place < 0:
                start = link - base
                assert struct.unpack_from("<IIQ", image, start) == (0x58000050, 0xD61F0200, fmod)
        else:
            assert kind in (278, 284, 285, 286, 299)
            scale = {278: 0, 284: 1, 285: 2, 286: 3, 299: 4}[kind]
            assert (word >> 10 & 0xFFF) << scale == inside & 0xFFF
    assert {275, 283, 311, 312} <= seen.keys()


def test_what_is_too_far_is_refused(code: bytes) -> None:
    layout = Layout(cross("x86_64-unknown-linux-gnu", reloc="static", codemodel="small"))
    wide = [r for r in layout.relocations if r[1] in (10, 11)]
    image = memoryview(bytearray(layout.size))
    if wide:  # 32-bit absolute addresses cannot be kept in general: refused, whatever the place
        with pytest.raises(ObjectError, match="relocation 1[01] of x86_64 is not known here"):
            layout.write(image, 1 << 40, lambda name: 5)


EXIT = """
import ctypes, threading, time
import numpy as np
import twofold as tf

f = tf.function(lambda x: tf.sum(tf.tanh(x) * 2.5), jit_compile=True)
x = tf.constant(np.ones(4_000_000, np.float32))
f(x)
started = threading.Event()

def work():
    while True:
        started.set()
        f(x)

for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
started.wait()
time.sleep(0.05)
print("ends")
"""


def test_a_process_ends_well_while_daemon_threads_run_kernels() -> None:
    done = subprocess.run([sys.executable, "-c", EXIT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ends\n"), done.stderr
