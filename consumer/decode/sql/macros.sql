-- The macros that turn one text cell of a billing file into a typed value, exactly or not at all.
--
-- They are loaded once for each connection (see `consumer.decode.scan.load_macros`), as TEMP macros: the lake holds
-- none of them. Every macro takes cells and constants and returns one value, NULL where the text is no such value.
-- The text is plain SQL, so that it can be pasted into any DuckDB. A parameter's name never equals a cell's (c0, c1, …)
-- or an operand's (n0, t0, …).

-- == numbers ==========================================================================================================
-- Reading text as a wide decimal is slow in DuckDB, and a cast to a decimal of smaller scale rounds silently. So a
-- number takes the narrow, fast cast only when its text cannot need more digits than the narrow type keeps; all other
-- texts take the slow cast, and only when a pattern shows that it is exact: an optional sign, at most 20 digits before
-- the point and 18 after it, zeros around these.
CREATE OR REPLACE TEMP MACRO has_exponent(cell) AS contains(cell, 'e') OR contains(cell, 'E');

CREATE OR REPLACE TEMP MACRO wide_decimal(cell) AS
    CASE WHEN regexp_matches(cell, '^\s*[+-]?(0*[0-9]{1,20}(\.[0-9]{0,18}0*)?|\.[0-9]{1,18}0*)\s*$')
        THEN TRY_CAST(cell AS DECIMAL(38,18)) END;

-- A number in scientific notation as plain text, its point moved by `power` places. DuckDB's own casts of such texts
-- take 8e-40 as 1e-18, and let 1.7e20 pass as a DECIMAL(38,18).
CREATE OR REPLACE TEMP MACRO point_moved(sign, whole, fraction, power) AS
    CASE WHEN power < 0 THEN concat(
        sign,
        left(
            lpad(whole, greatest(-power, length(whole))::INTEGER, '0'),
            (length(lpad(whole, greatest(-power, length(whole))::INTEGER, '0')) + power)::INTEGER
        ),
        '.',
        right(lpad(whole, greatest(-power, length(whole))::INTEGER, '0'), -power),
        fraction
    )
    ELSE concat(
        sign,
        whole,
        left(rpad(fraction, greatest(power, length(fraction))::INTEGER, '0'), power),
        '.',
        substring(rpad(fraction, greatest(power, length(fraction))::INTEGER, '0'), power + 1)
    ) END;

CREATE OR REPLACE TEMP MACRO without_exponent(cell) AS
    CASE WHEN regexp_matches(cell, '^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)[eE][+-]?0*[0-9]{1,3}\s*$')
        THEN point_moved(
            CASE WHEN regexp_matches(cell, '^\s*-') THEN '-' ELSE '' END,
            regexp_extract(cell, '^\s*[+-]?([0-9]*)', 1),
            regexp_extract(cell, '\.([0-9]*)', 1),
            TRY_CAST(regexp_extract(cell, '[eE]([+-]?[0-9]+)', 1) AS INTEGER)
        ) END;

-- DuckDB's casts take '- ', which spreadsheets write for nothing, as 0. So a text that begins with neither a digit nor
-- a point must at least end with one to be cast at once.
CREATE OR REPLACE TEMP MACRO is_castable(cell) AS cell >= '.' OR right(cell, 1) BETWEEN '.' AND '9';

-- DECIMAL(38,18); NULL where the number would be rounded, overflow, or the text is no number.
CREATE OR REPLACE TEMP MACRO exact_decimal(cell) AS
    CASE WHEN has_exponent(cell) THEN wide_decimal(without_exponent(cell)) ELSE coalesce(
        -- 13 characters have at most 12 digits behind the point, also in '.123456789012'.
        CASE WHEN length(cell) <= 13 AND is_castable(cell)
            THEN TRY_CAST(cell AS DECIMAL(18,12)) END::DECIMAL(38,18),
        CASE WHEN length(cell) <= 20 AND starts_with(cell, '0.') AND is_castable(cell)
            THEN TRY_CAST(cell AS DECIMAL(18,18)) END::DECIMAL(38,18),
        wide_decimal(cell)
    ) END;

CREATE OR REPLACE TEMP MACRO cast_number(cell) AS
    CASE WHEN regexp_matches(cell, '^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*$')
        THEN TRY_CAST(cell AS DECIMAL(38,18)) END;

-- DECIMAL(38,18); NULL where the text is no number or the number is too large. Digits beyond the 18th decimal are
-- rounded half away from zero, as DuckDB casts text to a decimal. Only a text that has such digits takes that cast: it
-- is slow.
CREATE OR REPLACE TEMP MACRO rounded_decimal(cell) AS
    coalesce(
        exact_decimal(cell),
        cast_number(CASE WHEN has_exponent(cell) THEN without_exponent(cell) ELSE cell END)
    );

-- The text of a number without currency signs and groups: '($1,234.50)' as '-1234.50'. `pattern` is what such a number
-- looks like, `dropped` every character that is removed, `point` its decimal point. A text of another shape stays as it
-- is, unless the point is a comma: then it is NULL, as its comma might be taken for a group's.
CREATE OR REPLACE TEMP MACRO plain_number(cell, pattern, dropped, point) AS
    CASE WHEN regexp_full_match(cell, pattern)
        THEN CASE WHEN contains(cell, '(') THEN '-' ELSE '' END
            || replace(regexp_replace(cell, dropped, '', 'g'), point, '.')
        ELSE CASE WHEN point = '.' THEN cell END END;

-- == products =========================================================================================================
-- A DECIMAL(38,18) as a whole number of its last decimals, here called atoms.
CREATE OR REPLACE TEMP MACRO atoms(number) AS replace(number::VARCHAR, '.', '')::HUGEINT;

-- No integer holds the product of two such numbers, so their halves of nine digits are multiplied one by one:
-- a and b are the halves of the one factor, c and d of the other.
CREATE OR REPLACE TEMP MACRO product_rest(h) AS
    (h.a * h.d + h.b * h.c) % 1000000000::HUGEINT * 1000000000::HUGEINT + h.b * h.d;

CREATE OR REPLACE TEMP MACRO product_atoms(h) AS
    h.a * h.c
    + (h.a * h.d + h.b * h.c) // 1000000000::HUGEINT
    + product_rest(h) // 1000000000000000000::HUGEINT
    + CASE WHEN abs(product_rest(h) % 1000000000000000000::HUGEINT) * 2 >= 1000000000000000000::HUGEINT
        THEN sign(product_rest(h))::HUGEINT ELSE 0 END;

CREATE OR REPLACE TEMP MACRO decimal_of_atoms(count) AS
    ((count // 1000000000000000000::HUGEINT)::DECIMAL(38,18)
    + (count % 1000000000000000000::HUGEINT)::DECIMAL(18,0) * 0.000000000000000001::DECIMAL(19,18))::DECIMAL(38,18);

CREATE OR REPLACE TEMP MACRO wide_product(one, other, exact) AS
    list_transform(
        [{
            'a': atoms(one) // 1000000000::HUGEINT, 'b': atoms(one) % 1000000000::HUGEINT,
            'c': atoms(other) // 1000000000::HUGEINT, 'd': atoms(other) % 1000000000::HUGEINT
        }],
        lambda halves: CASE WHEN NOT exact OR product_rest(halves) % 1000000000000000000::HUGEINT = 0
            THEN decimal_of_atoms(product_atoms(halves)) END
    )[1];

-- The product of two DECIMAL(38,18), NULL where it does not fit. With `exact`, a product with more than 18 decimals is
-- NULL too, else it is rounded half away from zero. Two DECIMAL(19,9) make a DECIMAL(38,18) without a digit lost.
CREATE OR REPLACE TEMP MACRO decimal_product(one, other, exact) AS
    CASE WHEN one IS NULL OR other IS NULL THEN NULL
        WHEN one = TRY_CAST(one AS DECIMAL(19,9)) AND other = TRY_CAST(other AS DECIMAL(19,9))
        THEN (TRY_CAST(one AS DECIMAL(19,9)) * TRY_CAST(other AS DECIMAL(19,9)))::DECIMAL(38,18)
        ELSE try(wide_product(one, other, exact)) END;

-- == amounts in JSON ==================================================================================================
-- The sum of `numbers`, NULL unless each object of the array `cell` has one. The numbers are taken from the text (`texts`),
-- as a JSON reader would make floating-point numbers of them; the array is parsed to count its objects.
CREATE OR REPLACE TEMP MACRO sum_of_amounts(cell, path, texts, numbers) AS
    CASE WHEN len(list_filter(TRY_CAST(cell AS JSON[]), lambda entry: json_exists(entry, path)))
            = len(TRY_CAST(cell AS JSON[]))
        AND len(texts) = len(TRY_CAST(cell AS JSON[]))
        AND list_count(numbers) = len(TRY_CAST(cell AS JSON[]))
        THEN try(coalesce(list_sum(numbers), 0)::DECIMAL(38,18)) END;

CREATE OR REPLACE TEMP MACRO exact_amounts(cell, pattern, path) AS
    sum_of_amounts(
        cell, path, regexp_extract_all(cell, pattern, 1),
        list_transform(regexp_extract_all(cell, pattern, 1), lambda amount: exact_decimal(amount))
    );

CREATE OR REPLACE TEMP MACRO rounded_amounts(cell, pattern, path) AS
    sum_of_amounts(
        cell, path, regexp_extract_all(cell, pattern, 1),
        list_transform(regexp_extract_all(cell, pattern, 1), lambda amount: rounded_decimal(amount))
    );

-- == times ============================================================================================================
-- The guard keeps out what DuckDB would read as well: '9/1/24' as the first of September of the year 9, 'infinity',
-- 'epoch', offsets of four days. The common forms pass by a look at a few characters, others by a pattern.
CREATE OR REPLACE TEMP MACRO is_iso_time(cell) AS
    substring(cell, 5, 1) = '-' AND substring(cell, 8, 1) = '-' AND substring(cell, 10, 1) >= '0'
    AND (
        (length(cell) = 10 OR right(cell, 1) = 'Z' OR (length(cell) = 19 AND substring(cell, 17, 1) = ':'))
        OR regexp_full_match(
            cell,
            '\s*[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?'
            || '(?: ?(?:UTC|[zZ]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?)?\s*'
        )
    );

CREATE OR REPLACE TEMP MACRO has_offset(cell) AS
    regexp_full_match(
        cell,
        '\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?'
        || ' ?(?:UTC|[zZ]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)\s*'
    );

-- One of the five parts of an ISO time: 1 date, 2 hours and minutes, 3 seconds, 4 fraction, 5 offset.
CREATE OR REPLACE TEMP MACRO iso_part(cell, part) AS
    regexp_extract(
        cell,
        '^\s*([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:[.,]([0-9]+))?'
        || '( ?(?:UTC|[zZ]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?\s*$',
        part
    );

-- DuckDB takes neither 00:00Z without seconds, nor a comma before their fraction, nor a space before an offset.
CREATE OR REPLACE TEMP MACRO iso_spelled_out(cell) AS
    concat(
        iso_part(cell, 1), ' ', iso_part(cell, 2), coalesce(nullif(iso_part(cell, 3), ''), ':00'),
        '.', iso_part(cell, 4), '0', replace(trim(iso_part(cell, 5)), 'UTC', 'Z')
    );

CREATE OR REPLACE TEMP MACRO iso_cast(cell) AS
    coalesce(TRY_CAST(cell AS TIMESTAMPTZ), TRY_CAST(iso_spelled_out(cell) AS TIMESTAMPTZ));

-- ISO 8601 as TIMESTAMPTZ; a time without an offset is in UTC.
CREATE OR REPLACE TEMP MACRO iso_time(cell) AS CASE WHEN is_iso_time(cell) THEN iso_cast(cell) END;

-- ISO 8601 as TIMESTAMPTZ; a time without an offset is in the time zone `zone`.
CREATE OR REPLACE TEMP MACRO iso_time_in(cell, zone) AS
    CASE WHEN NOT is_iso_time(cell) THEN NULL
        WHEN has_offset(cell) THEN iso_cast(cell)
        ELSE timezone(
            zone, coalesce(TRY_CAST(cell AS TIMESTAMP), TRY_CAST(iso_spelled_out(cell) AS TIMESTAMP))
        ) END;

-- A whole number of units since 1970, each of so many microseconds. At most 14 digits: their product fits.
CREATE OR REPLACE TEMP MACRO epoch_time(cell, microseconds) AS
    try(make_timestamptz(
        CASE WHEN regexp_full_match(cell, '\s*-?[0-9]{1,14}\s*') THEN TRY_CAST(cell AS BIGINT) END * microseconds
    ));

-- A time in a strptime format, guarded by the pattern of that format: DuckDB would read a year of two digits as one of
-- four, and 'infinity' as 1900. The second form is for formats that have an offset in them.
CREATE OR REPLACE TEMP MACRO formatted_time(cell, pattern, format, zone) AS
    CASE WHEN regexp_full_match(cell, pattern) THEN timezone(zone, try_strptime(cell, format)) END;

CREATE OR REPLACE TEMP MACRO formatted_time_with_offset(cell, pattern, format) AS
    CASE WHEN regexp_full_match(cell, pattern) THEN try_strptime(cell, format)::TIMESTAMPTZ END;

-- The start (1) or the end (2) of an interval in ISO 8601, as text: '2026-09-18T00:00:00Z/2026-09-19T00:00:00Z'.
CREATE OR REPLACE TEMP MACRO interval_part(cell, part) AS
    nullif(regexp_extract(
        cell, '^\s*([0-9]{4}-[0-9]{2}-[0-9]{2}[^/]*)/([0-9]{4}-[0-9]{2}-[0-9]{2}[^/]*)$', part
    ), '');

-- Python, and most others, can hold these years only.
CREATE OR REPLACE TEMP MACRO is_beyond_calendar(moment) AS
    moment NOT BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 23:59:59.999999+00';

-- == tags =============================================================================================================
-- DuckDB would make a map of an object that has a name twice, and many readers fail on that map: such an object is NULL.
CREATE OR REPLACE TEMP MACRO tags_of_json(document) AS
    CASE WHEN len(json_keys(document)) = list_unique(json_keys(document))
        THEN TRY_CAST(document AS MAP(VARCHAR, VARCHAR)) END;

CREATE OR REPLACE TEMP MACRO tags_of_lists(names, texts) AS
    CASE WHEN len(names) = list_unique(names) THEN map(names, texts) END;

-- `team=red`, one text each; the first = or : ends the name.
CREATE OR REPLACE TEMP MACRO tags_of_pairs(pairs) AS
    tags_of_lists(
        list_transform(pairs, lambda pair: trim(regexp_extract(pair, '^([^=:]*)', 1))),
        list_transform(pairs, lambda pair: trim(regexp_extract(pair, '^[^=:]*[=:](.*)$', 1, 's')))
    );

CREATE OR REPLACE TEMP MACRO tags_of_split(cell, separator) AS
    tags_of_pairs(list_filter(string_split(cell, separator), lambda part: trim(part) <> ''));

-- `team:red;env=prod`. Commas and bars separate only where each part is a pair with the same sign between name and value,
-- so that `note=red, or blue` stays one tag.
CREATE OR REPLACE TEMP MACRO tags_of_text(cell) AS
    CASE WHEN regexp_full_match(
            cell,
            '\s*(?:[^=:;,|{}\[\]"]+=[^,;|]*(?:,[^=:;,|{}\[\]"]+=[^,;|]*)+'
            || '|[^=:;,|{}\[\]"]+:[^,;|]*(?:,[^=:;,|{}\[\]"]+:[^,;|]*)+),?\s*'
        ) THEN tags_of_split(cell, ',')
        WHEN regexp_full_match(
            cell,
            '\s*(?:[^=:;,|{}\[\]"]+=[^;|]*(?:\|[^=:;,|{}\[\]"]+=[^;|]*)+'
            || '|[^=:;,|{}\[\]"]+:[^;|]*(?:\|[^=:;,|{}\[\]"]+:[^;|]*)+)\|?\s*'
        ) THEN tags_of_split(cell, '|')
        WHEN regexp_full_match(cell, '\s*[^=:;,{}\[\]"]+[=:][^;]*(?:;\s*[^=:;,{}\[\]"]+[=:][^;]*)*;?\s*')
        THEN tags_of_split(cell, ';') END;

-- `key:team value:red; key:env value:prod`, as Alibaba Cloud writes tags; `parts` are without their `key:`.
CREATE OR REPLACE TEMP MACRO tags_of_key_value(parts) AS
    CASE WHEN len(list_filter(parts, lambda part: regexp_matches(part, '(?s)^\s*\S.*?\s+value:'))) = len(parts)
        THEN tags_of_lists(
            list_transform(parts, lambda part: trim(regexp_extract(part, '(?s)^(.*?)\s+value:', 1))),
            list_transform(parts, lambda part: trim(regexp_extract(part, '(?s)^.*?\s+value:(.*)$', 1)))
        ) END;

-- `{team=red, env=prod}`, as Java, Presto and DuckDB print a map.
CREATE OR REPLACE TEMP MACRO tags_of_braces(cell) AS
    CASE WHEN regexp_full_match(
            cell, '\s*\{\s*[^=:;,{}\[\]"'']+=[^,{}\[\]"'']*(?:,\s*[^=:;,{}\[\]"'']+=[^,{}\[\]"'']*)*\}\s*'
        ) THEN tags_of_split(trim(trim(cell), '{}'), ',') END;

-- `[{"key": "team", "value": "red"}]`; other words for the two are those of AWS, Google and OCI.
CREATE OR REPLACE TEMP MACRO tags_of_named(entries, names) AS
    CASE WHEN list_count(names) = len(entries)
        THEN tags_of_lists(
            names,
            list_transform(
                entries, lambda entry: coalesce(entry ->> 'value', entry ->> 'Value', entry ->> 'TagValue')
            )
        ) END;

CREATE OR REPLACE TEMP MACRO is_pair(word) AS coalesce(regexp_matches(word, '^[^=:;,{}\[\]"]+[=:]'), false);

-- Tags in a JSON array: of objects, or of texts such as "team:red".
CREATE OR REPLACE TEMP MACRO tags_of_entries(entries) AS
    CASE WHEN len(list_filter(entries, lambda entry: json_type(entry) = 'OBJECT')) = len(entries)
        THEN tags_of_named(
            entries,
            list_transform(
                entries,
                lambda entry: coalesce(
                    entry ->> 'key', entry ->> 'Key', entry ->> 'TagKey', entry ->> 'name', entry ->> 'Name'
                )
            )
        )
        WHEN len(list_filter(entries, lambda entry: is_pair(entry ->> '$'))) = len(entries)
        THEN tags_of_pairs(list_transform(entries, lambda entry: entry ->> '$')) END;

-- A string of Python without its quotes, as one of JSON. A pair of backslashes is set aside as chr(1), so that any other
-- one is known to begin an escape.
CREATE OR REPLACE TEMP MACRO json_string(content) AS
    concat(
        '"',
        replace(
            regexp_replace(
                replace(replace(replace(replace(content, '\\', chr(1)), '\''', ''''), '\"', '"'), '"', '\"'),
                '\\x([0-9a-fA-F]{2})', '\\u00\1', 'g'
            ),
            chr(1), '\\'
        ),
        '"'
    );

-- The text that Python prints for a dict or a list, as JSON; a text without an apostrophe is none. Most have plain strings
-- alone, and need no look at each.
CREATE OR REPLACE TEMP MACRO json_of_python(cell) AS
    CASE WHEN NOT contains(cell, '''') THEN NULL
        WHEN NOT regexp_matches(cell, '["\\\x01]|None|True|False') THEN replace(cell, '''', '"')
        WHEN NOT contains(cell, chr(1)) THEN array_to_string(
        list_transform(
            regexp_extract_all(cell, '(?s)''(?:[^''\\]|\\.)*''|"(?:[^"\\]|\\.)*"|[^''"]+|.'),
            lambda token: CASE
                WHEN length(token) > 1 AND left(token, 1) IN ('''', '"')
                THEN json_string(substring(token, 2, length(token) - 2))
                ELSE replace(replace(replace(token, 'None', 'null'), 'True', 'true'), 'False', 'false') END
        ),
        ''
    ) END;

-- Tags in a cell as MAP(VARCHAR, VARCHAR), in each spelling above; nested values stay JSON text. NULL where the cell is
-- none of them, or has a name twice.
CREATE OR REPLACE TEMP MACRO tags_of(cell) AS
    CASE WHEN starts_with(trim(cell), '{') THEN coalesce(
            tags_of_json(TRY_CAST(cell AS JSON)),
            tags_of_json(TRY_CAST(json_of_python(cell) AS JSON)),
            tags_of_braces(cell)
        )
        WHEN starts_with(trim(cell), '[') THEN coalesce(
            tags_of_entries(TRY_CAST(cell AS JSON[])),
            tags_of_entries(TRY_CAST(json_of_python(cell) AS JSON[]))
        )
        -- Azure leaves the braces out; others write the object as one string.
        WHEN starts_with(trim(cell), '"') THEN coalesce(
            tags_of_json(TRY_CAST(('{' || rtrim(cell, ', ') || '}') AS JSON)),
            tags_of_json(TRY_CAST((TRY_CAST(cell AS JSON) ->> '$') AS JSON))
        )
        WHEN starts_with(cell, 'key:') THEN coalesce(
            tags_of_key_value(string_split_regex(rtrim(substring(cell, 5), '; '), ';\s*key:')),
            tags_of_text(cell)
        )
        ELSE tags_of_text(cell) END;

-- Tags that columns have each a name for; an empty cell is no tag.
CREATE OR REPLACE TEMP MACRO tags_of_columns(entries) AS
    map_from_entries(list_filter(entries, lambda entry: entry.value IS NOT NULL));

-- Tags of a cell with those of columns; a column hides the cell's tag of the same name. NULL when there is no tag.
CREATE OR REPLACE TEMP MACRO tags_joined(tags, columns) AS
    nullif(map_concat(coalesce(tags, MAP {}::MAP(VARCHAR, VARCHAR)), columns), MAP {}::MAP(VARCHAR, VARCHAR));

-- == texts ============================================================================================================
-- A text of a file as mappings, cases and refused texts compare it.
CREATE OR REPLACE TEMP MACRO folded(cell) AS lower(trim(cell));

-- A JSON object without its nulls (a merge patch leaves them out, RFC 7396), NULL when nothing is left.
CREATE OR REPLACE TEMP MACRO object_or_null(document) AS nullif(json_merge_patch('{}', document)::VARCHAR, '{}');


-- Last, so that a connection that has this variable has all macros.
SET VARIABLE decode_macros = true;
