"""Profiles: how the header of a billing file becomes the columns of `charges`. They are data, in TOML."""

from consumer.profiles.model import Binding, Profile, Source
from consumer.profiles.registry import ProfileRegistry

__all__ = ["Binding", "Profile", "ProfileRegistry", "Source"]
