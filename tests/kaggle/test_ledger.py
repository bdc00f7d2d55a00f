import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from kgcv.errors import DataError, StopRequested
from kgcv.events import Message, Recorder, Silent
from kgcv.kaggle.ledger import Entry, Ledger, open_ledger


def entry_of(number=0, **fields):
    return Entry(competition="planet", sha256=f"{number:064x}", file="a.csv", message=f"number {number}", **fields)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "runs" / "submissions.jsonl")


def test_no_file_is_an_empty_ledger(ledger):
    assert ledger.read() == ()
    assert not ledger.path.parent.exists()


def test_an_entry_is_one_line_of_json(ledger):
    entry = entry_of(own_score=0.93, own_spread=0.002, metric="f2", greater_is_better=True, run="one", refs_before=(7,))
    ledger.add(entry)
    ledger.add(entry_of(1))
    lines = ledger.path.read_text().splitlines()
    assert len(lines) == 2
    value = json.loads(lines[0])
    assert (value["competition"], value["message"], value["status"]) == ("planet", "number 0", "pending")
    assert (value["own_score"], value["own_spread"], value["ref"]) == (0.93, 0.002, None)
    assert value["time"].endswith("+00:00")
    assert ledger.read()[0] == entry


def test_a_message_of_several_lines_is_one_line(ledger):
    ledger.add(replace(entry_of(), message="first\nsecond \u2028 ü"))
    assert len(ledger.path.read_bytes().split(b"\n")) == 2
    assert ledger.read()[0].message == "first\nsecond \u2028 ü"


def test_settling_changes_the_one_line(ledger):
    entries = [entry_of(number) for number in range(3)]
    for entry in entries:
        ledger.add(entry)
    before = ledger.path.read_text().splitlines()
    ledger.settle(replace(entries[1], ref=5, status="submitted"))
    after = ledger.path.read_text().splitlines()
    assert [after[0], after[2]] == [before[0], before[2]]
    assert (ledger.read()[1].ref, ledger.read()[1].status) == (5, "submitted")


def test_settling_what_somebody_removed_writes_it_again(ledger):
    ledger.add(entry_of(0))
    ledger.settle(entry_of(1, ref=5, status="submitted"))
    assert [entry.ref for entry in ledger.read()] == [None, 5]


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from kgcv.kaggle.ledger import Entry, Ledger
ledger = Ledger(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    entry = Entry(competition="planet", sha256="0", file="a.csv", message=f"{sys.argv[2]} {number}")
    ledger.add(entry)
    ledger.settle(replace(entry, ref=number + 1, status="submitted"))
"""


def test_two_processes_lose_no_line_of_each_other(ledger):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(ledger.path), name, "15"]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    entries = ledger.read()
    assert sorted(entry.message for entry in entries) == sorted(f"{name} {n}" for name in "ab" for n in range(15))
    assert {entry.status for entry in entries} == {"submitted"}


def test_a_process_killed_while_writing_leaves_whole_lines(ledger):
    reporter = Recorder()
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(ledger.path), "a", "1000000"])
        known = len(ledger.read())
        while len(ledger.read()) < known + 3:
            time.sleep(0.005)
        writer.kill()
        writer.wait()
        open_ledger(ledger.path, reporter)
    assert reporter.events == []
    ledger.add(entry_of())  # no lock is left behind


def test_a_last_line_that_was_cut_off_is_set_aside_and_told(ledger):
    ledger.add(entry_of(0))
    ledger.add(entry_of(1))
    whole = ledger.path.read_text()
    ledger.path.write_text(whole[:-30])
    reporter = Recorder()
    assert [entry.message for entry in open_ledger(ledger.path, reporter).read()] == ["number 0"]
    (message,) = reporter.events
    assert isinstance(message, Message) and message.level == "warning"
    assert "submissions.jsonl: its last line was cut off and is now in" in message.text
    assert ledger.path.with_name("submissions.jsonl.cut").read_text() == whole.splitlines()[1][:-29] + "\n"
    assert ledger.path.read_text() == whole.splitlines()[0] + "\n"
    open_ledger(ledger.path, reporter)
    assert len(reporter.events) == 1


def test_reading_writes_nothing(ledger):
    ledger.add(entry_of(0))
    ledger.path.with_name(".submissions.jsonl.lock").unlink()
    assert len(open_ledger(ledger.path, Silent()).read()) == 1
    assert [path.name for path in ledger.path.parent.iterdir()] == ["submissions.jsonl"]


def test_a_last_line_without_its_end_is_whole(ledger):
    ledger.add(entry_of(0))
    ledger.path.write_text(ledger.path.read_text().rstrip("\n"))
    reporter = Recorder()
    open_ledger(ledger.path, reporter).add(entry_of(1))
    assert len(ledger.read()) == 2 and reporter.events == []


@pytest.mark.parametrize(
    "line, what",
    [
        ("not json", "Expecting value"),
        ("3", "not as it should be: the whole"),
        ('{"status": 7}', "not as it should be: .*status"),
        ('{"competition": "planet"}', "not as it should be: .*id"),
        ("{change}ref: '5'", "not as it should be: ref"),
        ("{change}status: 'sent'", "not as it should be: status"),
        ("{change}colour: 'red'", "not as it should be: colour"),
        ("{change}refs_before: 5", "not as it should be: refs_before"),
    ],
)
def test_a_line_that_is_no_entry_is_named(ledger, line, what):
    ledger.add(entry_of(0))
    if line.startswith("{change}"):
        key, value = line.removeprefix("{change}").split(": ")
        line = json.dumps({**json.loads(ledger.path.read_text()), key: json.loads(value.replace("'", '"'))})
    whole = ledger.path.read_text()
    ledger.path.write_text(whole + line + "\n" + whole)
    with pytest.raises(DataError, match=rf"submissions\.jsonl:2: is no entry of the ledger .*{what}"):
        open_ledger(ledger.path, Silent())


def test_an_older_line_without_newer_keys_is_read(ledger):
    ledger.add(entry_of(0))
    value = json.loads(ledger.path.read_text())
    del value["greater_is_better"], value["private_score"]
    ledger.path.write_text(json.dumps(value) + "\n")
    assert ledger.read()[0].greater_is_better is None


HOLDER = """
import sys, time
from pathlib import Path
from kgcv.events import Silent
from kgcv.kaggle.ledger import Ledger
with Ledger(Path(sys.argv[1])).submitting("planet", Silent()):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_process_submits_at_a_time_and_a_killed_one_gives_way(ledger):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(ledger.path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    reporter, naps = Recorder(), []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            holder.send_signal(signal.SIGKILL)
            holder.wait()

    with ledger.submitting("planet", reporter, sleep=nap):
        assert len(naps) == 3
    holder.stdout.close()
    assert reporter.events == [Message("waiting for another kgcv submit to planet")]


def test_waiting_ends_with_a_signal(ledger):
    with ledger.submitting("planet", Silent()):
        waiting = ledger.submitting("planet", Silent(), lambda: signal.SIGTERM)
        with pytest.raises(StopRequested, match="nothing was submitted") as stopped, waiting:
            pass
        assert stopped.value.exit_code == 143
        with ledger.submitting("another", Silent(), lambda: signal.SIGTERM):
            pass


def test_threads_exclude_each_other_too(ledger):
    inside, most = [], []

    def work():
        with ledger.submitting("planet", Silent(), sleep=lambda _: time.sleep(0.001)):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]
