use std::time::Duration;

use super::table::{Sample, Table};
use super::*;

const TEXT: u32 = 25;
const INT: u32 = 23;
const NUMERIC: u32 = 1700;
const DOUBLE: u32 = 701;
const JSON: u32 = 114;

type Row<'a> = &'a [Option<&'a str>];

fn heads<'a>(columns: &[(&'a str, u32)]) -> Vec<ColumnHead<'a>> {
    columns.iter().map(|&(name, type_oid)| ColumnHead { name, type_oid }).collect()
}

/// What is written of one result.
fn written(format: Format, columns: &[(&str, u32)], rows: &[Row<'_>]) -> String {
    let (mut out, mut tags) = (Vec::new(), Vec::new());
    {
        let mut writer = writer(format, &mut out, &mut tags, false);
        writer.begin(&heads(columns)).unwrap();
        for row in rows {
            writer.row(row).unwrap();
        }
        writer.finish(&format!("SELECT {}", rows.len())).unwrap();
    }
    assert_eq!(String::from_utf8(tags).unwrap(), "", "a result shows no tag");
    String::from_utf8(out).unwrap()
}

/// One value as JSON.
fn json(type_oid: u32, text: &str) -> String {
    let line = written(Format::Jsonl, &[("v", type_oid)], &[&[Some(text)]]);
    line.strip_prefix("{\"v\":").and_then(|rest| rest.strip_suffix("}\n")).expect("one object").to_owned()
}

#[test]
fn a_table_aligns_numbers_right_and_everything_else_left() {
    let columns = [("n", INT), ("name", TEXT), ("born", 1082)];
    let rows: &[Row<'_>] = &[
        &[Some("1"), Some("Ada"), Some("1815-12-10")],
        &[Some("-200"), Some("日本"), None],
        &[None, Some(""), Some("x")],
    ];

    let table = written(Format::Table, &columns, rows);

    let expected = "    n | name | born
------+------+------------
    1 | Ada  | 1815-12-10
 -200 | 日本 | NULL
 NULL |      | x
(3 rows)
";
    assert_eq!(table, expected);
}

#[test]
fn a_table_tells_null_from_a_text_that_says_so() {
    let rows: &[Row<'_>] = &[&[None], &[Some("NULL")], &[Some("\"NULL\"")], &[Some("null")]];

    let table = written(Format::Table, &[("v", TEXT)], rows);

    assert_eq!(table, " v\n----------\n NULL\n \"NULL\"\n \"\"NULL\"\"\n null\n(4 rows)\n");
}

#[test]
fn a_table_continues_the_lines_of_a_value_below_it() {
    let rows: &[Row<'_>] = &[&[Some("scan\n  table\n"), Some("1")], &[Some("a"), Some("2\n3")]];

    let table = written(Format::Table, &[("plan", TEXT), ("t", TEXT)], rows);

    let expected = " plan    | t
---------+---
 scan   +| 1
   table+|\x20
         |\x20
 a       | 2+
         | 3
(2 rows)
";
    assert_eq!(table, expected);
}

#[test]
fn a_table_lets_no_control_character_through() {
    let table = written(Format::Table, &[("a\tb", TEXT)], &[&[Some("\u{1b}[31m\r\t\u{9b}")]]);

    assert_eq!(table, " a\\tb\n----------------------\n \\u{1b}[31m\\r\\t\\u{9b}\n(1 row)\n");
}

#[test]
fn a_table_without_rows_has_a_head() {
    assert_eq!(written(Format::Table, &[("a", INT), ("b", TEXT)], &[]), " a | b\n---+---\n(0 rows)\n");
    assert_eq!(written(Format::Table, &[], &[&[]]), "\n\n\n(1 row)\n");
}

#[test]
fn a_table_holds_rows_back_only_until_a_bound_of_the_sample() {
    let unbounded = Sample { rows: usize::MAX, bytes: usize::MAX, time: Duration::MAX };
    for (sample, held) in [
        (Sample { rows: 3, ..unbounded }, 2),
        (Sample { bytes: 10, ..unbounded }, 4),
        (Sample { time: Duration::ZERO, ..unbounded }, 0),
    ] {
        let count = |out: &[u8]| out.iter().filter(|byte| **byte == b'\n').count();
        let mut lines = Vec::new();
        for rows in 1..=6 {
            let mut out = Vec::new();
            let mut table = Table::new(&mut out, sample, false);
            table.begin(&heads(&[("v", TEXT)])).unwrap();
            for _ in 0..rows {
                table.row(&[Some("xy")]).unwrap();
            }
            drop(table);
            lines.push(count(&out).saturating_sub(2));
        }

        let expected: Vec<_> = (1..=6).map(|rows| if rows <= held { 0 } else { rows }).collect();
        assert_eq!(lines, expected, "{sample:?}");
    }
}

#[test]
fn a_value_wider_than_the_sample_moves_its_row_and_loses_nothing() {
    let mut out = Vec::new();
    let mut table = Table::new(&mut out, Sample { rows: 1, ..Sample::DEFAULT }, false);
    table.begin(&heads(&[("a", TEXT), ("b", INT)])).unwrap();
    for row in [[Some("x"), Some("1")], [Some("wide"), Some("12345")], [Some("y"), Some("2")]] {
        table.row(&row).unwrap();
    }
    table.finish("SELECT 3").unwrap();
    drop(table);

    let expected = " a | b\n---+---\n x | 1\n wide | 12345\n y | 2\n(3 rows)\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn one_long_value_does_not_widen_a_column_beyond_reason() {
    let long = "x".repeat(5000);

    let table = written(
        Format::Table,
        &[("a", TEXT), ("b", INT)],
        &[&[Some(&long), Some("1")], &[Some("y"), Some("2")]],
    );

    let lengths: Vec<_> = table.lines().map(str::len).collect();
    assert_eq!(lengths, [105, 106, 5005, 105, 8]);
}

#[test]
fn a_missing_value_is_dimmed_where_styles_are_allowed() {
    let mut out = Vec::new();
    let mut table = Table::new(&mut out, Sample::DEFAULT, true);
    table.begin(&heads(&[("a", TEXT), ("b", TEXT)])).unwrap();
    table.row(&[None, Some("NULL")]).unwrap();
    table.finish("SELECT 1").unwrap();
    drop(table);

    let expected = " a    | b\n------+--------\n \u{1b}[2mNULL\u{1b}[0m | \"NULL\"\n(1 row)\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn csv_tells_null_from_empty_text_and_quotes_what_needs_it() {
    let rows: &[Row<'_>] = &[
        &[None, Some("")],
        &[Some("a,b"), Some("say \"hi\"")],
        &[Some("two\nlines"), Some("\r")],
        &[Some(" plain "), Some("NULL")],
    ];

    let csv = written(Format::Csv, &[("a", TEXT), ("b,c", TEXT)], rows);

    assert_eq!(csv, "a,\"b,c\"\n,\"\"\n\"a,b\",\"say \"\"hi\"\"\"\n\"two\nlines\",\"\r\"\n plain ,NULL\n");
}

#[test]
fn json_is_an_array_of_objects() {
    let columns = [("id", INT), ("note", TEXT)];

    let some = written(Format::Json, &columns, &[&[Some("1"), Some("a \"b\"\n")], &[Some("2"), None]]);
    let none = written(Format::Json, &columns, &[]);

    assert_eq!(some, "[\n{\"id\":1,\"note\":\"a \\\"b\\\"\\n\"},\n{\"id\":2,\"note\":null}\n]\n");
    assert_eq!(none, "[]\n");
}

#[test]
fn jsonl_is_an_object_a_line() {
    let lines = written(Format::Jsonl, &[("id", INT)], &[&[Some("1")], &[Some("2")]]);

    assert_eq!(lines, "{\"id\":1}\n{\"id\":2}\n");
}

#[test]
fn json_numbers_keep_every_digit() {
    for (type_oid, text) in [
        (NUMERIC, "99999999999999999999999999999999999999"),
        (NUMERIC, "-0.00000000000000000000000000000000000001"),
        (NUMERIC, "1.50"),
        (20, "-9223372036854775808"),
        (DOUBLE, "1e+20"),
        (DOUBLE, "-0"),
        (DOUBLE, "1.2345678901234568e+17"),
        (26, "4294967295"),
    ] {
        assert_eq!(json(type_oid, text), text);
    }
}

#[test]
fn what_json_has_no_number_for_is_a_string() {
    for text in ["NaN", "Infinity", "-Infinity", "-", "1.", "+1", "1 2", ""] {
        assert_eq!(json(DOUBLE, text), format!("\"{text}\""));
    }
}

#[test]
fn json_documents_are_embedded_on_one_line() {
    assert_eq!(json(JSON, " { \"a\" : 1e400,\"a\":\"x\\n\" } "), "{ \"a\" : 1e400,\"a\":\"x\\n\" }");
    assert_eq!(json(JSON, "{\r\n\"a\":\n[]}"), "{  \"a\": []}");
    assert_eq!(json(JSON, "null"), "null");
    assert_eq!(json(JSON, "{a:1}"), "\"{a:1}\"");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(json(JSON, &deep), deep);
}

#[test]
fn json_has_booleans_and_strings() {
    assert_eq!(json(16, "t"), "true");
    assert_eq!(json(16, "f"), "false");
    assert_eq!(json(TEXT, "t"), "\"t\"");
    assert_eq!(json(17, "\\x00ff"), "\"\\\\x00ff\"");
    assert_eq!(json(1184, "2024-02-29 10:34:56+00"), "\"2024-02-29 10:34:56+00\"");
}

/// The texts are hyperd's.
#[test]
fn json_arrays_hold_values_of_their_element_type() {
    for (type_oid, text, expected) in [
        (1007, "[1,NULL,3]", "[1,null,3]"),
        (1007, "[]", "[]"),
        (1000, "[t,f]", "[true,false]"),
        (1231, "[1.50]", "[1.50]"),
        (1022, "[NaN,1.5,Infinity,1e+20]", "[\"NaN\",1.5,\"Infinity\",1e+20]"),
        (1028, "[\"123\"]", "[123]"),
        (1009, r#"["a","b\"c",NULL,"d\\e","x,]","","NULL"]"#, r#"["a","b\"c",null,"d\\e","x,]","","NULL"]"#),
        (1009, "[\"x\ny\"]", "[\"x\\ny\"]"),
        (199, "[\"{\n\\\"a\\\":1}\"]", "[{ \"a\":1}]"),
        (1182, "[\"2024-01-01\"]", "[\"2024-01-01\"]"),
    ] {
        assert_eq!(json(type_oid, text), expected, "{text}");
    }
}

#[test]
fn an_array_that_cannot_be_understood_is_a_string() {
    for text in ["", "[", "[1", "[1,", "[1]]", "[1] ", "{1}", "[\"a]"] {
        let as_string = json(TEXT, text);
        assert_eq!(json(1007, text), as_string, "{text}");
    }
}

#[test]
fn json_keeps_columns_of_the_same_name_apart() {
    let columns = [("a", INT), ("a", INT), ("a_2", INT), ("a", INT), ("a_2", INT)];

    let line = written(Format::Jsonl, &columns, &[&[Some("1"), Some("2"), Some("3"), Some("4"), Some("5")]]);

    assert_eq!(line, "{\"a\":1,\"a_3\":2,\"a_2\":3,\"a_4\":4,\"a_2_2\":5}\n");
}

/// Writes a statement without rows, a result and another result; gives back output and tags.
fn three_statements(format: Format) -> (String, String) {
    let (mut out, mut tags) = (Vec::new(), Vec::new());
    {
        let mut writer = writer(format, &mut out, &mut tags, false);
        writer.finish("INSERT 0 3").unwrap();
        for value in ["1", "2"] {
            writer.begin(&heads(&[("n", INT)])).unwrap();
            writer.row(&[Some(value)]).unwrap();
            writer.finish("SELECT 1").unwrap();
        }
    }
    (String::from_utf8(out).unwrap(), String::from_utf8(tags).unwrap())
}

#[test]
fn tags_are_shown_among_tables_and_beside_data() {
    let table = three_statements(Format::Table);
    let csv = three_statements(Format::Csv);
    let json = three_statements(Format::Json);
    let jsonl = three_statements(Format::Jsonl);

    let one = |n| format!("\n n\n---\n {n}\n(1 row)\n");
    assert_eq!(table, (format!("INSERT 0 3\n{}{}", one(1), one(2)), String::new()));
    assert_eq!(csv, ("n\n1\n\nn\n2\n".into(), "INSERT 0 3\n".into()));
    assert_eq!(json, ("[\n{\"n\":1}\n]\n[\n{\"n\":2}\n]\n".into(), "INSERT 0 3\n".into()));
    assert_eq!(jsonl, ("{\"n\":1}\n{\"n\":2}\n".into(), "INSERT 0 3\n".into()));
}

#[test]
fn a_result_that_broke_off_shows_its_rows_and_does_not_look_complete() {
    for (format, expected) in [
        (Format::Table, " n\n---\n 1\n"),
        (Format::Csv, "n\n1\n"),
        (Format::Json, "[\n{\"n\":1}\n"),
        (Format::Jsonl, "{\"n\":1}\n"),
    ] {
        let (mut out, mut tags) = (Vec::new(), Vec::new());
        {
            let mut writer = writer(format, &mut out, &mut tags, false);
            writer.begin(&heads(&[("n", INT)])).unwrap();
            writer.row(&[Some("1")]).unwrap();
            writer.break_off().unwrap();
        }
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{format:?}");
    }
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Vec<Vec<Option<String>>>> {
        let text = prop_oneof!["[a,\"\n\r]{0,4}", any::<String>(), Just("NULL".to_owned())];
        prop::collection::vec(prop::collection::vec(prop::option::of(text), 2), 0..10)
    }

    fn borrowed(rows: &[Vec<Option<String>>]) -> Vec<Vec<Option<&str>>> {
        rows.iter().map(|row| row.iter().map(Option::as_deref).collect()).collect()
    }

    proptest! {
        #[test]
        fn csv_is_read_back_by_a_reader_of_csv(rows in values()) {
            let rows = borrowed(&rows);
            let slices: Vec<_> = rows.iter().map(Vec::as_slice).collect();

            let csv = written(Format::Csv, &[("a", TEXT), ("b", TEXT)], &slices);

            let mut reader = ::csv::ReaderBuilder::new().terminator(::csv::Terminator::Any(b'\n')).from_reader(csv.as_bytes());
            let read: Vec<Vec<String>> =
                reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
            let expected: Vec<Vec<String>> =
                rows.iter().map(|row| row.iter().map(|field| field.unwrap_or("").to_owned()).collect()).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn jsonl_is_read_back_by_a_reader_of_json(rows in values()) {
            let rows = borrowed(&rows);
            let slices: Vec<_> = rows.iter().map(Vec::as_slice).collect();

            let lines = written(Format::Jsonl, &[("a", TEXT), ("b", TEXT)], &slices);

            let read: Vec<Vec<Option<String>>> = lines
                .lines()
                .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
                .map(|object| ["a", "b"].map(|key| object[key].as_str().map(str::to_owned)).to_vec())
                .collect();
            let expected: Vec<Vec<Option<String>>> =
                rows.iter().map(|row| row.iter().map(|field| field.map(str::to_owned)).collect()).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_text_in_an_array_comes_out_as_json(elements in prop::collection::vec(prop::option::of(any::<String>()), 0..5)) {
            let quoted = elements.iter().map(|element| match element {
                Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                None => "NULL".to_owned(),
            });
            let text = format!("[{}]", quoted.collect::<Vec<_>>().join(","));

            let array = json(1009, &text);

            let read: Vec<Option<String>> = serde_json::from_str(&array).unwrap();
            prop_assert_eq!(read, elements);
        }

        #[test]
        fn a_table_has_a_line_a_row_whatever_is_in_it(rows in values()) {
            let rows: Vec<Vec<Option<String>>> =
                rows.into_iter().map(|row| row.into_iter().map(|field| field.map(|text| text.replace('\n', " "))).collect()).collect();
            let rows = borrowed(&rows);
            let slices: Vec<_> = rows.iter().map(Vec::as_slice).collect();

            let table = written(Format::Table, &[("a", TEXT), ("b", TEXT)], &slices);

            prop_assert_eq!(table.split('\n').count(), 2 + rows.len() + 1 + 1);
            prop_assert!(table.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}
