"""Pages: insights as files for people. Pure rendering; nothing here reads the lake or the clock."""
