//! What a row costs: takes apart a number of rows of (integer, integer, double precision, bigint) and adds them up.
//!
//! Counting instructions instead of time gives the same figure on every machine of a kind: 160 on x86-64, of which about
//! 25 are this loop's own. The difference between two runs is
//! the cost of the rows alone:
//!
//! ```text
//! cargo build --release -p hyperwire-core --example row_cost
//! for rows in 100000 200000; do valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//!     target/release/examples/row_cost $rows; done
//! ```

use std::hint::black_box;

use hyperwire_core::row::{Column, Columns, DecodeError, Encoding, Row, Type};
use hyperwire_core::wire::{DataRow, Format};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: u64 = std::env::args().nth(1).ok_or("usage: row_cost <number of rows>")?.parse()?;
    let columns: Columns = [Type::Integer, Type::Integer, Type::Double, Type::BigInt]
        .into_iter()
        .map(|ty| Column::new("c", Encoding::new(ty, Format::HyperBinary)))
        .collect();
    let (a, b, c, d) = (1_i32.to_le_bytes(), 2_i32.to_le_bytes(), 3_f64.to_le_bytes(), 4_i64.to_le_bytes());
    let mut body = Vec::new();
    DataRow::write_fields(&[Some(&a), Some(&b), Some(&c), Some(&d)], &mut body);

    let sum = scan(rows, &columns, &body)?;

    if sum != 10.0 * rows as f64 {
        return Err(format!("{rows} rows added up to {sum}").into());
    }
    Ok(())
}

#[inline(never)]
fn scan(rows: u64, columns: &Columns, body: &[u8]) -> Result<f64, Box<dyn std::error::Error>> {
    let mut spans = Vec::new();
    let mut sum = 0.0;
    for _ in 0..rows {
        // What the compiler cannot see through: it must read every row anew.
        let row = Row::decode(columns, black_box(body), &mut spans)?;
        sum += add_up(row)?;
    }
    Ok(sum)
}

fn add_up(row: Row<'_>) -> Result<f64, DecodeError> {
    let (a, b): (i32, i32) = (row.get(0)?, row.get(1)?);
    let (c, d): (f64, i64) = (row.get(2)?, row.get(3)?);
    Ok(f64::from(a) + f64::from(b) + c + d as f64)
}
