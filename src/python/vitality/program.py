"""The program behind the functions: where it is, how it is called, what its errors become."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
from typing import Sequence, Union

StrPath = Union[str, "os.PathLike[str]"]

_SECONDS_TO_CLEAN_UP = 10.0


class VitalityError(Exception):
    """The program refused or failed. `str(error)` is its message, `error.exit_code` its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class BadInput(VitalityError):
    """Exit code 2: an option, a file or a value in it is wrong. Nothing was written."""


class OutsideTolerance(VitalityError):
    """Exit code 3: values on the machine differ from the reference by more than the number format explains."""


class Infeasible(VitalityError):
    """Exit code 4: the workload does not fit the machine; the message gives the reason."""


class Failed(VitalityError):
    """Exit code 1: an internal error, or the environment failed (no memory, a full disk)."""


class Interrupted(VitalityError):
    """Exit code 130: somebody interrupted the program; what was finished is kept."""


_ERRORS = {1: Failed, 2: BadInput, 3: OutsideTolerance, 4: Infeasible, 130: Interrupted}


def find_program() -> str:
    """The path of the program: `$VITALITY`; else the one that this package belongs to (installed beside it, or built in
    its source tree by the preset release); else `vitality` on the PATH. FileNotFoundError where there is none."""
    named = os.environ.get("VITALITY")
    if named:
        found = shutil.which(named)
        if found is None:
            raise FileNotFoundError(f"$VITALITY is {named!r}, which is no program")
        return os.path.abspath(found)
    here = pathlib.Path(__file__).resolve()
    for folder in here.parents:
        # PREFIX/lib/python3*/dist-packages/vitality, or src/python/vitality
        for way in ("bin/vitality", "build/release/vitality"):
            candidate = folder / way
            if candidate.is_file() and os.access(candidate, os.X_OK):
                return str(candidate)
    found = shutil.which("vitality")
    if found is None:
        raise FileNotFoundError("the program vitality is not on the PATH; set $VITALITY to it")
    return found


def call(*arguments: str) -> str:
    """Runs `vitality ARGUMENTS` and returns what it prints.

    Raises the VitalityError of the exit code. An interrupt (Ctrl-C) or another exception on the way ends the program,
    waits until it has removed what it had begun to write, and goes on to the caller."""
    process = subprocess.Popen([find_program(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    try:
        out, errors = process.communicate()
    except BaseException:
        _end(process)
        raise
    if process.returncode != 0:
        raise _error(process.returncode, errors)
    return out


def _end(process: "subprocess.Popen[str]") -> None:
    """The caller raises again what brought it here, so nothing is raised from here."""
    try:
        process.send_signal(signal.SIGINT)
        process.wait(_SECONDS_TO_CLEAN_UP)
    except BaseException:  # it hangs, or there was a second Ctrl-C
        process.kill()
        process.wait()
    finally:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _error(code: int, errors: str) -> VitalityError:
    if code < 0:
        return Failed(f"the program was ended by signal {-code}\n{errors}".strip(), code)
    message = errors.strip().replace("\nerror: ", "\n")
    if message.startswith("error: "):
        message = message[len("error: "):]
    return _ERRORS.get(code, VitalityError)(message or f"exit code {code}", code)


def option(name: str, value: object) -> list[str]:
    """The words of an option: none for None and False, the name alone for True, else the name and the value."""
    if value is None or value is False:
        return []
    return [f"--{name}"] if value is True else [f"--{name}", os.fspath(value) if isinstance(value, os.PathLike) else str(value)]


def options(name: str, values: "Sequence[object] | None") -> list[str]:
    """A repeatable option."""
    return [word for value in values or () for word in option(name, value)]


def version() -> str:
    """The program's version, which is this package's too."""
    return call("--version").split()[-1]
