//! What to do about what Hyper refuses, where its own words do not say it. Each was tried on the real hyperd; the tests do so
//! again.

use super::{Advice, Next};

/// An error of Hyper, and the statement that it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) sqlstate: &'a str,
    pub(crate) message: &'a str,
    pub(crate) sql: &'a str,
    /// Of what Hyper points at, in characters from 1.
    pub(crate) position: Option<usize>,
}

/// The next step; nothing where it depends on what there is, or goes without saying.
pub(crate) fn advice(refusal: Refusal<'_>) -> Option<Next> {
    let Refusal { sqlstate, message, .. } = refusal;
    let says = |words: &str| message.contains(words);
    if ["could not grow file", "growing the database file", "No space left"].into_iter().any(says) {
        return Some("The disk is full. Next: free space there, or write less.".into());
    }
    let special = match sqlstate {
        "25006" => Some(Advice::AttachForWriting),
        "55000" if says("MERGE") => Some(Advice::MergeByUpdate),
        "55000" if says("access mode") => Some(Advice::AttachInThatMode),
        "55006" => Some(Advice::CloseOrCopy),
        _ => None,
    };
    if let Some(special) = special {
        return Some(special.into());
    }
    Some(Next::Text(match sqlstate {
        "0A000" => return unsupported(message),
        "22003" => {
            "Next: compute in a wider type: CAST one operand AS bigint, numeric(38,2) or double precision."
        }
        "22012" => "Next: divide by NULLIF(divisor, 0), which gives NULL.",
        "22P02" | "22007" => "Next: TRY_CAST(x AS type) gives NULL where a text is no such value.",
        "23502" => "Next: give every NOT NULL column a value.",
        "25P02" => "Next: an earlier statement of the transaction failed; run it anew from BEGIN.",
        "40001" => "Next: another call changed the same rows; run it again.",
        "42501" => "Next: use a path inside the allowed folders; `inspect` names them.",
        "42601" => return syntax(refusal),
        "42704" => return unknown_type(message),
        "42804" if says("cannot be used in a") => "Next: cast the column to text.",
        "42P07" => "Next: DROP TABLE it first, or choose another name.",
        "53S03" => "Next: aggregate or filter more; the statement needs more memory than it may have.",
        "57014" => "The statement was canceled and had no effect.",
        "58P01" => "Next: give the absolute path of a file that exists.",
        _ => return None,
    }))
}

/// `0A000`: what Hyper does not have.
fn unsupported(message: &str) -> Option<Next> {
    let has = |words: &str| message.contains(words);
    if has("multi-part") {
        return Some(Advice::OneStatement.into());
    }
    Some(Next::Text(if has("Views") {
        "Next: CREATE TEMP TABLE ... AS or a WITH query; Hyper has no views."
    } else if has("Index") {
        "Next: leave indexes and keys out; Hyper scans fast without."
    } else if has("current_user") {
        "Next: user is a reserved word; write \"user\" for a column."
    } else if has("Savepoints") {
        "Next: one transaction, without savepoints."
    } else if has("persisted tables") {
        "Next: arrays are stored in TEMP tables only; keep such a column as json or text."
    } else if has("ROW types") {
        "Next: compare column by column: a = 1 AND b = 2, or a < 1 OR (a = 1 AND b < 2); instead of (a, b) IN (...) write EXISTS."
    } else if has("conversion to Arrow") || has("for the Iceberg format") {
        "Next: cast the columns of that type to text."
    } else if has("JSON_VALUE") {
        JSON
    } else {
        "Next: Hyper does not have this; write it differently."
    }))
}

const JSON: &str = "Next: column->>'key' gives a text, column->'key' json.";

/// `42601`: syntax, and most of what is found before a statement runs.
fn syntax(refusal: Refusal<'_>) -> Option<Next> {
    let Refusal { message, sql, position, .. } = refusal;
    let says = |words: &str| message.contains(words);
    let got = |word: &str| message.starts_with(&format!("syntax error: got {word}"));
    let before = position.map_or(sql, |position| characters(sql, position));
    let behind = &sql[before.len()..];
    let before = before.trim_end().to_lowercase();
    let first = sql.split_whitespace().next().unwrap_or_default().to_lowercase();
    let after = |words: &str| before.ends_with(words);
    let is_file = says("cannot have its schema inferred")
        || says("is not a table function")
        || got("<string constant>") && after("from");
    let special = if is_file {
        Some(Advice::FileAsInput)
    } else if got("ON") && first == "insert" {
        Some(Advice::MergeByInsert)
    } else if got("TABLE") && after("replace") {
        Some(Advice::Replace)
    } else {
        None
    };
    if let Some(special) = special {
        return Some(special.into());
    }
    Some(Next::Text(if says("aggregates are not allowed here") {
        "Next: GROUP BY the columns that are not aggregated; conditions on aggregates belong into HAVING."
    } else if says("'LIKE' requires string") || says("requires string arguments") || says("requires a string")
    {
        "Next: CAST(x AS text)."
    } else if says("requires numerical arguments") {
        "Next: TRY_CAST(x AS double precision) makes a number of a text; || joins texts."
    } else if says("cannot compare") || says("set operations require an identical schema") {
        "Next: CAST one side to the other's type."
    } else if says("elements must have identical types") {
        "Next: CAST the values of the first row to the columns' types, also CAST(NULL AS type)."
    } else if says("unexpected parameter '$") {
        "Next: pass its value in `params`."
    } else if says("unknown parameter") || says("unexpected number of parameters") {
        "Next: parameters are $1, $2 ..., with their values in `params`."
    } else if (says("unrecognized configuration parameter") && first == "show")
        || matches!(first.as_str(), "describe" | "desc" | "use" | "pragma")
    {
        INSPECT
    } else if first == "explain" && got("ANALYZE") {
        "Next: EXPLAIN alone; a plan with times is not to be had."
    } else if (got("'.'") && behind.starts_with(".*")) || after(".*") {
        "Next: a whole row is no value here: count(*) counts rows, count(column) those where it is not NULL; name the columns."
    } else if says("quantifiers require subqueries with one output column") {
        "Next: instead of (a, b) IN (SELECT ...) write EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND u.b = t.b)."
    } else if got("'['") || sql.contains('`') {
        "Next: double quotes around names, single quotes around texts."
    } else if got("<integer constant>") && after("top") {
        "Next: LIMIT n at the end instead of TOP n."
    } else if got("','") && before.rsplit(' ').nth(1) == Some("limit") {
        "Next: LIMIT n OFFSET m."
    } else if got("<integer constant>") && after("interval") {
        "Next: INTERVAL '1 day'."
    } else if got("<identifier>") && sql.to_lowercase().contains("qualify") {
        "Next: filter a window function in an outer query: SELECT * FROM (SELECT ..., row_number() OVER (...) AS n ...) q WHERE n = 1."
    } else if says("got invalid token") {
        "Next: a text or name has no closing quote; a quote inside of a text is doubled."
    } else if message.starts_with("syntax error: got ") && says("expected <identifier>") {
        "Next: a reserved word needs double quotes to be a name."
    } else {
        return None;
    }))
}

const INSPECT: &str = "Next: `inspect` shows databases, tables and columns.";

/// `42704`
fn unknown_type(message: &str) -> Option<Next> {
    let name = message.split('"').nth(1)?.to_lowercase();
    Some(Next::Text(match name.as_str() {
        "double" | "float64" => "Next: the type is called double precision.",
        "string" | "nvarchar" | "clob" => "Next: the type is called text.",
        "number" | "money" => "Next: the type is called numeric(p,s).",
        "datetime" | "datetime2" | "timestamp_ntz" => "Next: the type is called timestamp.",
        "tinyint" | "int16" | "uint8" => "Next: the type is called smallint.",
        "int32" | "uint16" | "mediumint" => "Next: the type is called integer.",
        "int64" | "uint32" | "long" => "Next: the type is called bigint.",
        "serial" | "bigserial" => "Next: there are no sequences; number rows with row_number() OVER ().",
        "jsonb" | "struct" | "map" => "Next: the type is called json.",
        "binary" | "varbinary" => "Next: the type is called bytea.",
        _ => {
            "Next: types are boolean, smallint, integer, bigint, numeric(p,s), real, double precision, text, date, time, timestamp, timestamptz, interval, bytea, json, uuid, geography."
        }
    }))
}

/// What Hyper calls a function that others have under this name.
pub(crate) fn function(name: &str) -> Option<&'static str> {
    Some(match name.to_lowercase().as_str() {
        "isnull" => "coalesce(x, y), or x IS NULL",
        "len" | "char_len" => "length(x)",
        "group_concat" => "string_agg(x, ',')",
        "if" | "iif" => "CASE WHEN a THEN b ELSE c END",
        "date_diff" | "timestampdiff" => "datediff('day', a, b), or a - b",
        "dateadd" | "date_sub" | "datesub" | "adddate" | "timestampadd" => "x + INTERVAL '1 day'",
        "strftime" | "date_format" | "format_datetime" => "to_char(x, 'YYYY-MM-DD')",
        "strptime" | "parse_date" | "str_to_date" => {
            "to_date(x, 'YYYY-MM-DD') or to_timestamp(x, 'YYYY-MM-DD HH24:MI:SS')"
        }
        "log10" => "log(x)",
        "log2" => "ln(x) / ln(2)",
        "epoch" | "unix_timestamp" => "extract(epoch FROM x)",
        "count_if" | "countif" => "count(*) FILTER (WHERE x)",
        "sumif" => "sum(x) FILTER (WHERE y)",
        "json_extract" | "json_extract_string" | "json_extract_path_text" | "get_json_object" => {
            "x->>'key' for a text, x->'key' for json"
        }
        "approx_distinct" | "approx_count" | "hll_count" => "approx_count_distinct(x)",
        "quantile" | "quantile_cont" | "percentile" | "approx_percentile" => {
            "percentile_cont(0.5) WITHIN GROUP (ORDER BY x)"
        }
        "safe_cast" | "try_convert" | "to_number" => "TRY_CAST(x AS type)",
        "typeof" => "pg_typeof(x)",
        "last_day" => "date_trunc('month', x) + INTERVAL '1 month' - INTERVAL '1 day'",
        "translate" => "replace(x, 'a', 'b')",
        "arg_max" | "max_by" | "arg_min" | "min_by" => {
            "DISTINCT ON (key) ... ORDER BY key, x DESC, or a window function"
        }
        "regexp_like" | "regexp" | "rlike" | "regexp_contains" => "x ~ 'pattern'",
        "regexp_extract" | "regexp_match" => "regexp_substr(x, 'pattern')",
        "instr" | "charindex" | "locate" => "strpos(x, 'part')",
        "list" | "collect_list" => "array_agg(x)",
        _ => return None,
    })
}

/// The text before a position.
fn characters(sql: &str, position: usize) -> &str {
    let end = sql.char_indices().nth(position.saturating_sub(1)).map_or(sql.len(), |(end, _)| end);
    &sql[..end]
}
