import signal
import time

import pytest

from kgcv.errors import ConfigError, KaggleError, StopRequested
from kgcv.events import Silent, never_stop
from kgcv.kaggle.link import Link
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.selection import Wish
from kgcv.recipes.download import download, download_from, patient

QUICK = Patience(connect_seconds=2.0, read_seconds=2.0, sleep=lambda seconds: None)


def test_an_address_stands_for_the_competition(kaggle, tmp_path):
    wish = Wish("https://www.kaggle.com/competitions/leaf-disease/data", tmp_path / "data")
    assert download(wish, Silent(), never_stop, QUICK).num_new == 4
    assert (tmp_path / "data" / "train.csv").read_bytes() == kaggle.files["leaf-disease"]["train.csv"]


def test_a_name_that_is_none(kaggle, tmp_path):
    with pytest.raises(ConfigError, match="is no competition's name"):
        download(Wish("leaf disease", tmp_path), Silent(), never_stop, QUICK)


def test_without_credentials_nothing_is_asked(kaggle, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    with pytest.raises(KaggleError, match="no Kaggle credentials found"):
        download(Wish("leaf-disease", tmp_path / "data"), Silent(), never_stop, QUICK)
    assert kaggle.requests == []


def test_a_link_needs_no_credentials(kaggle, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    link = Link(url=f"{kaggle.url}/storage/leaf-disease/file/train.csv?X-Goog-Signature=x")
    result = download_from(link, tmp_path / "data", "only", Silent(), never_stop)
    assert result.files == ("train.csv",)
    assert (tmp_path / "data" / "train.csv").read_bytes() == kaggle.files["leaf-disease"]["train.csv"]


def test_a_signal_ends_the_waiting():
    start = time.monotonic()
    with pytest.raises(StopRequested) as caught:
        patient(lambda: signal.SIGTERM).sleep(30)
    assert caught.value.exit_code == 143
    assert time.monotonic() - start < 5
    patient(never_stop).sleep(0.001)
