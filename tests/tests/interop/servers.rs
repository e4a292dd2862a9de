//! The MCP servers of both, on one hyperd and one database.

use hyperwire_tests::hyperdb_mcp::{Household, McpClient, Role};
use serde_json::json;

use crate::SOON;

#[test]
fn our_server_works_on_the_hyperd_of_its_daemon_and_both_see_one_database() {
    Household::run_or_skip(|household| {
        let (daemon, _) = household.start_their_daemon();
        let file = household.state_folder().with_file_name("shared.hyper");
        let file = file.to_str().expect("UTF-8");
        let start = |command| McpClient::start(command, SOON).unwrap_or_else(|error| panic!("{error}"));
        let mut ours = start(household.hyperwire(&["mcp", "--persistent-db", file]));
        let kept = "SELECT n FROM persistent.public.kept";

        let create = "CREATE TABLE persistent.public.kept AS SELECT 40 + 2 AS n";
        let _ = ours.tool("execute", &json!({ "sql": [create] })).unwrap_or_else(|error| panic!("{error}"));
        let mut theirs = start(household.hyperdb_mcp(&["--persistent-db", file]));

        assert_eq!(theirs.query(kept), Ok(json!([{ "n": 42 }])));
        let read = ours.tool("query", &json!({ "sql": kept })).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read["rows"], json!([[42]]), "{read}");
        let engines = household.processes_as(Role::Engine);
        assert_eq!(engines.len(), 1, "{engines:?}");
        assert_eq!((ours.close(), theirs.close()), (Ok(()), Ok(())));
        let _ = household.run_hyperdb_mcp(&["daemon", "stop"]).expect_code(0);
        let _ = daemon.finish(SOON).expect("a daemon ends that was told to").expect_code(0);
    });
}
