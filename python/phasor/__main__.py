"""The command line: `phasor`, or `python -m phasor`."""
from __future__ import annotations

import signal
import sys


def main() -> int:
    """Runs the command line with the arguments of this process; the result is the exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Python would only make a note of Ctrl-C. Where the signal is ignored, as `nohup` arranges, it stays so.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from . import _host, _native

    _host.announce()
    return _native.main(["phasor", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
