"""The typed pass: Arrow reads a text and writes it, every record exactly, or the text not at all."""

from billstream.consumer.decode.typed.typed_pass import TypedPass

__all__ = ["TypedPass"]
