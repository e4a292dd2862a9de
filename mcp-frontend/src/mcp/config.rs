//! What makes a client start this server.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use serde_json::{Value, json};

use super::complain;
use super::http::{PATH, Token};
use crate::args::mcp::McpClient;
use crate::args::{Arguments, Command};
use crate::exit::Exit;

/// What the server is called in a client.
const NAME: &str = "hyper";
/// What says where things are. Clients with windows do not get it from the shell in which it was set.
const ENVIRONMENT: [&str; 6] = [
    "HYPERD_PATH",
    "HYPERWIRE_CACHE_DIR",
    "HYPERDB_STATE_DIR",
    "HYPERDB_DAEMON_PORT",
    "HYPERDB_DAEMON_IDLE_TIMEOUT",
    "HYPERDB_PERSISTENT_DB",
];

/// Prints the configuration to standard output, and to standard error where it goes.
pub(super) fn run(client: McpClient, arguments: &[String]) -> Exit {
    if arguments.iter().any(|argument| argument == "--http" || argument.starts_with("--http=")) {
        return match served(arguments).and_then(|served| Ok((served.for_client(client)?, served))) {
            Ok((printed, served)) => print(&format!("{} {}", place(client, true), served.note), &printed),
            Err(why) => complain(&why, Exit::Usage),
        };
    }
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            return complain(&format!("where this program is cannot be told: {error}"), Exit::Output);
        }
    };
    let started = Started {
        program,
        arguments: [&["mcp".to_owned()], arguments].concat(),
        environment: ENVIRONMENT
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?)))
            .collect(),
    };
    print(&place(client, false), &started.for_client(client))
}

fn print(place: &str, configuration: &str) -> Exit {
    let _ = writeln!(anstream::stderr(), "{place}");
    match writeln!(io::stdout(), "{configuration}") {
        Ok(()) => Exit::Success,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::BrokenPipe,
        Err(_) => Exit::Output,
    }
}

/// The server that runs with these arguments.
fn served(arguments: &[String]) -> Result<Served, String> {
    let words = ["hyperwire", "mcp"].into_iter().chain(arguments.iter().map(String::as_str));
    let parsed = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
    let Command::Mcp(mcp) = parsed.command else { return Err("these are no arguments of `mcp`".to_owned()) };
    let address = mcp.http.ok_or("--http lacks its port")?;
    if address.port() == 0 {
        return Err("--http 0 takes another port each time. Next: name one, such as --http 7480".to_owned());
    }
    let token = if mcp.no_token { None } else { Some(Token::of_this_process()?) };
    let line: String = arguments.iter().map(|argument| format!(" {}", shell(argument))).collect();
    Ok(Served {
        url: format!("http://{address}{PATH}"),
        authorization: token.map(|token| token.header()),
        note: format!("The server has to run: hyperwire mcp{line}"),
    })
}

/// A server that runs already.
struct Served {
    url: String,
    authorization: Option<String>,
    note: String,
}

impl Served {
    fn for_client(&self, client: McpClient) -> Result<String, String> {
        Ok(match client {
            McpClient::ClaudeCode => pretty(&json!({"mcpServers": {NAME: self.json("url", Some("http"))}})),
            McpClient::VsCode => pretty(&json!({"servers": {NAME: self.json("url", Some("http"))}})),
            McpClient::Cursor => pretty(&json!({"mcpServers": {NAME: self.json("url", None)}})),
            McpClient::GeminiCli => pretty(&json!({"mcpServers": {NAME: self.json("httpUrl", None)}})),
            McpClient::Windsurf => pretty(&json!({"mcpServers": {NAME: self.json("serverUrl", None)}})),
            McpClient::Zed => pretty(&json!({"context_servers": {NAME: self.json("url", None)}})),
            McpClient::Codex => self.toml(),
            McpClient::ClaudeDesktop => {
                return Err(
                    "Claude Desktop's configuration has servers that it starts itself, and none over HTTP. \
                            Next: leave out --http"
                        .to_owned(),
                );
            }
        })
    }

    fn json(&self, url: &str, kind: Option<&str>) -> Value {
        let mut server = json!({url: self.url});
        if let Some(kind) = kind {
            server["type"] = kind.into();
        }
        if let Some(authorization) = &self.authorization {
            server["headers"] = json!({"Authorization": authorization});
        }
        server
    }

    fn toml(&self) -> String {
        let mut toml = format!("[mcp_servers.{NAME}]\nurl = {}", basic(&self.url));
        if let Some(authorization) = &self.authorization {
            toml.push_str(&format!("\nhttp_headers = {{ \"Authorization\" = {} }}", basic(authorization)));
        }
        toml
    }
}

/// How the server is started.
struct Started {
    program: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

impl Started {
    fn for_client(&self, client: McpClient) -> String {
        match client {
            McpClient::ClaudeCode => self.claude_command(),
            McpClient::Codex => self.toml(),
            McpClient::VsCode => pretty(&json!({"servers": {NAME: self.json()}})),
            McpClient::Zed => pretty(&json!({"context_servers": {NAME: self.json()}})),
            McpClient::ClaudeDesktop | McpClient::Cursor | McpClient::GeminiCli | McpClient::Windsurf => {
                pretty(&json!({"mcpServers": {NAME: self.json()}}))
            }
        }
    }

    fn json(&self) -> Value {
        let mut server = json!({"command": self.program(), "args": self.arguments});
        if !self.environment.is_empty() {
            server["env"] = json!(self.environment);
        }
        server
    }

    fn claude_command(&self) -> String {
        let environment = self
            .environment
            .iter()
            .map(|(name, value)| format!(" --env {}", shell(&format!("{name}={value}"))));
        let arguments = self.arguments.iter().map(|argument| format!(" {}", shell(argument)));
        format!(
            "claude mcp add --scope user {NAME}{} -- {}{}",
            environment.collect::<String>(),
            shell(&self.program()),
            arguments.collect::<String>()
        )
    }

    fn toml(&self) -> String {
        let mut toml = format!(
            "[mcp_servers.{NAME}]\ncommand = {}\nargs = [{}]",
            basic(&self.program()),
            self.arguments.iter().map(|argument| basic(argument)).collect::<Vec<_>>().join(", ")
        );
        if !self.environment.is_empty() {
            toml.push_str(&format!("\n\n[mcp_servers.{NAME}.env]"));
            for (name, value) in &self.environment {
                toml.push_str(&format!("\n{name} = {}", basic(value)));
            }
        }
        toml
    }

    fn program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

/// Where the configuration goes on this platform.
fn place(client: McpClient, over_http: bool) -> String {
    let home = dirs::home_dir().unwrap_or_else(|| PathBuf::from("~"));
    let config = dirs::config_dir().unwrap_or_else(|| home.join(".config"));
    let into =
        |what: &str, path: &Path| format!("# {what} Merge this into {}, then restart it:", path.display());
    match client {
        McpClient::ClaudeCode if over_http => into("Claude Code.", &home.join(".claude.json")),
        McpClient::ClaudeCode => "# Claude Code. Run this, for all your projects (--scope project: for this folder and whoever shares it):".to_owned(),
        McpClient::ClaudeDesktop => into("Claude Desktop.", &config.join("Claude").join("claude_desktop_config.json")),
        McpClient::Cursor => into("Cursor.", &home.join(".cursor").join("mcp.json")),
        McpClient::VsCode => into(
            "Visual Studio Code (or .vscode/mcp.json, for one folder).",
            &config.join("Code").join("User").join("mcp.json"),
        ),
        McpClient::Codex => into("Codex.", &home.join(".codex").join("config.toml")),
        McpClient::GeminiCli => into("Gemini CLI.", &home.join(".gemini").join("settings.json")),
        McpClient::Windsurf => into("Windsurf.", &home.join(".codeium").join("windsurf").join("mcp_config.json")),
        McpClient::Zed if cfg!(windows) => into("Zed.", &config.join("Zed").join("settings.json")),
        McpClient::Zed => into("Zed.", &home.join(".config").join("zed").join("settings.json")),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// A basic string of TOML, which takes all escapes that JSON has.
fn basic(text: &str) -> String {
    Value::from(text).to_string()
}

/// A word of a shell's command line.
fn shell(word: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+".contains(c) || (cfg!(windows) && c == '\\');
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else if cfg!(windows) {
        format!("\"{word}\"")
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> Started {
        Started {
            program: PathBuf::from("/opt/my tools/hyperwire"),
            arguments: ["mcp", "--allow-dir", "/it's"].map(str::to_owned).into(),
            environment: BTreeMap::from([("HYPERD_PATH".to_owned(), "/opt/hyperd".to_owned())]),
        }
    }

    #[test]
    fn json_names_program_arguments_and_environment() {
        let written: Value = serde_json::from_str(&started().for_client(McpClient::VsCode)).unwrap();

        assert_eq!(
            written["servers"]["hyper"],
            json!({
                "command": "/opt/my tools/hyperwire",
                "args": ["mcp", "--allow-dir", "/it's"],
                "env": {"HYPERD_PATH": "/opt/hyperd"}
            })
        );
    }

    #[test]
    fn a_server_that_runs_is_named_with_its_token() {
        let served = Served {
            url: "http://127.0.0.1:7480/mcp".to_owned(),
            authorization: Some("Bearer secret".to_owned()),
            note: String::new(),
        };
        let json = |client| serde_json::from_str::<Value>(&served.for_client(client).unwrap()).unwrap();

        let headers = json!({"Authorization": "Bearer secret"});
        let url = "http://127.0.0.1:7480/mcp";
        assert_eq!(json(McpClient::Cursor)["mcpServers"]["hyper"], json!({"url": url, "headers": headers}));
        assert_eq!(
            json(McpClient::ClaudeCode)["mcpServers"]["hyper"],
            json!({"type": "http", "url": url, "headers": headers})
        );
        assert_eq!(
            json(McpClient::GeminiCli)["mcpServers"]["hyper"],
            json!({"httpUrl": url, "headers": headers})
        );
        assert_eq!(
            served.for_client(McpClient::Codex).unwrap(),
            "[mcp_servers.hyper]\nurl = \"http://127.0.0.1:7480/mcp\"\nhttp_headers = { \"Authorization\" = \"Bearer secret\" }"
        );
        assert!(served.for_client(McpClient::ClaudeDesktop).unwrap_err().contains("leave out --http"));
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_takes_the_command_as_it_is_meant() {
        assert_eq!(
            started().for_client(McpClient::ClaudeCode),
            r"claude mcp add --scope user hyper --env HYPERD_PATH=/opt/hyperd -- '/opt/my tools/hyperwire' mcp --allow-dir '/it'\''s'"
        );
    }

    #[test]
    fn toml_is_what_codex_reads() {
        assert_eq!(
            started().for_client(McpClient::Codex),
            "[mcp_servers.hyper]\ncommand = \"/opt/my tools/hyperwire\"\nargs = [\"mcp\", \"--allow-dir\", \"/it's\"]\n\n\
             [mcp_servers.hyper.env]\nHYPERD_PATH = \"/opt/hyperd\""
        );
    }
}
