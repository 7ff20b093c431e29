"""Tables of Apache Iceberg as a target. Needs the extra `iceberg`; nobody else imports what is here."""
