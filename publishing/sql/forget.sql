-- Remove the entry of a follower. Parameter: its name.
DELETE FROM followers WHERE name = $1
