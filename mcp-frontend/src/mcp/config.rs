//! What makes a client start this server.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::complain;
use crate::args::mcp::McpClient;
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
    let _ = writeln!(anstream::stderr(), "{}", place(client));
    match writeln!(io::stdout(), "{}", started.for_client(client)) {
        Ok(()) => Exit::Success,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::BrokenPipe,
        Err(_) => Exit::Output,
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
fn place(client: McpClient) -> String {
    let home = dirs::home_dir().unwrap_or_else(|| PathBuf::from("~"));
    let config = dirs::config_dir().unwrap_or_else(|| home.join(".config"));
    let into =
        |what: &str, path: &Path| format!("# {what} Merge this into {}, then restart it:", path.display());
    match client {
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
