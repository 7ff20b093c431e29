"""The pages: pure rendering of insights, without the lake."""
