"""Profiles: how the header of a billing file becomes the columns of `charges`. They are data, in TOML."""

from billstream.consumer.profiles.binding import Binding, bind
from billstream.consumer.profiles.model import Profile, Source
from billstream.consumer.profiles.registry import ProfileRegistry

__all__ = ["Binding", "Profile", "ProfileRegistry", "Source", "bind"]
