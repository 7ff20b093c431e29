"""Bytes that are no plain text are told apart, with the place, before DuckDB sees them."""

import gzip
import hashlib
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import Poison
from consumer.decode import plaintext
from consumer.decode.plaintext import PlainText, plain_text

TEXT = "day,cost\n2024-01-01,1.50\n2024-01-02,Grüße 日本 😀\n".encode()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks so small that every text has borders of chunks in it."""
    monkeypatch.setattr(plaintext, "_CHUNK", 4)


def read(folder: Path, content: bytes) -> PlainText:
    original = folder / "object"
    original.write_bytes(content)
    return plain_text(original, folder / "text")


def poison_of(folder: Path, content: bytes) -> str:
    with pytest.raises(Poison) as poison:
        read(folder, content)
    assert not (folder / "text").exists(), "a part of a poisoned file was left in the spool"
    return str(poison.value)


# -- good files --------------------------------------------------------------------------------------------


def test_plain_text_stays_where_it_is_and_is_hashed(tmp_path: Path) -> None:
    text = read(tmp_path, TEXT)
    assert text == PlainText(tmp_path / "object", hashlib.sha256(TEXT).hexdigest(), len(TEXT))
    assert not (tmp_path / "text").exists()


def test_gzip_is_decompressed_to_the_spool_and_hashed_as_it_came(tmp_path: Path) -> None:
    packed = gzip.compress(TEXT, mtime=0)
    text = read(tmp_path, packed)
    assert text == PlainText(tmp_path / "text", hashlib.sha256(packed).hexdigest(), len(packed))
    assert text.path.read_bytes() == TEXT
    assert (tmp_path / "object").read_bytes() == packed


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(TEXT[:20], mtime=0) + gzip.compress(TEXT[20:]),
        b"".join(gzip.compress(bytes([byte])) for byte in TEXT),
        gzip.compress(b"", mtime=0) + gzip.compress(TEXT),
        gzip.compress(TEXT, mtime=0) + b"\x00" * 512,
    ],
    ids=["two members", "a member for each byte", "an empty member", "padding"],
)
@pytest.mark.usefixtures("small_chunks")
def test_gzip_of_several_members_is_read_to_its_end(tmp_path: Path, packed: bytes) -> None:
    assert read(tmp_path, packed).path.read_bytes() == TEXT


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0)], ids=["plain", "gzip"])
def test_a_file_of_nothing_is_text(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content).path.read_bytes() == b""


@pytest.mark.parametrize("content", [b"\x1f", b"\xef\xbb\xbfday\n", b"\r\n", b"\x7f\x1b\x01\n"])
def test_odd_but_valid_text_is_text(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content).path.read_bytes() == content


@given(text=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), chunk=st.integers(1, 9))
@settings(max_examples=60)
def test_any_unicode_text_passes_whatever_the_borders_of_chunks(
    tmp_path_factory: pytest.TempPathFactory, text: str, chunk: int
) -> None:
    folder = tmp_path_factory.mktemp("any", numbered=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plaintext, "_CHUNK", chunk)
        assert read(folder, text.encode()).path.read_bytes() == text.encode()
        assert read(folder, gzip.compress(text.encode())).path.read_bytes() == text.encode()


# -- damaged compression -----------------------------------------------------------------------------------

PACKED = gzip.compress(TEXT * 50, mtime=0)


@pytest.mark.parametrize("cut", range(2, len(PACKED), 7))
def test_a_truncated_gzip_stream_is_poison(tmp_path: Path, cut: int) -> None:
    assert poison_of(tmp_path, PACKED[:cut]).startswith("The gzip stream is damaged: ")


@pytest.mark.parametrize("position", [2, 3, 10, len(PACKED) // 2, len(PACKED) - 8, len(PACKED) - 4, len(PACKED) - 1])
def test_a_damaged_gzip_stream_is_poison(tmp_path: Path, position: int) -> None:
    damaged = bytearray(PACKED)
    damaged[position] ^= 0xFF
    assert "damaged" in poison_of(tmp_path, bytes(damaged))


@pytest.mark.parametrize("garbage", [b"garbage", b"\x1f", b"\x1f\x8b", gzip.compress(b"more", mtime=0)[:-1], b"\x00x"])
def test_what_follows_a_gzip_stream_must_be_one_too(tmp_path: Path, garbage: bytes) -> None:
    assert "damaged" in poison_of(tmp_path, PACKED + garbage)


def test_gzip_in_gzip_is_no_text(tmp_path: Path) -> None:
    assert poison_of(tmp_path, gzip.compress(gzip.compress(TEXT, mtime=0))).startswith("Line 1, byte ")


@pytest.mark.parametrize(
    "content", [zlib.compress(TEXT * 9), b"PK\x03\x04\xff", b"\x28\xb5\x2f\xfd", b"BZh9\x31\x41\x59\x26\x53\x59\xff"]
)
def test_other_compression_is_no_text(tmp_path: Path, content: bytes) -> None:
    assert "is not UTF-8 text" in poison_of(tmp_path, content)


# -- bombs -------------------------------------------------------------------------------------------------


def test_a_bomb_is_refused_before_it_has_unfolded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plaintext, "_BOMB_BYTES", 100_000)
    monkeypatch.setattr(plaintext, "_CHUNK", 10_000)
    without_end = gzip.compress(b"0" * 5_000_000, mtime=0)[:-8]
    assert "this looks like a bomb" in poison_of(tmp_path, without_end)


def test_a_file_that_compresses_well_is_no_bomb_while_it_is_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"2024-01-01,0\n" * 20_000
    packed = gzip.compress(text, mtime=0)
    assert len(text) > 250 * len(packed)
    monkeypatch.setattr(plaintext, "_BOMB_BYTES", len(text))
    assert read(tmp_path, packed).path.stat().st_size == len(text)
    monkeypatch.setattr(plaintext, "_BOMB_BYTES", len(text) - 1)
    (tmp_path / "again").mkdir()
    assert "bomb" in poison_of(tmp_path / "again", packed)


# -- what is no text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [
        (b"\x00", 1, 1),
        (b"a,b\n1,\x00\n", 2, 7),
        (b"a\n\n\nb\x00\x00", 4, 6),
        (b"\xff", 1, 1),
        (b"abc\xff", 1, 4),
        (b"a\nb\n\xffc\n\xfe", 3, 5),
        (b"a\nbcd\xc3\n", 2, 6),  # the rest of the character is missing
        (b"a\nbc\xe6\x97\n", 2, 5),
        (b"a\n\xf0\x9f\x98x", 2, 3),
        (b"a\nb\xed\xa0\x80", 2, 4),  # half a surrogate pair
        (b"a\nb\xc0\xaf", 2, 4),  # an overlong slash
        (b"a\nb\xf4\x90\x80\x80", 2, 4),  # beyond the last character
        (b"a\nb\x80", 2, 4),
        (b"a\nb\xe6", 2, 4),  # the file ends within a character
        (b"a\nb\xf0\x9f\x98", 2, 4),
        ("a\nü\n日".encode()[:-1], 3, 6),
        ("day,cost\n".encode("utf-16-le"), 1, 2),
        ("a\nGrüße".encode("latin-1"), 2, 5),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 1000])
def test_a_byte_that_is_no_text_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, line: int, byte: int, chunk: int, compress: type
) -> None:
    monkeypatch.setattr(plaintext, "_CHUNK", chunk)
    assert poison_of(tmp_path, compress(content)).startswith(f"Line {line}, byte {byte} of the text, is not UTF-8 text")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_text_in_another_encoding_is_no_text(tmp_path: Path, encoding: str) -> None:
    assert poison_of(tmp_path, "day,cost\n".encode(encoding)).startswith("Line 1, byte ")


def test_the_real_chunk_has_a_border_too(tmp_path: Path) -> None:
    before = b"x" * (plaintext._CHUNK - 2) + b"\n"
    assert read(tmp_path, before + "日".encode()).size_bytes == plaintext._CHUNK + 2
    (tmp_path / "bad").mkdir()
    assert poison_of(tmp_path / "bad", before + b"\xe6\x97\n").startswith(f"Line 2, byte {plaintext._CHUNK} of")
