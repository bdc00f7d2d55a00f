import csv
import gzip
import io

import pytest

from kgcv.errors import SubmissionError
from kgcv.submission.table import Submission, csv_bytes, read_sample, read_table, require_same_ids, write_submission

# --- the sample file


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "needs a header, a row"),
        ("id,label\n", "needs a header, a row"),
        ("id\na\n", "an id column and another column"),
        ("id,label\na,0\nb\n", "row 3 has 1 cells, the header 2"),
        ("id,label\na,0\na,0\n", "ids occur twice: a"),
        ("id,cat,cat\na,0,0\n", "columns occur twice: cat"),
        ('id,label\n"a,0\n', "cannot be read as a table"),
        ("id;label\na;0\n", "its cells are separated by ';'; save it with commas between them$"),
        ("id;label\na;0,5\n", "its cells are separated by ';'; save it with commas between them$"),
    ],
)
def test_a_broken_sample_file_is_refused(tmp_path, text, message):
    path = tmp_path / "sample.csv"
    path.write_text(text)
    with pytest.raises(SubmissionError, match=message):
        read_sample(path)


@pytest.mark.parametrize(
    "content",
    [
        b"id,p\r\n007,0\r\n08,1\r\n",
        b"\nid,p\n\n007,0\n  \n08,1\n\n\n",
        b"\xef\xbb\xbfid,p\n007,0\n08,1",
        b'"id",p\n"007",0\n08,1\n',
    ],
    ids=["CRLF", "empty lines", "byte order mark", "quotes"],
)
def test_a_sample_file_is_read_cell_by_cell_whatever_program_wrote_it(tmp_path, content):
    (tmp_path / "sample.csv").write_bytes(content)
    table = read_sample(tmp_path / "sample.csv")
    assert (table.header, table.columns) == (("id", "p"), (("007", "08"), ("0", "1")))


def test_an_id_may_hold_line_breaks(tmp_path):
    (tmp_path / "sample.csv").write_bytes(b'id,p\n"two\nlines",0\n')
    assert read_sample(tmp_path / "sample.csv").ids == ("two\nlines",)


def test_another_encoding_is_said(tmp_path):
    for encoding in ("utf-16", "latin-1"):
        (tmp_path / "sample.csv").write_bytes("id,é\na,0\n".encode(encoding))
        with pytest.raises(SubmissionError, match=r"sample\.csv: is not UTF-8 text; save it as UTF-8$"):
            read_sample(tmp_path / "sample.csv")


def test_ids_that_differ_by_spaces_or_a_suffix_say_so():
    with pytest.raises(SubmissionError, match=r"; the sample's ids have spaces around them, such as ' 007': take"):
        require_same_ids([" 007"], ["007"], "the predictions")
    with pytest.raises(SubmissionError, match=r"1 ids missing: 7; 1 ids not in the sample file: 007$"):
        require_same_ids(["7"], ["007"], "the predictions")


def test_a_missing_or_damaged_table_is_named(tmp_path):
    with pytest.raises(SubmissionError, match=r"x\.csv: cannot be read"):
        read_table(tmp_path / "x.csv")
    whole = gzip.compress(b"id,a\nb,c\n")
    for damaged in (whole[:-4], whole[:12] + b"\xff\xff" + whole[14:]):
        (tmp_path / "x.csv.gz").write_bytes(damaged)
        with pytest.raises(SubmissionError, match=r"x\.csv\.gz: cannot be read"):
            read_table(tmp_path / "x.csv.gz")


def test_packed_content_is_unpacked_whatever_the_name(tmp_path):
    (tmp_path / "x.csv").write_bytes(gzip.compress(b"id,a\nb,c\n"))
    assert read_table(tmp_path / "x.csv").columns == (("b",), ("c",))


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    (tmp_path / "x.csv").write_bytes("\ufeffid,label\na,0\n".encode())
    assert read_table(tmp_path / "x.csv").header == ("id", "label")


# --- the file

TABLE = Submission(("id", "label"), (("a", "b"), ("T-shirt, top", 'say "x"')))


def test_equal_submissions_give_equal_bytes_without_time_or_name(tmp_path):
    for name in ("a.csv.gz", "b.csv.gz"):
        write_submission(tmp_path / name, TABLE)
    content = (tmp_path / "a.csv.gz").read_bytes()
    assert content == (tmp_path / "b.csv.gz").read_bytes()
    assert content[3] == 0  # no flags: no file name, no comment (RFC 1952)
    assert content[4:8] == b"\0\0\0\0"  # no time
    assert gzip.decompress(content) == b'id,label\na,"T-shirt, top"\nb,"say ""x"""\n'


def test_a_plain_file_is_written_plain(tmp_path):
    write_submission(tmp_path / "a.csv", Submission(("id", "x"), (("a",), ("1",))))
    assert (tmp_path / "a.csv").read_bytes() == b"id,x\na,1\n"


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(SubmissionError, match=r"a\.zip: a submission is named \.csv or \.csv\.gz"):
        write_submission(tmp_path / "a.zip", TABLE)


def test_a_file_that_reads_back_differently_is_refused_and_leaves_the_older_one(tmp_path):
    path = tmp_path / "a.csv"
    write_submission(path, Submission(("id", "x"), (("a",), ("0",))))
    # Who reads a table takes a byte order mark for no part of the first name.
    with pytest.raises(SubmissionError, match=r"a\.csv: does not read back as it was written"):
        write_submission(path, Submission(("\ufeffid", "x"), (("a",), ("1",))))
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]
    assert path.read_text() == "id,x\na,0\n"


def test_a_file_that_holds_another_text_is_refused_and_leaves_the_older_one(tmp_path, monkeypatch):
    path = tmp_path / "a.csv.gz"
    write_submission(path, Submission(("id", "x"), (("a",), ("0",))))
    monkeypatch.setattr("kgcv.submission.table._pack", lambda content: gzip.compress(content[:-1] + b" \n"))
    with pytest.raises(SubmissionError, match=r"a\.csv\.gz: does not read back as it was written"):
        write_submission(path, Submission(("id", "x"), (("a",), ("1",))))
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv.gz"]
    assert gzip.decompress(path.read_bytes()) == b"id,x\na,0\n"


def test_a_file_that_is_refused_on_reading_back_leaves_the_older_one(tmp_path):
    path = tmp_path / "a.csv"

    def refuse(written):
        assert written == Submission(("id", "x"), (("a",), ("1",)))
        raise SubmissionError("it is wrong")

    with pytest.raises(SubmissionError, match="it is wrong"):
        write_submission(path, Submission(("id", "x"), (("a",), ("1",))), refuse)
    assert list(tmp_path.iterdir()) == []


def test_cells_are_quoted_as_the_csv_module_quotes_them(tmp_path):
    cells = ["", " ", "a", "a,b", 'a"b', '"', "a\nb", "é, ü", "\t", "a;b", "'", '""', ",", "1.5"]
    table = Submission(("id", 'x,"y"', "z"), (tuple(map(str, range(len(cells)))), tuple(cells), ("1",) * len(cells)))
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows([table.header, *table.rows])
    assert csv_bytes(table) == stream.getvalue().encode()
    # Python 3.11 leaves a lone carriage return without quotes, and then reads two rows.
    table = Submission(("id", "x\ry"), (("a", "b\r"), ("\r", "1")))
    for each in (table, Submission(("id", "x"), (("a", "b"), ("c\r\nd", "\n")))):
        write_submission(tmp_path / "a.csv.gz", each)
        assert read_table(tmp_path / "a.csv.gz") == each
