"""From the bytes of an upload to plain text: unpacked, transcoded, joined, checked and hashed."""

from billstream.consumer.decode.plain.plaintext import PlainText, plain_text

__all__ = ["PlainText", "plain_text"]
