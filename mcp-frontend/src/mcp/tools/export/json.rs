//! JSON, which hyperd does not write: row by row, so that memory stays flat.

use hyperwire_tokio::hyperwire_core::row::Value;

use super::part::Part;
use crate::mcp::call::Call;
use crate::mcp::engine::Lease;
use crate::mcp::failure::Failure;
use crate::mcp::read_only;
use crate::sql::format::ColumnHead;
use crate::sql::format::json::Objects;

/// Bytes that are written at a time.
const CHUNK: usize = 256 << 10;

/// Writes the rows of a query as objects, one a line; as one array, if that is `framed`. How many there were.
pub(super) async fn write(
    lease: &mut Lease,
    sql: &str,
    part: &Part,
    framed: bool,
    call: &Call,
) -> Result<u64, Failure> {
    let explain = |error| Failure::of_statement(&error, sql);
    let mut rows = read_only::query(lease, sql, &[]).await?;
    let columns = rows.columns().ok_or_else(|| Failure::new("The statement returns no rows to export."))?;
    let heads: Vec<_> = columns
        .iter()
        .map(|column| ColumnHead { name: column.name(), type_oid: column.type_oid() })
        .collect();
    let objects = Objects::new(&heads);
    let mut chunk = Vec::with_capacity(CHUNK);
    let (mut count, mut written) = (0_u64, 0_u64);
    while let Some(row) = rows.next().await.map_err(explain)? {
        match (framed, count) {
            (false, _) => {}
            (true, 0) => chunk.extend_from_slice(b"[\n"),
            (true, _) => chunk.extend_from_slice(b",\n"),
        }
        let fields = row.iter().map(|value| text(&value)).collect::<Result<Vec<_>, _>>()?;
        objects.put(fields.iter().copied(), &mut chunk);
        if !framed {
            chunk.push(b'\n');
        }
        count += 1;
        if chunk.len() >= CHUNK {
            written += chunk.len() as u64;
            chunk = part.append(chunk).await?;
            call.progress.set_rows(count);
            call.progress.set_bytes(written, 0);
        }
    }
    if framed {
        chunk.extend_from_slice(if count == 0 { b"[]\n" } else { b"\n]\n" });
    }
    part.append(chunk).await?;
    Ok(count)
}

fn text<'a>(value: &Value<'a>) -> Result<Option<&'a str>, Failure> {
    value.bytes().map(str::from_utf8).transpose().map_err(|_| {
        Failure::new(format!(
            "Column \"{}\" has a text that is not UTF-8. Next: leave it out of the query.",
            value.column().name()
        ))
    })
}
