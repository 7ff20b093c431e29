-- The entries of a map as one text, in the order of their bytes. Grain: one value. What is no object is itself.
CASE jsonb_typeof({column})
    WHEN 'object' THEN coalesce((
        SELECT string_agg(entry, chr(29) ORDER BY entry COLLATE "C")
        FROM (
            SELECT {key} || chr(28) || coalesce({value}, chr(29)) AS entry
            FROM jsonb_each_text({column}) AS e
            WHERE strpos({key}, '{sign}') = 0
        ) AS entries
    ), '')
    ELSE {column}::text
END
