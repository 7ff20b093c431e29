"""Profiles: how the header of a billing file becomes the columns of `charges`. They are data, in TOML."""

from consumer.profiles.binding import Binding, bind
from consumer.profiles.model import Profile, Source
from consumer.profiles.registry import ProfileRegistry

__all__ = ["Binding", "Profile", "ProfileRegistry", "Source", "bind"]
