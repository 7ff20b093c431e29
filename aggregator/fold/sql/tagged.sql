-- The changes, with the values of the configured tag keys in place of their tags. Grain: one charge in one direction.
-- Several keys of one charge that differ only in case: the first in the order of their characters counts.
-- One pass over the entries of a charge serves all keys: reading them once for each key costs twice as much.
SELECT * REPLACE (json_object({values})::VARCHAR AS tags)
FROM (
    SELECT *, list_transform(entries, lambda entry: lower(entry.key)) AS entry_keys
    FROM (
        SELECT
            *,
            list_sort(
                list_filter(map_entries(tags), lambda entry: entry.value <> '' AND lower(entry.key) IN ({keys}))
            ) AS entries
        FROM changes
    )
)
