"""In-memory stand-ins for what a consumer talks to. They keep the promises of the ports, and fail when told to."""
