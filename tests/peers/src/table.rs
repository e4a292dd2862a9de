//! The tables, and the checksum that shows that every contender read the same values.

use clap::ValueEnum;

/// A table of the bench. Its contents follow from its kind and number of rows alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Table {
    /// Four fixed-size columns, NOT NULL: 24 bytes a row.
    Narrow,
    /// Eight columns of as many types, 10 % NULL each.
    Mixed,
    /// For point queries: `id` from 1 to the number of rows, and a `value`.
    Points,
}

impl Table {
    /// The table's name; the size is part of it, so that several sizes fit into one database.
    pub(crate) fn name(self, rows: u64) -> String {
        let kind = match self {
            Self::Narrow => "narrow",
            Self::Mixed => "mixed",
            Self::Points => "points",
        };
        format!("{kind}_{rows}")
    }

    /// The statements that create and fill the table.
    pub(crate) fn create(self, rows: u64) -> [String; 2] {
        let name = self.name(rows);
        let (columns, values) = match self {
            Self::Narrow => (
                "id INTEGER NOT NULL, sensor_id INTEGER NOT NULL, value DOUBLE PRECISION NOT NULL, \
                 ts BIGINT NOT NULL"
                    .to_owned(),
                "CAST(i AS INTEGER), CAST(i % 1000 AS INTEGER), CAST(i AS DOUBLE PRECISION) * 0.25, \
                 1700000000000000 + i * 1000"
                    .to_owned(),
            ),
            Self::Mixed => mixed_columns(),
            Self::Points => (
                "id INTEGER NOT NULL, value DOUBLE PRECISION NOT NULL".to_owned(),
                "CAST(i AS INTEGER), CAST(i AS DOUBLE PRECISION) * 0.5".to_owned(),
            ),
        };
        [
            format!("CREATE TABLE {name} ({columns})"),
            // A series of BIGINT, because the values multiply `i`.
            format!(
                "INSERT INTO {name} SELECT {values} \
                 FROM generate_series(CAST(1 AS BIGINT), CAST({rows} AS BIGINT)) AS s(i)"
            ),
        ]
    }
}

fn mixed_columns() -> (String, String) {
    // Name and type; value; a prime of its own, so that the NULLs of the columns do not fall together.
    let columns = [
        ("id INTEGER", "CAST(i AS INTEGER)", 7907),
        ("big BIGINT", "CAST(i AS BIGINT) * 4294967311", 7919),
        ("ratio DOUBLE PRECISION", "CAST(i AS DOUBLE PRECISION) / 7", 7927),
        ("amount NUMERIC(18,2)", "CAST(i AS NUMERIC(18,2)) - 500000.25", 7933),
        // 20 characters.
        ("label TEXT", "'label-' || CAST(10000000000000 + i AS TEXT)", 7937),
        ("day DATE", "DATE '1990-01-01' + CAST(i % 20000 AS INTEGER)", 7949),
        ("at TIMESTAMP", "TIMESTAMP '1999-01-01 00:00:00.123456' + i * INTERVAL '61 second'", 7951),
        ("flag BOOL", "i % 3 = 0", 7963),
    ];
    let declarations = columns.map(|(declaration, ..)| declaration).join(", ");
    // 101 of 1009: 10 %, without a pattern that a branch predictor could learn.
    let values = columns
        .map(|(_, value, prime)| format!("CASE WHEN i * {prime} % 1009 < 101 THEN NULL ELSE {value} END"));
    (declarations, values.join(", "))
}

/// What a scan adds up: one sum a column, so that the order of rows does not matter (hyperd scans in
/// parallel), but a value in the wrong column does.
#[derive(Default)]
pub(crate) struct Checksum {
    rows: u64,
    sums: [u64; 8],
}

impl Checksum {
    /// Adds one value of the zero-based `column`; `None` is NULL, which differs from every likely value.
    #[inline(always)]
    pub(crate) fn add<V: Value>(&mut self, column: usize, value: Option<V>) {
        const NULL: u64 = 0x9E37_79B9_7F4A_7C15;
        self.sums[column] = self.sums[column].wrapping_add(value.map_or(NULL, V::word));
    }

    /// Counts one row as read to its end.
    #[inline(always)]
    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The sums of all columns, folded into one number that depends on their order.
    pub(crate) fn digest(&self) -> u64 {
        self.sums.iter().fold(self.rows, |digest, sum| digest.wrapping_mul(0x0000_0100_0000_01B3) ^ sum)
    }
}

/// A value as one word to add.
///
/// The common ground of all contenders: numeric(18,2) is its unscaled `i64`, a date its days and a timestamp
/// its microseconds since 2000-01-01.
pub(crate) trait Value {
    fn word(self) -> u64;
}

impl Value for i32 {
    #[inline(always)]
    fn word(self) -> u64 {
        i64::from(self).cast_unsigned()
    }
}

impl Value for i64 {
    #[inline(always)]
    fn word(self) -> u64 {
        self.cast_unsigned()
    }
}

impl Value for bool {
    #[inline(always)]
    fn word(self) -> u64 {
        self.into()
    }
}

/// The bits, because a sum of floating-point numbers would depend on the order of rows.
impl Value for f64 {
    #[inline(always)]
    fn word(self) -> u64 {
        self.to_bits()
    }
}

/// Every byte counts: words of eight bytes, added, and the length.
impl Value for &str {
    #[inline(always)]
    fn word(self) -> u64 {
        let (words, rest) = self.as_bytes().as_chunks::<8>();
        let rest = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        words.iter().fold(rest + self.len() as u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: &[[Option<i32>; 2]]) -> u64 {
        let mut sum = Checksum::default();
        for row in rows {
            row.iter().enumerate().for_each(|(column, value)| sum.add(column, *value));
            sum.end_row();
        }
        sum.digest()
    }

    #[test]
    fn a_checksum_does_not_depend_on_the_order_of_rows() {
        let forth = digest(&[[Some(1), Some(-2)], [None, Some(4)]]);

        let back = digest(&[[None, Some(4)], [Some(1), Some(-2)]]);

        assert_eq!(forth, back);
    }

    #[test]
    fn a_checksum_notices_a_swapped_column_a_lost_null_and_a_lost_row() {
        let right = digest(&[[Some(1), Some(2)], [None, Some(0)]]);

        let wrong = [
            digest(&[[Some(2), Some(1)], [None, Some(0)]]),
            digest(&[[Some(1), Some(2)], [Some(0), Some(0)]]),
            digest(&[[Some(1), Some(2)], [Some(0), None]]),
            digest(&[[Some(1), Some(2)]]),
        ];

        assert!(!wrong.contains(&right), "{right} is among {wrong:?}");
    }

    #[test]
    fn every_byte_of_a_text_counts() {
        let text = "label-10000000000001";

        for at in 0..text.len() {
            let mut other = text.to_owned();
            other.replace_range(at..=at, "x");
            assert_ne!(text.word(), other.as_str().word(), "byte {at}");
        }
    }
}
