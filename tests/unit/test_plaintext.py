"""Bytes that are no plain text are told apart, with the place, before DuckDB sees them."""

import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billstream.common.errors import Poison
from billstream.consumer.decode.plain import archive, compression
from billstream.consumer.decode.plain.joining import Part
from billstream.consumer.decode.plain.plaintext import PlainText, plain_text

TEXT = "day,cost\n2024-01-01,1.50\n2024-01-02,Grüße 日本 😀\n".encode()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks so small that every text has borders of chunks in it."""
    monkeypatch.setattr(compression, "CHUNK", 4)


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


@pytest.mark.parametrize(
    "content", [b"\x1f", b"\xef\xbb\xbfday\n", b"\r\n", b"\x7f\x1b\x01\n", b"BZh9 is text", b"PK,PAR"]
)
def test_odd_but_valid_text_is_text(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content).path.read_bytes() == content


@given(text=st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"])), chunk=st.integers(1, 9))
@settings(max_examples=60)
def test_any_unicode_text_passes_whatever_the_borders_of_chunks(
    tmp_path_factory: pytest.TempPathFactory, text: str, chunk: int
) -> None:
    folder = tmp_path_factory.mktemp("any", numbered=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "CHUNK", chunk)
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


@pytest.mark.parametrize("content", [zlib.compress(TEXT * 9), b"7z\xbc\xaf\x27\x1c\x00\x04"])
def test_other_compression_is_no_text(tmp_path: Path, content: bytes) -> None:
    assert "is not UTF-8 text" in poison_of(tmp_path, content)


# -- bombs -------------------------------------------------------------------------------------------------


def test_a_bomb_is_refused_before_it_has_unfolded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "BOMB_BYTES", 100_000)
    monkeypatch.setattr(compression, "CHUNK", 10_000)
    without_end = gzip.compress(b"0" * 5_000_000, mtime=0)[:-8]
    assert "which looks like a bomb" in poison_of(tmp_path, without_end)


def test_a_file_that_compresses_well_is_no_bomb_while_it_is_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"2024-01-01,0\n" * 20_000
    packed = gzip.compress(text, mtime=0)
    assert len(text) > 250 * len(packed)
    monkeypatch.setattr(compression, "BOMB_BYTES", len(text))
    assert read(tmp_path, packed).path.stat().st_size == len(text)
    monkeypatch.setattr(compression, "BOMB_BYTES", len(text) - 1)
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
        ("a\nGrüße".encode("latin-1"), 2, 5),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 1000])
def test_a_byte_that_is_no_text_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, line: int, byte: int, chunk: int, compress: type
) -> None:
    monkeypatch.setattr(compression, "CHUNK", chunk)
    # One whole character of UTF-8 is enough: what is wrong behind it is damage, and no other encoding.
    shown = f"Line {line + 1}, byte {byte + 3} of the text, is not UTF-8 text"
    assert poison_of(tmp_path, compress("ü\n".encode() + content)).startswith(shown)


def test_the_real_chunk_has_a_border_too(tmp_path: Path) -> None:
    before = "ü".encode() + b"x" * (compression.CHUNK - 4) + b"\n"
    assert read(tmp_path, before + "日".encode()).size_bytes == compression.CHUNK + 2
    (tmp_path / "bad").mkdir()
    assert poison_of(tmp_path / "bad", before + b"\xe6\x97\n").startswith(f"Line 2, byte {compression.CHUNK} of")


# -- every kind of compression -----------------------------------------------------------------------------


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def zstd(content: bytes) -> bytes:
    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return packed


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "zstd": zstd,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
compressors = pytest.mark.parametrize("kind", COMPRESSORS)
SKIPPED_FRAME = b"\x50\x2a\x4d\x18\x04\x00\x00\x00\xff\x00\x01\x02"


@compressors
def test_a_compressed_file_is_unpacked_whatever_its_kind(tmp_path: Path, kind: str) -> None:
    assert read(tmp_path, COMPRESSORS[kind](TEXT * 2000)).path.read_bytes() == TEXT * 2000


@compressors
def test_streams_behind_one_another_are_one_text(tmp_path: Path, kind: str) -> None:
    pack = COMPRESSORS[kind]
    assert read(tmp_path, pack(b"") + pack(TEXT[:9]) + pack(b"") + pack(TEXT[9:])).path.read_bytes() == TEXT


def test_what_a_format_allows_between_its_streams_is_passed_over(tmp_path: Path) -> None:
    packed = lzma.compress(TEXT[:9]) + bytes(8) + lzma.compress(TEXT[9:]) + bytes(4)
    assert read(tmp_path, packed).path.read_bytes() == TEXT
    (tmp_path / "zstd").mkdir()
    packed = SKIPPED_FRAME + zstd(TEXT[:9]) + SKIPPED_FRAME + zstd(TEXT[9:])
    assert read(tmp_path / "zstd", packed).path.read_bytes() == TEXT


@compressors
def test_a_stream_that_ends_too_early_is_damaged(tmp_path: Path, kind: str) -> None:
    rows = b"".join(b"2024-01-01,%d\n" % number for number in range(300))
    packed = COMPRESSORS[kind](TEXT) + COMPRESSORS[kind](rows)
    first = len(COMPRESSORS[kind](TEXT))
    cuts = {*range(12, len(packed), 37), first + 1, first + 5, len(packed) - 9, len(packed) - 1} - {first}
    for number, cut in enumerate(sorted(cuts)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert poison_of(folder, packed[:cut]).startswith(f"The {kind} stream is damaged: "), f"cut at {cut}"


@compressors
@pytest.mark.parametrize("garbage", [b"g", b"garbage behind the stream", b"\x00x", TEXT])
def test_what_is_no_stream_must_not_follow_one(tmp_path: Path, kind: str, garbage: bytes) -> None:
    assert poison_of(tmp_path, COMPRESSORS[kind](TEXT) + garbage).startswith(f"The {kind} stream is damaged: ")


@compressors
def test_a_bomb_of_any_kind_is_refused_before_it_has_unfolded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(compression, "BOMB_BYTES", 100_000)
    monkeypatch.setattr(compression, "CHUNK", 10_000)
    assert "which looks like a bomb" in poison_of(tmp_path, COMPRESSORS[kind](b"0" * 8_000_000))


@compressors
def test_one_compression_may_be_inside_another(tmp_path: Path, kind: str) -> None:
    assert read(tmp_path, COMPRESSORS[kind](gzip.compress(TEXT))).path.read_bytes() == TEXT
    (tmp_path / "zip").mkdir()
    assert read(tmp_path / "zip", zipped(("a.csv", COMPRESSORS[kind](TEXT)))).path.read_bytes() == TEXT


@pytest.mark.parametrize("outer", ["gzip", "zstd", "bzip2", "xz"])
def test_compression_three_deep_is_no_text(tmp_path: Path, outer: str) -> None:
    assert "is not UTF-8 text" in poison_of(tmp_path, COMPRESSORS[outer](gzip.compress(lzma.compress(TEXT * 9))))


@pytest.mark.parametrize("inner", [zipped(("a.csv", TEXT)), b"PAR1...PAR1"])
def test_what_has_to_be_read_at_any_place_must_not_be_inside_another_compression(tmp_path: Path, inner: bytes) -> None:
    assert "inside another compression: upload that file as it is" in poison_of(tmp_path, gzip.compress(inner))
    assert "inside another compression: upload that file as it is" in poison_of(tmp_path, zipped(("a.zip", inner)))


def test_an_inner_layer_that_yields_nothing_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "BOMB_BYTES", 100_000)
    padded = gzip.compress(TEXT) + bytes(5_000_000)  # gzip passes over zeros behind a stream
    assert "which looks like a bomb" in poison_of(tmp_path, bz2.compress(padded))


def test_a_stream_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    greedy = bytearray(lzma.compress(TEXT, lzma.FORMAT_XZ))
    # The dictionary's size is one byte of the block's header, behind the filter's id and the length of its properties.
    place = greedy.index(b"\x21\x01", 12) + 2
    greedy[place] = 36  # one GiB
    length = (greedy[12] + 1) * 4
    greedy[12 + length - 4 : 12 + length] = zlib.crc32(greedy[12 : 12 + length - 4]).to_bytes(4, "little")
    assert "Memory usage limit" in poison_of(tmp_path, bytes(greedy))


# -- zip ---------------------------------------------------------------------------------------------------


def test_a_zip_archive_of_one_file_is_that_file(tmp_path: Path) -> None:
    text = read(tmp_path, zipped(("../../etc/passwd", TEXT)))
    assert (text.path, text.path.read_bytes(), text.parts) == (tmp_path / "text", TEXT, ())
    assert not (tmp_path.parent / "etc").exists()


def test_files_of_an_archive_are_joined_under_one_header(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    text = read(
        tmp_path,
        zipped(
            ("folder/", b""),
            ("__MACOSX/._a.csv", b"\x00\x05"),
            ("z.csv", b'"a\nb",c\n1,2'),
            ("empty.csv", b""),
            ("folder/a.csv", mark + b'"a\nb",c\n3,4\n5,6\n'),
            ("header.csv", b'"a\nb",c'),
            ("m.csv", '"a\nb",c\n7,ü\n'.encode("utf-16")),
        ),
    )
    assert text.path.read_bytes() == '"a\nb",c\n1,2\n3,4\n5,6\n7,ü\n'.encode()
    assert text.parts == (
        Part("'z.csv'", 1, 0),
        Part("'folder/a.csv'", 4, 2),
        Part("'header.csv'", 6, 1),
        Part("'m.csv'", 6, 2),
    )


def test_files_with_different_headers_are_not_joined(tmp_path: Path) -> None:
    reason = poison_of(tmp_path, zipped(("a.csv", b"a,b\n1,2\n"), ("sub/\n<b>.csv", b"a,c\n1,2\n")))
    assert reason == "'a.csv' and 'sub/\\n<b>.csv' in the zip archive have different headers: upload them separately."


SAVE = "The file is not loaded: save it as UTF-8 and upload it again."


def test_the_file_in_an_archive_that_is_no_text_is_named(tmp_path: Path) -> None:
    reason = poison_of(tmp_path, zipped(("a.csv", b"a,b\n1,2\n"), ("b.csv", "a,b\nü,2\n".encode() + b"\xff\n")))
    assert reason == f"'b.csv': Line 3, byte 10 of the text, is not UTF-8 text: invalid start byte. {SAVE}"


def test_a_file_in_an_archive_that_is_windows_text_is_transcoded_alone(tmp_path: Path) -> None:
    text = read(tmp_path, zipped(("a.csv", "a\nü\n".encode()), ("b.csv", "a\nö\n".encode("cp1252"))))
    assert text.path.read_text() == "a\nü\nö\n"


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (zipped(), "The zip archive holds no file, so nothing is loaded: upload one with the billing file in it."),
        (
            zipped(("a/", b""), ("__MACOSX/x", b"x")),
            "The zip archive holds no file, so nothing is loaded: upload one with the billing file in it.",
        ),
        (
            zipped(("a.csv", TEXT), method=zipfile.ZIP_LZMA),
            "'a.csv' in the zip archive has compression method 14: compress it with deflate.",
        ),
        (zipped(("[Content_Types].xml", b"<x/>")), "This is an Office document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "This is an Office document"),
        (zipped(*((str(number), b"") for number in range(1001))), "holds 1001 files; at most 1000 are read"),
        (b"PK\x03\x04\xff", "The zip archive is damaged: "),
    ],
    ids=["nothing", "clutter", "lzma", "xlsx", "xls", "too many", "cut"],
)
def test_an_archive_that_cannot_be_read_says_why(tmp_path: Path, packed: bytes, reason: str) -> None:
    assert poison_of(tmp_path, packed).startswith(reason) or reason in poison_of(tmp_path, packed)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    packed = bytearray(zipped(("a.csv", TEXT)))
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    assert (
        poison_of(tmp_path, bytes(packed))
        == "'a.csv' in the zip archive is encrypted, so nothing is loaded: upload it without a password."
    )


def test_no_damage_to_an_archive_goes_unnoticed(tmp_path: Path) -> None:
    """One changed byte gives the same text (it was no part of the content), or a reason."""
    packed = zipped(("a.csv", TEXT), ("b.csv", TEXT))
    refused = 0
    for place in range(len(packed)):
        folder = tmp_path / str(place)
        folder.mkdir()
        damaged = packed[:place] + bytes([packed[place] ^ 0x41]) + packed[place + 1 :]
        original = folder / "object"
        original.write_bytes(damaged)
        try:
            text = plain_text(original, folder / "text").path.read_bytes()
        except Poison:
            refused += 1
            continue
        assert text in {TEXT + TEXT[TEXT.index(b"\n") + 1 :], TEXT} or damaged[:2] != b"PK"
    assert refused > len(packed) / 3


def test_an_archive_with_a_directory_of_any_size_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_DIRECTORY_BYTES", 5000)
    reason = poison_of(tmp_path, zipped(*((f"{number}.csv", b"") for number in range(200))))
    assert reason == (
        "The directory of the zip archive has more than 5000 bytes. "
        "No file of it is loaded: upload its files in several archives."
    )


# -- encodings ---------------------------------------------------------------------------------------------

FOREIGN = 'day,note\n2024-01-01,"Grüße, 100 €"\n2024-01-02,naïve\n'


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (FOREIGN.encode("utf-16"), "UTF-16-LE"),
        ("\ufeff".encode("utf-16-be") + (FOREIGN + "日本 😀").encode("utf-16-be"), "UTF-16-BE"),
        (FOREIGN.encode("utf-16-le"), "UTF-16-LE"),
        (FOREIGN.encode("utf-16-be"), "UTF-16-BE"),
        (FOREIGN.encode("cp1252"), "Windows-1252"),
        (FOREIGN.replace("€", "e").encode("latin-1"), "Windows-1252"),
    ],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_text_in_another_encoding_becomes_utf8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, encoding: str, chunk: int, compress: type
) -> None:
    monkeypatch.setattr(compression, "CHUNK", chunk)
    text = read(tmp_path, compress(content))
    wanted = content.decode(encoding.replace("Windows-1252", "cp1252")).removeprefix("\ufeff")
    assert (text.path.read_text(), text.encoding) == (wanted, encoding)
    assert text.content_sha256 == hashlib.sha256((tmp_path / "object").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a,b\nü,ö".encode("utf-16") + b"x", "Line 2, byte 17 of the text, is not UTF-16-LE text: the file ends in"),
        ("a,b\n".encode("utf-16") + b"\x00\xd8x\x00", "Line 2, byte 11 of the text, is not UTF-16-LE text: illegal"),
        ("a,b\n\x00".encode("utf-16"), "Line 2, byte 5 of the text, is not UTF-16-LE text: NUL."),
        ("a\nü".encode() + b"\n\xfc\n", "Line 3, byte 6 of the text, is not UTF-8 text: invalid start byte."),
        (b"a\n\xfc\x81\n", "Line 2, byte 3 of the text, is not UTF-8 text: invalid start byte."),
        (b"a\n\xfc\x01\n", "Line 2, byte 3 of the text, is not UTF-8 text: invalid start byte."),
        ("a\r\n\r\nb\rü".encode() + b"\xfc", "Line 4, byte 10 of the text, is not UTF-8 text"),
        (bytes(range(256)), "Line 1, byte 1 of the text, is not UTF-8 text: NUL."),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 7, 1000])
def test_damaged_text_is_never_read_in_another_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str, chunk: int
) -> None:
    monkeypatch.setattr(compression, "CHUNK", chunk)
    assert poison_of(tmp_path, content).startswith(reason)


# -- line ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        (b"a\rb\r", b"a\nb\n"),
        (b"a\r\nb\nc\r\n", b"a\nb\nc\n"),
        (b"a\nb\r\n", b"a\nb\n"),
        (b"a\rb\nc\r", b"a\nb\nc\n"),
        (b'a,b\r\n1,"x\r\ny"\n2,"p\rq"\r\n', b'a,b\n1,"x\r\ny"\n2,"p\rq"\n'),
        (b'a,b\r\n1,5" pipe\n2,6" pipe\r\n', b'a,b\n1,5" pipe\n2,6" pipe\n'),
        (b'a,b\r\n1,"x ""y""\r\nz"\n2, "p\r\nq"\r\n', b'a,b\n1,"x ""y""\r\nz"\n2, "p\r\nq"\n'),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 1000])
def test_line_ends_that_differ_are_made_alike_outside_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, plain: bytes, chunk: int
) -> None:
    monkeypatch.setattr(compression, "CHUNK", chunk)
    packers: list[Callable[[bytes], bytes]] = [bytes, gzip.compress]
    for number, pack in enumerate(packers):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert read(folder, pack(content)).path.read_bytes() == plain


@pytest.mark.parametrize("content", [b"a\nb\n", b"a\r\nb\r\n", b"a\r\nb\r\n\r\n", b"a"])
@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_a_text_whose_lines_end_alike_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, chunk: int
) -> None:
    monkeypatch.setattr(compression, "CHUNK", chunk)
    assert read(tmp_path, content).path == tmp_path / "object"
