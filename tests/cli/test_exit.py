"""How a command ends: soon, and with everything written."""

from __future__ import annotations

import subprocess
import sys


def test_the_end_does_not_look_for_garbage() -> None:
    """In what torch and timm leave it takes a second, at the end of every command."""
    program = "import atexit, gc, sys\natexit.register(lambda: print(gc.get_freeze_count() > 0))\n"
    program += "from kgcv.cli.main import main\nsys.argv = ['kgcv', 'config', 'schema']\nmain()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("True\n")
