"""Events from elsewhere than the queue: replay, sweep, and the objects that an operator selects."""
