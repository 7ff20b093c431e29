"""Real servers for the tests, none of which needs a container engine; each dies with the process that started it."""
