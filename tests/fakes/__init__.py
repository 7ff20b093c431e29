"""In-memory fakes of the services that a consumer uses. They keep the promises of the ports, and fail on request."""
