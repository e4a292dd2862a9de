//! Results far larger than what the process may hold, read from the real hyperd. One test alone in its program: it
//! measures the memory of the whole process.
#![cfg(target_os = "linux")]

use std::fs;
use std::thread;
use std::time::Duration;

use hyperwire_blocking::Client;
use hyperwire_tests::real_hyperd::RealHyperd;

const ROWS: i64 = 10_000_000;
/// What reading may add to the process at its peak, in bytes: one 256 KiB buffer is what it should take.
const MAX_GROWTH: u64 = 16 << 20;

#[test]
fn ten_million_rows_are_read_whole_in_constant_memory_fast_and_slowly() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();
    // The first query of a process loads what every later one uses.
    read(&mut client, 1000, |_| {});
    let before = peak_memory();

    read(&mut client, ROWS, |_| {});
    let fast = peak_memory() - before;
    // A reader that pauses: hyperd has to wait for it.
    read(&mut client, ROWS, |row| {
        if row % 500_000 == 0 {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let slow = peak_memory() - before;

    assert!(fast <= MAX_GROWTH, "reading added {fast} bytes at its peak");
    assert!(slow <= MAX_GROWTH, "reading slowly added {slow} bytes at its peak");
}

/// Reads that many rows of four columns and checks that each came once.
fn read(client: &mut Client, rows: i64, mut each: impl FnMut(i64)) {
    let sql = format!(
        "SELECT i, i::bigint * i, i::double precision / 4, 'row ' || (i % 1000)::text \
         FROM generate_series(1, {rows}) AS s(i)"
    );
    let mut result = client.query(&sql).unwrap();
    let (mut count, mut sum, mut squares, mut quarters, mut length) = (0, 0_i64, 0_u64, 0.0_f64, 0_usize);
    while let Some(row) = result.next().unwrap() {
        count += 1;
        sum += row.get::<i64>(0).unwrap();
        squares = squares.wrapping_add(row.get::<i64>(1).unwrap().unsigned_abs());
        quarters += row.get::<f64>(2).unwrap();
        length += row.get::<&str>(3).unwrap().len();
        each(count);
    }

    let expected_sum = rows * (rows + 1) / 2;
    let expected_squares = (1..=rows.unsigned_abs()).fold(0_u64, |sum, i| sum.wrapping_add(i * i));
    let digits = (0..1000).map(|i: i32| i.to_string().len()).sum::<usize>();
    assert_eq!((count, sum), (rows, expected_sum));
    assert_eq!(squares, expected_squares);
    // Quarters of whole numbers below 2^53 add up exactly.
    assert!((quarters * 4.0 - expected_sum as f64).abs() < 1.0, "{quarters}");
    assert_eq!(length, usize::try_from(rows).unwrap() * 4 + usize::try_from(rows / 1000).unwrap() * digits);
    assert_eq!(result.finish().unwrap().unwrap().rows(), Some(rows.unsigned_abs()));
}

/// The most memory that this process has had so far, in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
