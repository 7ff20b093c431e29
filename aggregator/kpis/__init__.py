"""KPIs of costs: ratios and sums of the FOCUS columns, each with its formula and with what it covers."""
