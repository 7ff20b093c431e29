"""What follows a refresh: anomalies with their causes, forecasts, budgets, and the alerts about them, in one commit."""
