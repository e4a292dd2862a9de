//! Pictures of every kind, with what makes charts hard to read. They are looked at by people: with CHART_PICTURES set to a
//! folder, `cargo test -p hyperwire-chart` leaves them all there.

use std::collections::HashSet;
use std::io::Cursor;

use serde_json::{Value, json};

use crate::chart::draw;
use crate::clock::Clock;
use crate::roles::Roles;
use crate::table::{Meaning, table};
use crate::{Axes, Error, Kind, Options, Picture};

const NUMBER: Meaning = Meaning::Number { integral: false };
const WHOLE: Meaning = Meaning::Number { integral: true };
const NAME: Meaning = Meaning::Name;
const DATE: Meaning = Meaning::Time(Clock::Date);
const TIMESTAMP: Meaning = Meaning::Time(Clock::Timestamp);

/// A column: its name, its meaning, its values as Hyper's text.
type Given = (&'static str, Meaning, Vec<Option<String>>);

fn texts<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<Option<String>> {
    values.into_iter().map(|value| Some(value.to_string())).collect()
}

/// With `series` among the options, though it is none.
fn try_draw(kind: Kind, columns: &[Given], mut options: Value) -> Result<Picture, Error> {
    let series = options.as_object_mut().and_then(|options| options.remove("series"));
    let options: Options = serde_json::from_value(options).unwrap();
    options.check(kind)?;
    let values: Vec<Vec<Option<&str>>> =
        columns.iter().map(|(_, _, values)| values.iter().map(Option::as_deref).collect()).collect();
    let all: Vec<_> = columns
        .iter()
        .zip(&values)
        .map(|((name, meaning, _), values)| (*name, *meaning, values.as_slice()))
        .collect();
    let described: Vec<_> = columns.iter().map(|(name, meaning, _)| (*name, *meaning)).collect();
    let series = series.as_ref().and_then(Value::as_str);
    let asked = Axes { series, ..Axes::default() };
    let roles = Roles::choose(kind, &described, &asked, options.labels.as_ref())?;
    draw(kind, &table(&all), &roles, &options)
}

/// Draws, keeps the picture for those who look, and sees that something is on it.
#[track_caller]
fn drawn(name: &str, kind: Kind, columns: &[Given], options: Value) -> Picture {
    let size =
        [("width", 960), ("height", 600)].map(|(side, usual)| options[side].as_u64().unwrap_or(usual) as u32);
    let picture = try_draw(kind, columns, options).unwrap_or_else(|failure| panic!("{name}: {failure}"));
    let png = picture.png().unwrap();
    if let Some(folder) = std::env::var_os("CHART_PICTURES") {
        let file = std::path::PathBuf::from(&folder).join(name);
        std::fs::write(file.with_extension("png"), &png).unwrap();
        std::fs::write(file.with_extension("svg"), picture.svg()).unwrap();
    }
    let mut decoder = png::Decoder::new(Cursor::new(&png));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert_eq!([reader.info().width, reader.info().height], size, "{name}");
    let declared = format!("<svg width=\"{}\" height=\"{}\"", size[0], size[1]);
    assert!(picture.svg().starts_with(&declared) && picture.svg().ends_with("</svg>\n"), "{name}");
    let colors: HashSet<_> = pixels.chunks(3).collect();
    let inked = pixels.chunks(3).filter(|pixel| **pixel != [255, 255, 255]).count();
    assert!(colors.len() > 10 && inked > 1000, "{name}: {} colors, {inked} pixels", colors.len());
    picture
}

/// Days from 2024-01-01.
fn days(count: u32) -> Vec<Option<String>> {
    let first = hyperwire_core::row::Date::from_ymd(2024, 1, 1).unwrap().julian_day();
    texts((0..count).map(|day| hyperwire_core::row::Date::from_julian_day(first + day).unwrap()))
}

/// The same numbers in every run, between 0 and 1, without any order.
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        // Constants of Knuth's MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    (0..count).map(|_| next()).collect()
}

/// Like the height of people: many in the middle, few far away.
fn bell(count: usize, seed: u64) -> Vec<f64> {
    noise(count * 6, seed).chunks(6).map(|some| some.iter().sum::<f64>() - 3.0).collect()
}

const REGIONS: [&str; 5] = ["North", "South", "East", "West", "Overseas"];
const DEPARTMENTS: [&str; 12] = [
    "Research and Development",
    "Human Resources and Internal Communication",
    "Sales (Europe, the Middle East and Africa)",
    "Legal",
    "Customer Success",
    "Information Technology Operations & Infrastructure",
    "Finance and Controlling",
    "Marketing",
    "Quality Assurance",
    "Facility Management and Occupational Safety",
    "Logistics",
    "Executive Board",
];

#[test]
fn bars_of_a_few_names() {
    let revenue = [1_250_000.0, 830_000.0, 2_100_000.0, 1_720_000.0, 310_000.0];

    let picture = drawn(
        "bar",
        Kind::Bar,
        &[("region", NAME, texts(REGIONS)), ("revenue", NUMBER, texts(revenue))],
        json!({"title": "Revenue by region, 2024"}),
    );

    assert!(picture.png().unwrap().len() < 40_000, "{}", picture.png().unwrap().len());
    for label in REGIONS.iter().chain(&["Revenue by region, 2024", "revenue", "1.72M", "310,000"]) {
        assert!(picture.svg().contains(&format!(">\n{label}\n<")), "{label}");
    }
}

#[test]
fn bars_with_long_names_lie() {
    let heads = (0..12).map(|index| 240 - 17 * index);

    let picture = drawn(
        "bar-long-labels",
        Kind::Bar,
        &[("department", NAME, texts(DEPARTMENTS)), ("heads", WHOLE, texts(heads))],
        json!({}),
    );

    assert!(picture.svg().contains("Research and Development"));
}

#[test]
fn bars_with_long_names_stand_if_they_have_to() {
    let heads = (0..12).map(|index| 240 - 17 * index);

    drawn(
        "bar-long-labels-vertical",
        Kind::Bar,
        &[("department", NAME, texts(DEPARTMENTS)), ("heads", WHOLE, texts(heads))],
        json!({"orientation": "vertical"}),
    );
}

#[test]
fn bars_below_zero() {
    let profit = [12.5, -8.25, 4.0, -15.75, 0.0];

    drawn(
        "bar-negative",
        Kind::Bar,
        &[("region", NAME, texts(REGIONS)), ("profit", NUMBER, texts(profit))],
        json!({"title": "Profit"}),
    );
    drawn(
        "bar-negative-horizontal",
        Kind::Bar,
        &[("region", NAME, texts(REGIONS)), ("profit", NUMBER, texts(profit))],
        json!({"orientation": "horizontal"}),
    );
}

fn quarters() -> Vec<Given> {
    let mut quarter = Vec::new();
    let mut region = Vec::new();
    let mut revenue = Vec::new();
    for (index, number) in noise(20, 7).into_iter().enumerate() {
        quarter.push(format!("2024 Q{}", index / 5 + 1));
        region.push(REGIONS[index % 5]);
        revenue.push(if index == 7 { None } else { Some(format!("{:.0}", 500.0 + 4000.0 * number)) });
    }
    vec![("quarter", NAME, texts(quarter)), ("region", NAME, texts(region)), ("revenue", NUMBER, revenue)]
}

#[test]
fn bars_of_several_series() {
    let picture =
        drawn("bar-series", Kind::Bar, &quarters(), json!({"title": "Revenue by quarter and region"}));

    assert!(picture.said().contains("5 series by region"), "{}", picture.said());
    assert!(picture.said().contains("Left out: 1 value of revenue, NULL."), "{}", picture.said());
}

#[test]
fn bars_on_top_of_one_another() {
    drawn("bar-stacked", Kind::Bar, &quarters(), json!({"stacked": true, "labels": true}));
    let change: Vec<f64> = noise(20, 3).into_iter().map(|number| (number - 0.4) * 100.0).collect();
    let mut columns = quarters();
    columns[2] = ("change", NUMBER, texts(change));
    drawn("bar-stacked-negative", Kind::Bar, &columns, json!({"stacked": true}));
}

#[test]
fn bars_in_time() {
    let count = noise(31, 5).into_iter().map(|number| (number * 900.0) as u32);

    drawn("bar-time", Kind::Bar, &[("day", DATE, days(31)), ("orders", WHOLE, texts(count))], json!({}));
}

#[test]
fn bars_of_months() {
    let months = texts((1..=4).map(|month| format!("2024-{month:02}-01")));

    let picture = drawn(
        "bar-months",
        Kind::Bar,
        &[("month", DATE, months), ("n", WHOLE, texts([3, 1, 4, 2]))],
        json!({}),
    );

    for label in ["Jan", "Feb", "Mar", "Apr", "2024"] {
        assert!(picture.svg().contains(&format!(">\n{label}\n<")), "{label}");
    }
}

#[test]
fn bars_of_years() {
    drawn(
        "bar-years",
        Kind::Bar,
        &[("year", WHOLE, texts(2015..2025)), ("count", WHOLE, texts((0..10).map(|index| 100 + 30 * index)))],
        json!({}),
    );
}

#[test]
fn bars_of_too_many_names() {
    let names = texts((0..1000).map(|index| format!("Customer {index}")));

    let picture = drawn(
        "bar-many",
        Kind::Bar,
        &[
            ("customer", NAME, names),
            ("revenue", NUMBER, texts((0..1000).map(|index| 1e6 / f64::from(index + 10)))),
        ],
        json!({}),
    );

    assert!(picture.said().contains("Only the first 200 of 1000 names"), "{}", picture.said());
}

#[test]
fn bars_on_a_log_scale() {
    drawn(
        "bar-log",
        Kind::Bar,
        &[
            ("size", NAME, texts(["tiny", "small", "medium", "large", "huge", "none"])),
            ("count", WHOLE, texts([3, 47, 1200, 56_000, 7_800_000, 0])),
        ],
        json!({"y_scale": "log"}),
    );
}

#[test]
fn names_in_many_scripts() {
    let names = ["Zürich", "Αθήνα", "Москва", "القاهرة", "תל אביב", "東京", "São Paulo", "Kraków"];

    let picture = drawn(
        "bar-unicode",
        Kind::Bar,
        &[
            ("city", NAME, texts(names)),
            ("people", NUMBER, texts([0.43, 0.66, 13.1, 10.2, 0.46, 14.0, 12.3, 0.8])),
        ],
        json!({"title": "Städte — Πόλεις — Города"}),
    );

    assert!(picture.said().contains("lacks 2 letters (京東)"), "{}", picture.said());
}

#[test]
fn a_line_in_time() {
    let sales = noise(366, 1).into_iter().enumerate().map(|(day, number)| {
        let day = day as f64;
        2000.0 + day * 4.0 + 400.0 * (day / 58.0).sin() + 500.0 * number
    });

    drawn(
        "line-time",
        Kind::Line,
        &[("day", DATE, days(366)), ("sales", NUMBER, texts(sales))],
        json!({"title": "Daily sales"}),
    );
}

#[test]
fn a_line_with_gaps() {
    let values = (0..24).map(|hour| match hour {
        5..=7 | 15 | 17 => None,
        12 => Some("NaN".to_owned()),
        hour => Some((20.0 + 5.0 * (f64::from(hour) / 4.0).sin()).to_string()),
    });
    let hours = texts((0..24).map(|hour| format!("2024-03-05 {hour:02}:00:00")));

    let picture = drawn(
        "line-gaps",
        Kind::Line,
        &[("time", TIMESTAMP, hours), ("temperature", NUMBER, values.collect())],
        json!({}),
    );

    assert!(
        picture.said().contains("5 values of temperature, NULL; 1 value of temperature, NaN or infinite"),
        "{}",
        picture.said()
    );
    assert!(picture.svg().matches("<polyline").count() >= 4, "the line is in pieces");
}

#[test]
fn lines_of_several_series_below_and_above_zero() {
    let months = texts((0..12).flat_map(|month| vec![format!("2024-{:02}-01", month + 1); 4]));
    let sites =
        texts((0..48).map(|index| ["Spitsbergen weather station", "Berlin", "Nairobi", "Perth"][index % 4]));
    let degrees = texts((0..48).map(|index| {
        let (month, site) = (f64::from(index / 4), index % 4);
        let (mean, swing) = [(-6.0, -10.0), (10.0, -10.0), (19.0, 2.0), (19.0, 6.0)][site as usize];
        mean + swing * (month / 12.0 * std::f64::consts::TAU).cos()
    }));

    let picture = drawn(
        "line-series",
        Kind::Line,
        &[("month", DATE, months), ("site", NAME, sites), ("degrees", NUMBER, degrees)],
        json!({"title": "Mean temperature", "labels": false}),
    );

    assert!(picture.svg().contains("Spitsbergen weather station"));
}

#[test]
fn a_line_of_ten_thousand_points() {
    let mut sum = 0.0;
    let walk: Vec<f64> = noise(10_000, 9)
        .into_iter()
        .map(|number| {
            sum += number - 0.5;
            sum
        })
        .collect();

    let picture = drawn(
        "line-10000",
        Kind::Line,
        &[("n", WHOLE, texts(0..10_000)), ("walk", NUMBER, texts(walk))],
        json!({}),
    );

    assert!(picture.svg().len() < 150_000, "{}", picture.svg().len());
}

#[test]
fn a_line_in_seconds_that_is_cut() {
    let times = texts(
        (0..300)
            .map(|tenth| format!("2024-03-05 23:59:{:02}.{}", tenth / 10 + 40 - tenth / 200 * 20, tenth % 10))
            .take(200),
    );
    let values = texts((0..200).map(|index| 1.0 / f64::from((index - 100_i32).abs() + 1)));

    drawn(
        "line-seconds-cut",
        Kind::Line,
        &[("at", TIMESTAMP, times), ("value", NUMBER, values)],
        json!({"y_range": [0, 0.3]}),
    );
}

#[test]
fn lines_on_a_log_scale() {
    let x = texts(0..60);
    let y = texts((0..60).map(|index| if index % 20 == 0 { 0.0 } else { 1.3_f64.powi(index) }));

    let picture =
        drawn("line-log", Kind::Line, &[("x", WHOLE, x), ("y", NUMBER, y)], json!({"y_scale": "log"}));

    assert!(picture.said().contains("3 values of 0 or less"), "{}", picture.said());
}

#[test]
fn a_line_over_names_and_many_series() {
    let mut name = Vec::new();
    let mut series = Vec::new();
    for weekday in ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] {
        for index in 0..15 {
            name.push(weekday);
            series.push(format!("Series with the number {index}"));
        }
    }
    let values =
        texts(noise(105, 11).into_iter().enumerate().map(|(index, number)| number + (index % 15) as f64));

    let picture = drawn(
        "line-many-series",
        Kind::Line,
        &[("weekday", NAME, texts(name)), ("who", NAME, texts(series)), ("value", NUMBER, values)],
        json!({"title": "A title that is so long that it does not fit in one line of the picture and has to be broken, maybe even be cut somewhere in the second line, since there are no more than two of them"}),
    );

    assert!(picture.said().contains("3 of 15 series"), "{}", picture.said());
}

#[test]
fn one_point() {
    drawn("line-one", Kind::Line, &[("day", DATE, days(1)), ("value", NUMBER, texts([42.0]))], json!({}));
    drawn(
        "bar-one",
        Kind::Bar,
        &[("name", NAME, texts(["only"])), ("value", NUMBER, texts([42.0]))],
        json!({}),
    );
    drawn(
        "scatter-one",
        Kind::Scatter,
        &[("x", NUMBER, texts([3.0])), ("y", NUMBER, texts([-1e-9]))],
        json!({}),
    );
    drawn("histogram-one", Kind::Histogram, &[("x", NUMBER, texts([7.5]))], json!({}));
}

#[test]
fn equal_values() {
    let values = || texts([5.0; 30]);

    drawn("line-equal", Kind::Line, &[("day", DATE, days(30)), ("value", NUMBER, values())], json!({}));
    drawn("histogram-equal", Kind::Histogram, &[("value", NUMBER, values())], json!({}));
    drawn(
        "bar-zero",
        Kind::Bar,
        &[("name", NAME, texts(REGIONS)), ("value", NUMBER, texts([0.0; 5]))],
        json!({}),
    );
}

#[test]
fn scattered_points() {
    let x = noise(120, 2);
    let y: Vec<f64> = x.iter().zip(noise(120, 4)).map(|(x, noise)| 3.0 * x + noise - 1.5).collect();

    drawn(
        "scatter",
        Kind::Scatter,
        &[("x", NUMBER, texts(x)), ("y", NUMBER, texts(y))],
        json!({"title": "Something linear"}),
    );
}

#[test]
fn ten_thousand_scattered_points() {
    let (x, y) = (bell(10_000, 21), bell(10_000, 22));

    let picture =
        drawn("scatter-10000", Kind::Scatter, &[("x", NUMBER, texts(x)), ("y", NUMBER, texts(y))], json!({}));

    assert!(picture.png().unwrap().len() < 150_000, "{}", picture.png().unwrap().len());
}

#[test]
fn scattered_points_in_groups_with_labels() {
    let groups = ["setosa", "versicolor", "virginica"];
    let names = texts((0..60).map(|index| groups[index % 3]));
    let id = texts((0..60).map(|index| format!("specimen {index}")));
    let x =
        texts(noise(60, 31).into_iter().enumerate().map(|(index, number)| 4.5 + number + (index % 3) as f64));
    let y = texts(
        noise(60, 32).into_iter().enumerate().map(|(index, number)| 2.0 + number + 0.4 * (index % 3) as f64),
    );

    drawn(
        "scatter-groups",
        Kind::Scatter,
        &[("length", NUMBER, x), ("width", NUMBER, y), ("species", NAME, names), ("id", NAME, id)],
        json!({"labels": "id", "colors": {"setosa": "#d00"}}),
    );
}

#[test]
fn a_histogram_has_round_bins() {
    let values = bell(5000, 41).into_iter().map(|number| 170.0 + 9.0 * number);

    let picture =
        drawn("histogram", Kind::Histogram, &[("height", NUMBER, texts(values))], json!({"title": "Height"}));

    assert!(picture.said().contains("5000 values in"), "{}", picture.said());
}

#[test]
fn histograms_of_groups_whole_numbers_and_time() {
    let groups = texts((0..4000).map(|index| ["a", "b"][index % 2]));
    let values = bell(4000, 43).into_iter().enumerate().map(|(index, number)| number + (index % 2) as f64);
    drawn(
        "histogram-groups",
        Kind::Histogram,
        &[("value", NUMBER, texts(values)), ("group", NAME, groups)],
        json!({"bins": 40, "series": "group"}),
    );
    let dice = noise(1000, 44).into_iter().map(|number| (number * 6.0) as u32 + 1);
    drawn("histogram-whole", Kind::Histogram, &[("dice", WHOLE, texts(dice))], json!({"labels": true}));
    let all = days(366);
    let some = noise(3000, 45).into_iter().map(|number| all[(number * number * 366.0) as usize].clone());
    drawn("histogram-time", Kind::Histogram, &[("day", DATE, some.collect())], json!({}));
}

#[test]
fn small_and_large_pictures() {
    let columns = quarters();

    drawn("size-small", Kind::Bar, &columns, json!({"width": 320, "height": 240, "title": "Revenue"}));
    drawn("size-large", Kind::Bar, &columns, json!({"width": 2400, "height": 1500, "title": "Revenue"}));
    drawn(
        "size-wide",
        Kind::Line,
        &[("day", DATE, days(90)), ("y", NUMBER, texts(noise(90, 51)))],
        json!({"width": 1600, "height": 300}),
    );
}

#[test]
fn numbers_beyond_all_measure() {
    let x = texts([1e-9, 2e-9, 5e-9]);

    drawn(
        "extreme-large",
        Kind::Line,
        &[("x", NUMBER, x.clone()), ("y", NUMBER, texts([1e300, -1e300, 5e299]))],
        json!({}),
    );
    drawn(
        "extreme-close",
        Kind::Line,
        &[("x", NUMBER, x), ("y", NUMBER, texts([1e17, 1e17 + 16.0, 1e17 + 64.0]))],
        json!({}),
    );
}

#[test]
fn what_cannot_be_drawn_is_refused_with_advice() {
    let none: Vec<Option<String>> = Vec::new();
    let names = || ("name", NAME, texts(["a", "a"]));
    let failure =
        |kind, columns: &[Given], options| try_draw(kind, columns, options).unwrap_err().to_string();

    let empty = failure(Kind::Line, &[("x", NUMBER, none.clone()), ("y", NUMBER, none)], json!({}));
    let nulls = failure(Kind::Line, &[names(), ("y", NUMBER, vec![None, None])], json!({}));
    let repeated = failure(Kind::Bar, &[names(), ("y", NUMBER, texts([1, 2]))], json!({}));
    let negative = failure(Kind::Line, &[names(), ("y", NUMBER, texts([-1, -2]))], json!({"y_scale": "log"}));

    assert!(empty.contains("no rows"), "{empty}");
    assert!(nulls.contains("2 values of y, NULL"), "{nulls}");
    assert!(repeated.contains("sum(y)") && repeated.contains("name = a"), "{repeated}");
    assert!(negative.contains("log scale"), "{negative}");
}
