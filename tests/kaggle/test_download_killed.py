"""A download that dies at any of its changes to the disk leaves what the next one makes whole, without asking twice.

Python tells an audit hook of every file that is opened, moved or removed. From the n-th of these on, in the folder of
the download, the hook lets none of them happen: so nothing that would tidy up runs, as with SIGKILL.
"""

import io
import os
import sys
import zipfile
from pathlib import Path

import pytest

from kgcv.events import Silent, never_stop
from kgcv.kaggle.download import download_competition
from kgcv.kaggle.link import Link, download_link
from kgcv.kaggle.manifest import HOME
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.selection import Wish

SLUG = "leaf-disease"
CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "shutil.rmtree", "shutil.copyfile"}


class Killed(BaseException):
    """The process is gone."""


class Executioner:
    """Counts changes below `folder`; from number `moment` on none happens any more."""

    def __init__(self):
        self.folder, self.moment, self.count = Path(), 0, 0
        sys.addaudithook(self._look)  # stays to the end of the process, so there is one for all tests

    def _look(self, event, arguments):
        if not self.moment or event not in CHANGES or not isinstance(arguments[0], str | os.PathLike):
            return
        if not Path(arguments[0]).is_relative_to(self.folder):
            return
        self.count += 1
        if self.count >= self.moment:
            raise Killed

    def kills(self, work, folder, moment):
        """Whether `work` died; it did not if it makes fewer changes."""
        self.folder, self.moment, self.count = folder, moment, 0
        try:
            work()
        except Killed:
            return True
        finally:
            self.moment = 0
        return self.count >= moment


@pytest.fixture(scope="module")
def the_executioner():
    """The one of this process."""
    return Executioner()


@pytest.fixture
def executioner(the_executioner, monkeypatch):
    """Kills; nothing waits for the disk, which a kill does not touch."""
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return the_executioner


def make_zip(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as content:
        for name, data in members.items():
            content.writestr(name, data)
    return stream.getvalue()


TILES = {"train-jpg/1.jpg": b"one", "train-jpg/2.jpg": b"two"}
FILES = {
    "train-jpg.zip": make_zip(TILES),
    "train_v2.csv.zip": make_zip({"train_v2.csv": b"image_name,tags\n"}),
    "notes.txt": b"read me",
}
UNPACKED = {**TILES, "train_v2.csv": b"image_name,tags\n", "notes.txt": b"read me"}


def tree(folder):
    """Every visible file below `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }


def sizes_on_the_way(folder):
    """Bytes of each file that lies in the inboxes, whole or not."""
    found = (folder / HOME / "incoming").glob("*/*")
    return {path.stat().st_size for path in found if path.is_file() and path.suffix != ".json"}


def kill_everywhere(executioner, work, folder, wanted, asked, sizes):
    """Kill `work` at its 1st change, at its 2nd, ... each time in a new folder, and have it done again; how often.

    Args:
        work: Does it in the folder it is given.
        folder: Below it are the folders.
        wanted: What is to be there in the end, and nothing else at any time.
        asked: Gives the bodies that the server was asked for since the last look.
        sizes: Bytes of each body.
    """
    moment, came = 0, set()
    was_killed = True
    while was_killed:
        moment += 1
        data = folder / str(moment)
        data.mkdir(parents=True)
        was_killed = executioner.kills(lambda data=data: work(data), data, moment)
        assert tree(data).items() <= wanted.items(), f"killed at change {moment}"
        came |= {route for route in asked() if sizes[route] in sizes_on_the_way(data)}
        work(data)
        # What has once come whole by this change has by all later ones.
        assert came.isdisjoint(asked()), f"killed at change {moment}"
        assert tree(data) == wanted, f"killed at change {moment}"
        left = {path.name for path in data.rglob(".*")} | {path.name for path in (data / HOME).iterdir()}
        assert left == {HOME, "lock", "manifest.json"}, f"killed at change {moment}"
    assert came
    return moment - 1


# Keeping the archives takes all the steps that removing them takes, and more.
@pytest.mark.parametrize(
    "packing, names", [("keep", ()), ("only", ()), ("keep", ("train-jpg.zip", "notes.txt"))], ids=str
)
def test_a_competition(executioner, kaggle, tmp_path, packing, names):
    kaggle.files[SLUG] = FILES
    client, archive = kaggle.connect(), kaggle.archive(SLUG)
    sizes = {f"storage/{SLUG}/file/{name}": len(data) for name, data in FILES.items()}
    sizes[f"storage/{SLUG}/all.zip"] = len(archive)

    def work(folder):
        wish = Wish(SLUG, folder, names, packing)
        download_competition(client, wish, Silent(), never_stop, Patience(2.0, 1.0))

    def asked():
        routes = [route for route in kaggle.routes() if route.startswith("storage/")]
        kaggle.requests.clear()
        return routes

    unpacked = UNPACKED if not names else {**TILES, "notes.txt": b"read me"}
    packed = {name: FILES[name] for name in names} or {f"{SLUG}.zip": archive}
    wanted = packed if packing == "only" else {**unpacked, **packed}
    assert kill_everywhere(executioner, work, tmp_path / "data", wanted, asked, sizes) > 20


@pytest.mark.parametrize("packing", ["keep", "only"])
def test_a_link(executioner, kaggle, tmp_path, packing):
    content = make_zip(UNPACKED)
    kaggle.files[SLUG] = {"a.zip": content}
    route = f"storage/{SLUG}/file/a.zip"
    request = Link(url=f"{kaggle.url}/{route}").request()

    def work(folder):
        download_link(request, folder, packing, Silent(), never_stop, Patience(2.0, 1.0))

    def asked():
        # Whether the server has another version is told by the answer's first lines, without its body.
        bodies = [one.route for one in kaggle.requests if "if-none-match" not in one.headers]
        kaggle.requests.clear()
        return bodies

    unpacked = {f"a/{name}": data for name, data in UNPACKED.items()}
    wanted = {"a.zip": content} if packing == "only" else {**unpacked, "a.zip": content}
    assert kill_everywhere(executioner, work, tmp_path / "data", wanted, asked, {route: len(content)}) > 20
