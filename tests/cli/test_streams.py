"""Commands whose standard streams are closed."""

import subprocess
import sys

SCRIPT = """
import os, sys
from kgcv.cli.streams import open_missing_streams
open_missing_streams()
print("into nothing")
with open({file!r}, "w") as stream:
    os.write(2, b"to a terminal that is not there")
    stream.write(f"{{stream.fileno() > 2}} {{sys.stdout.encoding}} {{sys.stderr.isatty()}}")
"""


def test_closed_streams_lead_nowhere_and_no_file_takes_their_place(tmp_path):
    file = tmp_path / "found"
    script = SCRIPT.format(file=str(file))
    done = subprocess.run(["sh", "-c", '"$0" -c "$1" <&- >&- 2>&-', sys.executable, script], check=False)
    assert (done.returncode, file.read_text()) == (0, "True utf-8 False")


def test_open_streams_stay_as_they_are(capfd):
    from kgcv.cli.streams import open_missing_streams

    before = sys.stdout
    open_missing_streams()
    assert sys.stdout is before
