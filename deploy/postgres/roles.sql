-- Two roles for a catalog in PostgreSQL, neither of them a superuser:
--   billstream         writes: init, consume, aggregate and every other command
--   billstream_reader  reads:  sql, status, changes, quarantine list, open_lake, and any other DuckDB
-- An administrator runs it once in the catalog's database, before `billstream init` or after it; it may be repeated:
--   BILLSTREAM_POSTGRES_PASSWORD=… psql -v ON_ERROR_STOP=1 -d billstream -f deploy/postgres/roles.sql
-- Without BILLSTREAM_READER_PASSWORD the reader has no password, so that nobody can be it yet.
-- It needs psql 15 or later.

\getenv writer_password BILLSTREAM_POSTGRES_PASSWORD
\getenv reader_password BILLSTREAM_READER_PASSWORD

SELECT 'CREATE ROLE billstream LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'billstream') \gexec
SELECT 'CREATE ROLE billstream_reader LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'billstream_reader') \gexec
ALTER ROLE billstream PASSWORD :'writer_password';
\if :{?reader_password}
ALTER ROLE billstream_reader PASSWORD :'reader_password';
\endif

-- Nobody else comes in, and nobody makes temporary tables or large objects: those are ways to write for readers.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;

GRANT CONNECT ON DATABASE :"DBNAME" TO billstream, billstream_reader;
GRANT USAGE, CREATE ON SCHEMA public TO billstream;
GRANT USAGE ON SCHEMA public TO billstream_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO billstream_reader;
-- DuckLake makes tables of its own as the lake grows.
ALTER DEFAULT PRIVILEGES FOR ROLE billstream IN SCHEMA public GRANT SELECT ON TABLES TO billstream_reader;
