//! How `hyperwire mcp` is started.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Serve SQL to language models over the Model Context Protocol, on standard input and output until the input ends, or over
/// HTTP.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct McpArguments {
    #[command(subcommand)]
    pub(crate) command: Option<McpCommand>,
    /// Serve streamable HTTP here instead, for as many clients as come, until stopped. Clients show a token, which is
    /// printed at the start and kept in the state folder; HYPERWIRE_MCP_TOKEN sets another.
    #[arg(long, value_name = "127.0.0.1:PORT", value_parser = loopback)]
    pub(crate) http: Option<SocketAddr>,
    /// Serve HTTP without a token. Every program on this machine, of every user, can then read and write your files and
    /// databases through this server.
    #[arg(long, requires = "http")]
    pub(crate) no_token: bool,
    /// Tools that change nothing, and no others; hyperd decides what changes something.
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Read and write files only in this folder; may be given several times.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) allow_dir: Vec<PathBuf>,
    /// Let `execute` read and write files of other machines: S3, Azure, Google Cloud Storage.
    #[arg(long)]
    pub(crate) allow_network: bool,
    /// The database that is kept; HYPERDB_PERSISTENT_DB says the same.
    #[arg(long, value_name = "FILE.hyper", conflicts_with = "ephemeral_only")]
    pub(crate) persistent_db: Option<PathBuf>,
    /// No database that is kept.
    #[arg(long)]
    pub(crate) ephemeral_only: bool,
    /// A hyperd for this server alone, instead of sharing one with your other programs.
    #[arg(long, visible_alias = "no-daemon")]
    pub(crate) private: bool,
    /// A call that takes longer goes on as a job.
    #[arg(long, value_name = "SECONDS", default_value_t = 45.0, value_parser = seconds)]
    pub(crate) soft_deadline: f64,
    /// More tools: memory keeps keys and values, watch loads what appears in a folder, catalog saves queries and notes.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) toolsets: Vec<Toolset>,
    /// Where a read-only server may export results to.
    #[arg(long, value_name = "FOLDER", requires = "read_only")]
    pub(crate) export_dir: Option<PathBuf>,
    /// How large this server's temporary files may be together, and one compressed file when it is expanded.
    #[arg(long, value_name = "MIB", default_value_t = 10 * 1024, value_parser = clap::value_parser!(u64).range(1..1 << 30))]
    pub(crate) scratch_limit: u64,
    /// What answers consist of: clients differ in what they show to the model.
    #[arg(long, value_enum, default_value_t = ContentKind::Both)]
    pub(crate) content: ContentKind,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum McpCommand {
    /// Print what makes a client start this server, and where to put it.
    Config {
        #[arg(value_enum)]
        client: McpClient,
        /// Arguments of the server, after `--`: `hyperwire mcp config cursor -- --read-only`. With `--http PORT` among them,
        /// the configuration is one for a server that runs, with its token.
        #[arg(last = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
}

/// Programs that start MCP servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum McpClient {
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    /// Visual Studio Code with GitHub Copilot.
    #[value(name = "vscode")]
    VsCode,
    Codex,
    GeminiCli,
    Windsurf,
    Zed,
}

/// What a tool's answer consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ContentKind {
    /// JSON as text.
    Text,
    /// JSON as MCP's structured content.
    Structured,
    /// Both: the same, twice.
    Both,
}

/// Tools that not everybody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Toolset {
    /// Keys and values.
    Memory,
    /// Folders whose new files are loaded.
    Watch,
    /// Saved queries and notes on tables.
    Catalog,
}

/// An address that only programs on this machine reach; a port alone is one of 127.0.0.1.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = match (text.parse::<u16>(), text.strip_prefix("localhost:")) {
        (Ok(port), _) => Some(SocketAddr::from(([127, 0, 0, 1], port))),
        (_, Some(port)) => port.parse().ok().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port))),
        (Err(_), None) => text.parse().ok(),
    };
    match address {
        Some(address) if address.ip().is_loopback() => Ok(address),
        Some(address) => Err(format!(
            "{} is no loopback address: whoever reaches it could read and write your files. To serve another machine, \
             forward a loopback port with ssh",
            address.ip()
        )),
        None => Err("not an address and a port, such as 127.0.0.1:7480".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("not a number of seconds between 0.01 and 86400".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Arguments, Command};
    use crate::exit::Exit;

    fn parse(arguments: &[&str]) -> Result<McpArguments, clap::Error> {
        let parsed = Arguments::try_parse_from([&["hyperwire", "mcp"], arguments].concat())?;
        let Command::Mcp(mcp) = parsed.command else { panic!("not mcp") };
        Ok(mcp)
    }

    #[test]
    fn contradictions_are_refused() {
        for arguments in [
            &["--http", "0.0.0.0:7480"][..],
            &["--http", "192.168.0.1:7480"],
            &["--http", "7480", "config", "cursor"],
            &["--no-token"],
            &["--persistent-db", "a.hyper", "--ephemeral-only"],
            &["config", "emacs"],
        ] {
            let refused = parse(arguments).expect_err("contradictory");
            assert_eq!(refused.exit_code(), Exit::Usage as i32, "{arguments:?}");
        }
    }

    #[test]
    fn http_is_served_on_loopback_however_it_is_written() {
        for (written, meant) in [
            ("7480", "127.0.0.1:7480"),
            ("localhost:7480", "127.0.0.1:7480"),
            ("127.0.0.2:0", "127.0.0.2:0"),
            ("[::1]:7480", "[::1]:7480"),
        ] {
            assert_eq!(parse(&["--http", written]).unwrap().http, Some(meant.parse().unwrap()), "{written}");
        }
    }
}
