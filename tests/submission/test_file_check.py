import gzip
import re

import pytest

from kgcv.errors import SubmissionError
from kgcv.submission.file_check import check_file
from kgcv.submission.table import Submission

NUMBERS = "id,x,y\na,0,0\nb,0,0\n"
PROBABILITIES = "id,x\na,0.5\nb,0.5\n"
TAGS = "id,tags\na,clear primary\nb,clear road\n"


@pytest.fixture
def check(tmp_path):
    """Checks a file with the text `text` against a sample file with the text `sample`."""

    def call(text, sample=NUMBERS):
        (tmp_path / "mine.csv").write_text(text)
        (tmp_path / "sample.csv").write_text(sample)
        return check_file(tmp_path / "mine.csv", tmp_path / "sample.csv")

    return call


def test_a_file_that_fits_takes_the_order_of_the_sample(check):
    found = check("y,id,x\n4,b,3\n2,a,1\n")
    assert found.table == Submission(("id", "x", "y"), (("a", "b"), ("1", "3"), ("2", "4")), "file")
    assert found.doubts == ()
    assert found.notes == (
        "rows or columns are not in the sample file's order, which few competitions mind; -o FILE puts them in it",
    )


# --- faults


@pytest.mark.parametrize(
    "text, message",
    [
        ("id,x\na,1\nb,2\n", "columns differ .*: missing y; not in the sample file none"),
        ("id,x,y,z\na,1,2,3\nb,1,2,3\n", "missing none; not in the sample file z"),
        ("id,x,y,y\na,1,2,3\nb,1,2,3\n", "columns differ"),
        ("id,x,y\na,1,2\n", r"mine\.csv: 1 ids missing: b"),
        ("id,x,y\na,1,2\nb,1,2\nc,1,2\n", r"1 ids not in the sample file: c"),
        ("id,x,y\na,1,2\nb,1,2\nb,1,2\n", r"1 ids twice: b"),
        ("id,x,y\na,1,2\nb,1,\n", r"column 'y' is not a number at 1 ids: b \(''\)"),
        ("id,x,y\na,nan,2\nb,inf,2\n", r"column 'x' is not a number at 2 ids: a \('nan'\), b \('inf'\)"),
        ('id,x,y\na,"0,5",2\nb,1,2\n', r"column 'x' is not a number at 1 ids: a \('0,5'\)"),
        ("id,x,y\na,1_000,2\nb,1,2\n", r"not a number at 1 ids: a \('1_000'\)"),
        ("id,x,y\na,\u0661,2\nb,1,2\n", "not a number at 1 ids: a"),
        ("id,x,y\na,cat,2\nb,dog,2\n", "not a number at 2 ids"),
        ("id,x,y\na,1,2\nb,1\n", "row 3 has 2 cells, the header 3"),
        ("id;x;y\na;1;2\n", "its cells are separated by ';'; save it with commas between them"),
        ("id\tx\ty\na\t1\t2\n", r"its cells are separated by '\\t'"),
        ("", "needs a header, a row"),
        ("id,x,y\n", "needs a header, a row"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(check, text, message):
    with pytest.raises(SubmissionError, match=message):
        check(text)


@pytest.mark.parametrize("number", ["1", "-1.5", "+2.", ".5", "1e-7", "2.5E+3", " 3 "])
def test_numbers_have_many_forms(check, number):
    assert check(f"id,x,y\na,{number},2\nb,1,2\n").doubts == ()


PACKED = gzip.compress(b"id,x\na,1\n", mtime=0)  # without the time, which would be in the tests' names


@pytest.mark.parametrize(
    "name, content, message",
    [
        (
            "mine.csv.gz",
            b"id,x\na,1\n",
            r"\.csv\.gz: is not packed by gzip, which its name denies; call it X\.csv$",
        ),
        (
            "mine.csv",
            PACKED,
            r"is packed by gzip, which its name denies; call it X\.csv\.gz$",
        ),
        ("mine.csv.gz", PACKED[:-9], r"mine\.csv\.gz: cannot be read as a table"),
        ("mine.csv.gz", PACKED + b"rest", r"mine\.csv\.gz: cannot be read as a table"),
        ("mine.csv", "id,x\na,1\n".encode("utf-16"), r"mine\.csv: is not UTF-8 text; save it as UTF-8"),
        ("mine.zip", b"PK", r"mine\.zip: a submission is named \.csv or \.csv\.gz"),
    ],
)
def test_a_packing_that_kaggle_does_not_read_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "sample.csv").write_text("id,x\na,1\n")
    with pytest.raises(SubmissionError, match=message):
        check_file(tmp_path / name, tmp_path / "sample.csv")


def test_a_missing_file_is_named(tmp_path):
    (tmp_path / "sample.csv").write_text(NUMBERS)
    with pytest.raises(SubmissionError, match=r"mine\.csv: cannot be read: No such file"):
        check_file(tmp_path / "mine.csv", tmp_path / "sample.csv")


# --- doubts


@pytest.mark.parametrize(
    "sample, cells, doubt",
    [
        (PROBABILITIES, ("0.2", "1.2"), r"column 'x': outside 0 to 1, .* at 1 ids: b \('1.2'\)"),
        (PROBABILITIES, ("-0.2", "1"), r"outside 0 to 1.* at 1 ids: a \('-0.2'\)"),
        ("id,x\na,0\nb,3\nc,7\n", ("0.5", "3", "7"), r"not whole, .* at 1 ids: a \('0.5'\)"),
        (
            TAGS,
            ('"clear,primary"', "clear"),
            r"another separator than the sample.* at 1 ids: a \('clear,primary'\)",
        ),
        (TAGS, ("clear|haze", "clear"), "another separator"),
        ("id,tags\na,bare ground;road\nb,road\n", ("bare ground road", "road"), None),
        ("id,tags\na,bare ground;road\nb,road\n", ("road bare ground", "road"), None),
        ("id,tags\na,bare;road\nb,road\n", ("bare road", "road"), "another separator"),
        (TAGS, ("Clear road", "clear"), r"the sample file's words in other letters at 1 ids: a \('Clear road'\)"),
        (TAGS, ("clear ", "clear"), r"spaces around the text at 1 ids: a \('clear '\)"),
        (TAGS, ("", "clear"), r"what readers take for a missing value at 1 ids: a \(''\)"),
        (TAGS, ("NaN", "None"), r"what readers take for a missing value at 2 ids: a \('NaN'\), b \('None'\)"),
        (TAGS, ("0 1", "2"), r"none of the sample file's words \('clear', 'primary', 'road'\) at 2 ids"),
        ("id,label\na,cat\nb,cat\n", ("3", "7"), r"none of the sample file's words \('cat'\)"),
    ],
)
def test_what_looks_wrong_beside_the_sample_file_is_doubted(check, sample, cells, doubt):
    text = sample.splitlines()[0] + "\n" + "".join(f"{id_},{cell}\n" for id_, cell in zip("abc", cells, strict=False))
    doubts = check(text, sample).doubts
    if doubt is None:
        assert doubts == ()
    else:
        (found,) = doubts
        assert re.search(doubt, found), found


@pytest.mark.parametrize(
    "sample, cells",
    [
        (PROBABILITIES, ("0", "1")),
        ("id,x\na,0\nb,0\n", ("0.5", "-17")),  # zeros everywhere show nothing
        ("id,x\na,0.5\nb,3\n", ("-1", "7")),
        ("id,label\na,3\nb,7\n", ("8", "9")),
        (TAGS, ("clear haze", "road")),
        ("id,label\na,None\nb,cat\n", ("None", "cat")),
        ("id,label\na,cat\nb,cat\n", ("cat", "dog")),
    ],
)
def test_what_the_sample_file_leaves_open_is_not_doubted(check, sample, cells):
    text = sample.splitlines()[0] + "\n" + "".join(f"{id_},{cell}\n" for id_, cell in zip("ab", cells, strict=True))
    assert check(text, sample).doubts == ()


def test_a_byte_order_mark_is_doubted(check):
    (doubt,) = check("\ufeff" + "id,x,y\na,1,2\nb,3,4\n").doubts
    assert doubt.startswith("begins with a byte order mark")


# --- notes


@pytest.mark.parametrize(
    "sample, text, note",
    [
        (NUMBERS, NUMBERS, "it says what the sample file says"),
        (NUMBERS, "id,x,y\na,1,2\nb,1,2\n", "every row says the same"),
        (TAGS, "id,tags\na,clear haze\nb,road\n", "column 'tags' has words that the sample file does not show: 'haze'"),
    ],
)
def test_what_a_person_may_want_to_know_is_noted(check, sample, text, note):
    assert check(text, sample).notes == (note,)
