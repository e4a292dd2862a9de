-- Queries, one a line, that `query` must take. Tables: see read_only.rs.
SELECT 1
SELECT 1 AS a, 'x' AS b
SELECT * FROM t
SELECT i, s FROM t WHERE i > 1 ORDER BY s DESC, i LIMIT 10 OFFSET 1
SELECT DISTINCT s FROM t
SELECT count(*) FROM t
SELECT count(DISTINCT s), sum(d), avg(d), min(d), max(d), stddev(d), stddev_pop(d), var_samp(d), variance(d) FROM t
SELECT s, count(*) FROM t GROUP BY s HAVING count(*) > 0
SELECT s, count(*) FROM t GROUP BY ROLLUP(s)
SELECT s, i, count(*) FROM t GROUP BY CUBE(s, i)
SELECT s, i, count(*), grouping(s) FROM t GROUP BY GROUPING SETS ((s), (i), ())
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY d) FROM t
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY d) FROM t
SELECT mode() WITHIN GROUP (ORDER BY s) FROM t
SELECT median(d) FROM t
SELECT approx_count_distinct(i) FROM t
SELECT string_agg(s, ',') FROM t
SELECT string_agg(s, ',' ORDER BY s) FROM t
SELECT array_agg(i) FROM t
SELECT array_agg(i ORDER BY i DESC) FROM t
SELECT bool_and(i > 0), bool_or(i > 0), every(i > 0) FROM t
SELECT count(*) FILTER (WHERE i > 1) FROM t
SELECT any_value(s) FROM t
SELECT * FROM t JOIN u ON t.i = u.i
SELECT * FROM t LEFT JOIN u ON t.i = u.i
SELECT * FROM t RIGHT JOIN u ON t.i = u.i
SELECT * FROM t FULL OUTER JOIN u ON t.i = u.i
SELECT * FROM t CROSS JOIN u
SELECT * FROM t JOIN u USING (i)
SELECT * FROM t NATURAL JOIN u
SELECT * FROM t JOIN u ON t.i < u.i
SELECT * FROM t LEFT JOIN u ON t.i < u.i
SELECT * FROM t FULL JOIN u ON t.i < u.i
SELECT * FROM t, LATERAL (SELECT u.x FROM u WHERE u.i = t.i) AS l
SELECT * FROM t LEFT JOIN LATERAL (SELECT u.x FROM u WHERE u.i = t.i LIMIT 1) AS l ON true
SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = t.i)
SELECT * FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.i = t.i)
SELECT * FROM t WHERE i IN (SELECT i FROM u)
SELECT * FROM t WHERE i NOT IN (SELECT i FROM u)
SELECT * FROM t WHERE i = ANY (SELECT i FROM u)
SELECT * FROM t WHERE i > ALL (SELECT i FROM u)
SELECT i IN (SELECT i FROM u) FROM t
SELECT EXISTS (SELECT 1 FROM u WHERE u.i = t.i) FROM t
SELECT (SELECT max(x) FROM u WHERE u.i = t.i) FROM t
SELECT (SELECT x FROM u WHERE u.i = t.i) FROM t
SELECT * FROM t WHERE d > (SELECT avg(d) FROM t)
SELECT i FROM t UNION SELECT i FROM u
SELECT i FROM t UNION ALL SELECT i FROM u
SELECT i FROM t INTERSECT SELECT i FROM u
SELECT i FROM t INTERSECT ALL SELECT i FROM u
SELECT i FROM t EXCEPT SELECT i FROM u
SELECT i FROM t EXCEPT ALL SELECT i FROM u
(SELECT i FROM t ORDER BY i LIMIT 1) UNION ALL (SELECT i FROM u ORDER BY i LIMIT 1)
WITH a AS (SELECT * FROM t) SELECT * FROM a JOIN a AS b ON a.i = b.i
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT * FROM r
WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT n + 1 FROM r WHERE n < 10) SELECT * FROM r
WITH RECURSIVE r(n, i) AS (SELECT 1, i FROM t UNION ALL SELECT n + 1, u.i FROM r JOIN u ON u.i = r.i WHERE n < 3) SELECT count(*) FROM r
SELECT row_number() OVER (ORDER BY i) FROM t
SELECT rank() OVER (PARTITION BY s ORDER BY i), dense_rank() OVER (ORDER BY i), ntile(4) OVER (ORDER BY i), percent_rank() OVER (ORDER BY i), cume_dist() OVER (ORDER BY i) FROM t
SELECT lag(i) OVER (ORDER BY i), lead(i, 2) OVER (ORDER BY i), first_value(i) OVER (ORDER BY i), last_value(i) OVER (ORDER BY i), nth_value(i, 2) OVER (ORDER BY i) FROM t
SELECT sum(d) OVER (PARTITION BY s ORDER BY i ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM t
SELECT sum(d) OVER (ORDER BY i RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM t
SELECT sum(d) OVER () FROM t
SELECT sum(d) OVER w, avg(d) OVER w FROM t WINDOW w AS (PARTITION BY s)
SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY s ORDER BY i) AS n FROM t) AS q WHERE n = 1
SELECT * FROM generate_series(1, 10) AS g(i)
SELECT * FROM generate_series(1, 10, 2) AS g(i)
SELECT * FROM generate_series(date '2024-01-01', date '2024-01-10', interval '1 day') AS g(d)
SELECT * FROM generate_series(timestamp '2024-01-01', timestamp '2024-01-02', interval '1 hour') AS g(d)
SELECT generate_series(1, 3)
SELECT g.i, t.s FROM t, generate_series(1, t.i) AS g(i)
VALUES (1, 'a'), (2, 'b')
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(i, s)
SELECT t.* FROM t JOIN (VALUES (1), (2)) AS v(i) ON v.i = t.i
TABLE t
SELECT * FROM unnest(array[1, 2, 3]) AS x(i)
SELECT * FROM unnest(array[1, 2, 3]) WITH ORDINALITY AS x(i, n)
SELECT unnest(array[1, 2, 3])
SELECT t.i, x FROM t, unnest(array[t.i, 2]) AS y(x)
SELECT array[1, 2, 3]
SELECT array_position(array[1, 2], 2), array_to_string(array[1, 2], ','), array_slice(array[1,2,3],1,2)
SELECT CASE WHEN i > 1 THEN 'a' ELSE 'b' END, coalesce(s, 'x'), nullif(i, 1), greatest(i, 2), least(i, 2) FROM t
SELECT extract(year FROM d1), date_trunc('month', d1), date_part('dow', d1), d1 + interval '1 day', age(ts), to_char(ts, 'YYYY-MM') FROM t
SELECT now(), current_date, current_timestamp, localtimestamp, current_time
SELECT upper(s), lower(s), substring(s, 1, 2), trim(s), length(s), position('a' in s), replace(s, 'a', 'b'), split_part(s, 'a', 1), s || 'x', concat(s, 'x') FROM t
SELECT regexp_substr(s, 'a') FROM t
SELECT abs(i), ceil(d), floor(d), round(d), round(d::numeric(10,3), 1), trunc(d), power(d, 2), sqrt(abs(d)), ln(2), log(10), exp(1), sin(d), mod(i, 2), i % 2, sign(d) FROM t
SELECT cast(i AS text), i::double precision, '1'::int, date '2024-01-01', timestamp '2024-01-01 00:00', time '12:00', interval '1 day' FROM t
SELECT j::json, j::json ->> 'a', j::json -> 'b' FROM (VALUES ('{"a": 1}')) AS v(j)
SELECT json_array_length('[1,2]'::json)
SELECT * FROM json_array_elements('[1,2]'::json) AS x
SELECT * FROM json_each('{"a":1}'::json)
SELECT md5(s) FROM t
SELECT encode(b, 'hex'), octet_length(b) FROM t
SELECT current_setting('TimeZone')
SELECT current_schemas(true)
SELECT pg_typeof(i) FROM t
SELECT format_type(23, null)
SELECT make_date(2024, 1, 1), make_timestamp(2024, 1, 1, 0, 0, 0)
SELECT i FROM t TABLESAMPLE BERNOULLI (10)
SELECT i FROM t FETCH FIRST 2 ROWS ONLY
SELECT i FROM t ORDER BY i NULLS FIRST FETCH FIRST 2 ROWS WITH TIES
SELECT * FROM t LIMIT 0
SELECT * FROM t WHERE false
SELECT * FROM t WHERE i BETWEEN 1 AND 2 AND s IS NOT NULL AND s IN ('a', 'b') AND i IS DISTINCT FROM 3
SELECT * FROM local.public.t
SELECT * FROM "local"."public"."t" -- a comment
/* a comment */ SELECT 1
SELECT 1;
SELECT 1 ; ;
SELECT DISTINCT ON (s) * FROM t ORDER BY s, i
SELECT s COLLATE "en_US" FROM t ORDER BY 1
SELECT s FROM t ORDER BY s COLLATE "de_DE"
SELECT * FROM t a, t b, t c WHERE a.i = b.i AND b.i = c.i
SELECT count(*) FROM big
SELECT count(*) FROM big a JOIN big b ON a.i = b.i
SELECT i % 10, sum(i) FROM big GROUP BY 1 ORDER BY 2 DESC LIMIT 3
SELECT * FROM big ORDER BY i DESC LIMIT 3
SELECT * FROM big ORDER BY i DESC
SELECT * FROM big WHERE i = 3
SELECT count(*) FROM big WHERE i > (SELECT avg(i) FROM big)
SELECT b.i, t.s FROM big b JOIN t ON t.i = b.i WHERE b.i < 10
SELECT * FROM pg_catalog.pg_tables
SELECT * FROM pg_catalog.pg_attribute LIMIT 1
SELECT count(*) FROM pg_catalog.pg_class
SELECT sum(x) FROM (SELECT i AS x FROM t UNION ALL SELECT x FROM u) AS q
SELECT width_bucket(d, 0, 10, 5) FROM t
SELECT * FROM t AS x(a, b)
SELECT s, listagg(s, ',') FROM t GROUP BY s
SELECT max(i) - min(i) FROM t GROUP BY ()
SELECT i, count(*) FROM t GROUP BY ALL
SELECT 1 WHERE 1 = (SELECT 1)
SELECT uuid '550e8400-e29b-41d4-a716-446655440000'
SELECT interval '1 day' * 2, timestamp '2024-01-01' - timestamp '2023-01-01'
SELECT timestamp '2024-01-01' AT TIME ZONE 'UTC'
SELECT * FROM t WHERE s = 'it''s' OR s = E'\n'
SELECT $$dollar$$
SELECT * FROM table(unnest(array[1,2]))
SELECT * FROM t ORDER BY random() LIMIT 1
WITH a AS (SELECT k, sum(v) AS s FROM f GROUP BY k) SELECT x.k, x.s, y.s FROM a x JOIN a y ON x.k = y.k + 1
WITH a AS (SELECT k, sum(v) AS s FROM f GROUP BY k), b AS (SELECT avg(s) AS m FROM a) SELECT * FROM a, b WHERE a.s > b.m
WITH a AS (SELECT k, sum(v) AS s FROM f GROUP BY k) SELECT * FROM a UNION ALL SELECT * FROM a
WITH a AS (SELECT k, random() AS s FROM f) SELECT * FROM a x JOIN a y ON x.k = y.k LIMIT 3
SELECT dim.k, count(f.i) FROM dim LEFT JOIN f ON f.k = dim.k GROUP BY dim.k
SELECT dim.k, dim.label, sum(f.v) FROM dim JOIN f ON f.k = dim.k GROUP BY dim.k, dim.label
SELECT label, (SELECT count(*) FROM f WHERE f.k = dim.k) FROM dim
SELECT label, (SELECT sum(v) FROM f WHERE f.k = dim.k AND f.g > dim.grp) FROM dim
SELECT * FROM dim WHERE 5 < (SELECT count(*) FROM f WHERE f.k = dim.k)
SELECT * FROM dim WHERE k IN (SELECT k FROM f WHERE v > 50) AND NOT EXISTS (SELECT 1 FROM f WHERE f.k = dim.k AND v > 99.9999)
SELECT * FROM dim WHERE k IN (SELECT k FROM f WHERE v > 50) OR grp = 3
SELECT * FROM dim WHERE (SELECT max(v) FROM f WHERE f.k = dim.k) > ALL (SELECT v FROM f WHERE g = 3 AND i < 100)
SELECT DISTINCT ON (k) k, v FROM f ORDER BY k, v DESC
SELECT k, v FROM f ORDER BY v DESC LIMIT 10
SELECT k, v FROM f LIMIT 10
SELECT k, v FROM f OFFSET 299990
SELECT * FROM (SELECT k, v, rank() OVER (PARTITION BY k ORDER BY v DESC) AS r FROM f) q WHERE r <= 3
SELECT g, percentile_cont(0.5) WITHIN GROUP (ORDER BY v), percentile_cont(0.9) WITHIN GROUP (ORDER BY v) FROM f GROUP BY g
SELECT g, count(DISTINCT k), count(DISTINCT n) FROM f GROUP BY g
SELECT g, string_agg(DISTINCT n, ',') FROM f GROUP BY g
SELECT date_trunc('month', d) AS m, sum(v), sum(sum(v)) OVER (ORDER BY date_trunc('month', d)) FROM f GROUP BY 1 ORDER BY 1
SELECT k, sum(v) FROM f GROUP BY ROLLUP (k), g
WITH RECURSIVE t(i, depth) AS (SELECT i, 0 FROM e WHERE parent IS NULL UNION ALL SELECT e.i, depth + 1 FROM e JOIN t ON e.parent = t.i) SELECT depth, count(*) FROM t GROUP BY 1
SELECT a.k FROM f a JOIN f b ON a.i = b.i - 1 JOIN f c ON c.i = b.i - 1 WHERE a.g = 3
SELECT * FROM dim a CROSS JOIN dim b WHERE a.grp < b.grp AND a.k < 5
SELECT * FROM f a WHERE v = (SELECT max(v) FROM f b WHERE b.k = a.k)
SELECT f.k, dim.label FROM f LEFT JOIN dim ON f.k = dim.k AND dim.grp > f.g WHERE dim.label IS NULL
SELECT * FROM f FULL JOIN dim ON f.k = dim.k WHERE f.i < 10
SELECT k FROM f INTERSECT SELECT k FROM dim EXCEPT SELECT 3
SELECT * FROM dim, generate_series(1, dim.grp) s(n)
SELECT * FROM dim, unnest(array[1,2,3]) s(n)
SELECT (SELECT array_agg(v) FROM (SELECT v FROM f WHERE f.k = dim.k ORDER BY v LIMIT 3) q) FROM dim
SELECT * FROM dim JOIN LATERAL (SELECT v FROM f WHERE f.k = dim.k ORDER BY v DESC LIMIT 2) q ON true
SELECT n, sum(CASE WHEN g = 1 THEN v END) AS g1, sum(v) FILTER (WHERE g = 2) FROM f GROUP BY n HAVING sum(v) > 10 ORDER BY 2 DESC NULLS LAST
SELECT * FROM f TABLESAMPLE SYSTEM (1)
SELECT min(k), max(k) FROM f
SELECT count(*) FROM f
SELECT * FROM f WHERE i = 77
SELECT n, approx_count_distinct(k), stddev(v), corr(v, k), any_value(d) FROM f GROUP BY n
SELECT * FROM f WHERE n LIKE 'name1%' AND d BETWEEN date '2020-02-01' AND date '2020-03-01'
SELECT width_bucket(v, 0, 100, 10) AS b, count(*) FROM f GROUP BY 1
SELECT mode() WITHIN GROUP (ORDER BY n) FROM f
SELECT * FROM sequence(1, 3)
SELECT g, listagg(n, ',') FROM (SELECT DISTINCT g, n FROM f) q GROUP BY g
SELECT * FROM (SELECT k, max_by(n, v) FROM f GROUP BY k) q JOIN dim USING (k)
SELECT t1.tablename FROM pg_catalog.pg_tables t1 JOIN pg_catalog.pg_class c ON c.relname = t1.tablename
SELECT 1 WHERE EXISTS (SELECT 1 FROM f)
SELECT (SELECT 1 UNION ALL SELECT 2 LIMIT 1)
SELECT cume_dist() OVER (ORDER BY v), ntile(4) OVER (ORDER BY v) FROM f LIMIT 5
SELECT x.*, y.c FROM (SELECT k, count(*) c FROM f GROUP BY k) x JOIN (SELECT k, count(*) c FROM f WHERE g=1 GROUP BY k) y ON x.k=y.k
SELECT count(*) FROM (SELECT DISTINCT k, g FROM f) q
SELECT k FROM f WHERE k = ANY(array[1,2,3])
SELECT * FROM dim ORDER BY label FETCH FIRST 3 ROWS WITH TIES
SELECT covar_pop(v, k), bool_and(g > 0), bit_and(g) FROM f
SELECT k, json_arrayagg(v) FROM f GROUP BY k LIMIT 2
