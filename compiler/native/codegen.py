"""LLVM to object code, by numba's code generator.

numba's ahead-of-time code generator is what its compiler of extension modules uses: it verifies a
module, optimises it with numba's pass pipeline and emits position-independent code. Here it is told
to write for this CPU, so numba's switches (``NUMBA_CPU_NAME``, ``NUMBA_OPT`` ...) and its care with
features that a virtual machine reports and does not have hold for kernels too. numba's front end,
which took 45 ms for each batch of kernels, is not involved; importing numba takes half a second,
once, in the first process that compiles something: what the cache on disk has is not compiled.

Objects are ELF on every system, since ``runtime/elf.py`` is all that reads them.

Lock discipline: numba's own compiler lock while LLVM works; callers hold ``machine._compiling``.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

__all__ = ["generator", "inspect", "object_code"]

# Loops are written here as they are to run, in vectors and side by side. LLVM's third level unrolls
# more of them: first calls of NPBench's programs took 1.24 of the time, later ones the same within
# 1 %, where code generation changed with it.
MOST_PASSES = 2


def object_code(llvm: str, name: str) -> bytes:
    """Compile a module, given as text, to an object file.

    >>> object_code("define i32 @three() { ret i32 3 }", "example")[:4]
    b'\\x7fELF'
    """
    from numba.core.compiler_lock import global_compiler_lock

    with global_compiler_lock:
        object_: bytes = _library(llvm, name).emit_native_object()
    return object_


def inspect(llvm: str, name: str) -> tuple[str, str]:
    """The optimised LLVM and the assembly of a module, as ``object_code`` makes them."""
    from numba.core.compiler_lock import global_compiler_lock

    with global_compiler_lock:
        library = _library(llvm, name)
        library.finalize()
        return library.get_llvm_str(), library.get_asm_str()


def _library(llvm: str, name: str) -> Any:
    """A module in numba's hands, not yet optimised."""
    from llvmlite import binding  # noqa: PLC0415  (loads LLVM)

    library = generator().create_library(name)
    module = binding.parse_assembly(llvm)
    module.verify()
    library.add_llvm_module(module)
    return library


@functools.cache
def generator() -> Any:
    """numba's code generator for this CPU; the first call imports numba."""
    from llvmlite import binding  # noqa: PLC0415  (loads LLVM)
    from numba.core import config
    from numba.core.codegen import AOTCodeLibrary, AOTCPUCodegen

    library: Any = AOTCodeLibrary
    base: Any = AOTCPUCodegen
    switches: Any = config

    class Library(library):  # type: ignore[misc]
        """Optimises once: numba's first, cheaper run is for reference counts, and we have none."""

        def _optimize_functions(self, ll_module: Any) -> None:
            ll_module.data_layout = self._codegen._data_layout

        def _optimize_final_module(self) -> None:
            level = min(int(switches.OPT), MOST_PASSES)
            manager, builder = self._codegen._module_pass_manager(opt=level)
            try:
                manager.run(self._final_module, builder)
            finally:
                _dispose(manager)

    class Generator(base):  # type: ignore[misc]
        """For this CPU rather than for any of its family."""

        _library_class = Library

        def _customize_tm_features(self) -> Any:
            return self._get_host_cpu_features()

    made: Any = Generator("twofold", "host")
    if sys.platform != "linux":  # where objects have another format by themselves
        target = binding.Target.from_triple(made._tm.triple + "-elf")
        made._tm = target.create_target_machine(
            cpu=made._get_host_cpu_name(), features=made._get_host_cpu_features(),
            opt=switches.OPT, reloc="pic", codemodel="default",
        )  # fmt: skip
    return made


def _dispose(manager: Any) -> None:
    """Free a pass manager: llvmlite (0.47 to 0.50) inherits an empty ``_dispose`` for it, so that
    each run of the passes would keep 120 kB."""
    from llvmlite.binding import ffi, newpassmanagers  # noqa: PLC0415  (loads LLVM)

    if type(manager)._dispose is ffi.ObjectRef._dispose:
        newpassmanagers.NewPassManager._dispose(manager)
        manager.detach()
