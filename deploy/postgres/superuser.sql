-- The superuser of the container has no password: nobody can be it over the network, only inside the container.
--   docker compose exec postgres psql --username=postgres --dbname=billstream
ALTER ROLE CURRENT_USER PASSWORD NULL;
