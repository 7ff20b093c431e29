"""Copies of the lake for others: followers, which keep a target up to date, and exports of files.

Nothing here writes into the tables of the lake, but for the register of followers.
"""
