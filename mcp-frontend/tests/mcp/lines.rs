//! Every request is answered, whatever is wrong with its line.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

use crate::http::Http;
use crate::process::{memory, peak_memory};
use crate::server::{GENEROUS, command};
use crate::wire::Wire;

/// How long the server may be silent before what it owes counts as lost.
const SILENT: Duration = Duration::from_secs(3);

/// Messages with something wrong, and the ids that they are to be answered with.
fn wrong() -> Vec<(Vec<u8>, Vec<Value>)> {
    let deep = |open: &str, close: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":"deep{open}","method":"ping","params":{{"x":{}1{}}}}}"#,
            open.repeat(200),
            close.repeat(200)
        )
        .replace("deep[", "deep array")
        .replace("deep{\"a\":", "deep object")
    };
    let mut all: Vec<(Vec<u8>, Vec<Value>)> = [
        (r#"{"jsonrpc":"2.0","id":101,"method":"tools/call","params":{"name":"query","arguments":{"sql":"\ud83d"}}}"#, json!([101])),
        (r#"{"jsonrpc":"2.0","id":102,"method":"tools/call","params":{"name":"query","arguments":{"max_rows":1e999}}}"#, json!([102])),
        (r#"{"jsonrpc":"2.0","id":103,"method":"tools/list","params":[]}"#, json!([103])),
        (r#"{"jsonrpc":"2.0","id":104,"method":"tools/call","params":7}"#, json!([104])),
        (r#"{"id":105,"method":"ping"}"#, json!([105])),
        (r#"{"jsonrpc":"1.0","id":106,"method":"ping"}"#, json!([106])),
        (r#"{"jsonrpc":"2.0","id":107}"#, json!([107])),
        (r#"{"jsonrpc":"2.0","id":108,"method":5}"#, json!([108])),
        (r#"{"jsonrpc":"2.0","id":109,"method":"ping","method":"ping"}"#, json!([109])),
        (r#"{"jsonrpc":"2.0","id":110,"id":111,"method":"ping"}"#, json!([111])),
        (r#"{"jsonrpc":"2.0","id":112.5,"method":"ping"}"#, json!([112.5])),
        (r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"ping"}"#, json!([18_446_744_073_709_551_615_u64])),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, json!([null])),
        (r#"{"jsonrpc":"2.0","id":113,"method":"ping""#, json!([113])),
        (r#"{"jsonrpc":"2.0","id":114,"method":"ping"}}"#, json!([114])),
        (r#"{"jsonrpc":"2.0","id":115,"method":"ping","result":{}}"#, json!([115])),
        (r#"{"jsonrpc":"2.0","id":"\u0000\"116","method":"ping","params":false}"#, json!(["\u{0}\"116"])),
        (r#"{"jsonrpc":"2.0","id":117,"method":"tools/call","params":{"name":["query"]}}"#, json!([117])),
        (r#"{"jsonrpc":"2.0","id":118,"method":"tools/call"}"#, json!([118])),
        (r#"{"jsonrpc":"2.0","id":119,"method":"no/such/method"}"#, json!([119])),
        (r#"{"jsonrpc":"2.0","id":120,"method":"prompts/get","params":{"name":null}}"#, json!([120])),
        (r#"[{"jsonrpc":"2.0","id":121,"method":"ping"},{"jsonrpc":"2.0","id":"122","method":"ping"}]"#, json!([121, "122"])),
        (r#"{"jsonrpc":"2.0","id":123,"method":"tools/list","params":{"_meta":7}}"#, json!([123])),
    ]
    .into_iter()
    .map(|(line, ids)| (line.as_bytes().to_vec(), ids.as_array().expect("ids").clone()))
    .collect();
    all.push((deep("[", "]").into_bytes(), vec![json!("deep array")]));
    all.push((deep("{\"a\":", "}").into_bytes(), vec![json!("deep object")]));
    all.push((
        b"{\"jsonrpc\":\"2.0\",\"id\":\"latin1\",\"method\":\"ping\",\"params\":{\"x\":\"\xe9\"}}".to_vec(),
        vec![json!("latin1")],
    ));
    all.push((b"{\"jsonrpc\":\"2.0\",\"id\":\"nul\",\"method\":\"ping\0\"}".to_vec(), vec![json!("nul")]));
    all
}

/// Which of these ids have not been answered exactly once when the server falls silent.
fn unanswered(server: &mut Wire, expected: &[Value]) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut left = expected.len();
    while let Some(message) = server.next_within(if left > 0 { SILENT } else { Duration::from_millis(50) }) {
        if message.get("method").is_none() {
            *counts.entry(message["id"].to_string()).or_default() += 1;
            left = left.saturating_sub(1);
        }
    }
    expected
        .iter()
        .map(|id| (id.to_string(), counts.get(&id.to_string()).copied().unwrap_or(0)))
        .filter(|(_, count)| *count != 1)
        .collect()
}

#[test]
fn a_line_with_something_wrong_is_answered_with_its_id() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    let wrong = wrong();

    for (line, _) in &wrong {
        server.say_bytes(line);
        server.say_bytes(b"\n");
    }
    let expected: Vec<_> = wrong.into_iter().flat_map(|(_, ids)| ids).collect();
    let missing = unanswered(&mut server, &expected);

    assert_eq!(missing, [], "not answered exactly once");
    server.request("ping", json!({})).expect("the server is still there");
}

#[test]
fn what_is_wrong_is_said() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    let mut answer = |line: &str| {
        server.say_line(line);
        server.next_within(SILENT).unwrap_or_else(|| panic!("no answer to {line}"))["error"].clone()
    };

    for (line, code, reason) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\ud83d"}}"#, -32700, "not valid JSON"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32602, "`params` is not an object"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#, -32602, "tools/call"),
        (r#"{"id":1,"method":"ping"}"#, -32600, "`jsonrpc`"),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, "batch"),
    ] {
        let error = answer(line);
        assert_eq!(error["code"], json!(code), "{line}: {error}");
        assert!(error["message"].as_str().expect("a reason").contains(reason), "{line}: {error}");
    }
}

#[test]
fn notifications_responses_and_blank_lines_are_not_answered_and_ends_and_marks_of_lines_do_not_matter() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");

    for quiet in [
        "",
        "\r",
        "  \t ",
        r#"{"jsonrpc":"2.0","method":"notifications/unheard"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":[]}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\ud83d"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"x":1e999}}"#,
    ] {
        server.say_line(quiet);
    }
    server.say_bytes(b"\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"id\":\"marked\",\"method\":\"ping\"}\r\n");

    let first = server.next_within(SILENT).expect("an answer");
    assert_eq!(first["id"], json!("marked"), "{first}");
    assert_eq!(first["result"], json!({}));
    assert_eq!(server.next_within(Duration::from_millis(100)), None);
}

#[test]
fn what_comes_before_the_handshake_is_answered_too() {
    let mut server = Wire::start(&[]);

    server.say_line(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    server.say_line(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    server.say_line(r#"{"jsonrpc":"2.0","id":"early","method":"tools/list"}"#);
    server.say_line(r#"{"jsonrpc":"2.0","id":"wrong","method":"tools/list","params":[]}"#);
    let missing = unanswered(&mut server, &[json!("early"), json!("wrong")]);

    assert_eq!(missing, []);
    server.initialize("2025-11-25");
    server.request("ping", json!({})).expect("the server is still there");
}

#[test]
fn two_requests_with_one_id_are_both_answered() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");

    for _ in 0..2 {
        server.say_line(
            r#"{"jsonrpc":"2.0","id":"twin","method":"tools/call","params":{"name":"query","arguments":{"sql":"SELECT 1"}}}"#,
        );
    }
    let answers = [(); 2].map(|()| server.next_within(GENEROUS).expect("an answer"));

    assert!(answers.iter().all(|answer| answer["id"] == json!("twin")), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.get("result").is_some()).count(), 1, "{answers:?}");
}

#[test]
fn a_line_that_is_too_long_is_answered_in_flat_memory() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    server.request("ping", json!({})).expect("an answer");
    let before = peak_memory(server.pid());

    server.say_bytes(
        br#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"load","arguments":{"data":""#,
    );
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        server.say_bytes(&piece);
    }
    server.say_bytes(b"\"}},\"id\":\"long\"}\n");
    server.say_line(r#"{"jsonrpc":"2.0","id":"after","method":"ping"}"#);
    let answers = [(); 2].map(|()| server.next_within(GENEROUS).expect("an answer"));

    let long = answers.iter().find(|answer| answer["id"] == json!("long")).expect("it is answered");
    assert_eq!(long["error"]["code"], json!(-32600), "{long}");
    assert!(long["error"]["message"].as_str().expect("why").contains("longer than 16 MiB"), "{long}");
    assert!(answers.iter().any(|answer| answer["id"] == json!("after")));
    let grown = peak_memory(server.pid()) - before;
    println!("100 MiB in one line: {} KiB more", grown >> 10);
    assert!(grown < 48 << 20, "{grown} bytes for a line of 100 MiB");
}

/// Lines of which each has an id of its own, most of them broken in some way.
fn mutated(seed: u64, count: usize) -> Vec<(Vec<u8>, Value)> {
    let mut random = Random(seed);
    let arguments = [
        r#"{"name":"query","arguments":{"sql":"SELECT 1"}}"#,
        r#"{"name":"inspect","arguments":{"target":"hyper://sql"}}"#,
        r#"{"name":"job","arguments":{}}"#,
        r#"{"uri":"hyper://sql"}"#,
        r#"{"_meta":{"progressToken":1}}"#,
        r#"{"cursor":"é\n"}"#,
        "{}",
    ];
    let methods = ["ping", "tools/call", "tools/list", "resources/read", "prompts/get", "no/such", "x"];
    let faults: [&[u8]; 14] = [
        b"\xff",
        b"\"\\ud83d\"",
        b"1e999",
        b"[[[[",
        b"]",
        b"{",
        b"}",
        b"\0",
        b"\"",
        b"\\",
        b",",
        b":",
        b"\r",
        b"",
    ];
    (0..count)
        .map(|number| {
            let id = match random.below(4) {
                0 => json!(format!("mutant {number} \" é")),
                1 => json!(1_000_000.5 + number as f64),
                _ => json!(1_000_000 + number),
            };
            // The id stands first or last and is left whole; what lies between is not.
            let method = format!(r#""method":"{}""#, methods[random.below(methods.len())]);
            let params = format!(r#""params":{}"#, arguments[random.below(arguments.len())]);
            let mut rest: Vec<u8> = [r#""jsonrpc":"2.0""#, &method, &params].join(",").into_bytes();
            for _ in 0..random.below(4) {
                let at = random.below(rest.len() + 1);
                match random.below(3) {
                    0 => drop(rest.splice(at..at, faults[random.below(faults.len())].iter().copied())),
                    1 if at < rest.len() => drop(rest.remove(at)),
                    _ if at < rest.len() && rest[at] != b'\n' => {
                        rest[at] = rest[at].wrapping_add(1).max(b' ')
                    }
                    _ => {}
                }
            }
            let mut line = format!("{{\"id\":{id},").into_bytes();
            line.extend(rest);
            line.push(b'}');
            (line, id)
        })
        .collect()
}

/// Numbers that are the same for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}

#[test]
fn a_thousand_mutated_lines_are_each_answered_with_their_id() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    let lines = mutated(20_261_130, 1000);

    let mut missing = Vec::new();
    for lines in lines.chunks(100) {
        for (line, _) in lines {
            server.say_bytes(line);
            server.say_bytes(b"\n");
        }
        let expected: Vec<_> = lines.iter().map(|(_, id)| id.clone()).collect();
        for (id, count) in unanswered(&mut server, &expected) {
            let id: Value = serde_json::from_str(&id).expect("it was JSON");
            let line = lines.iter().find(|(_, there)| *there == id).map(|(line, _)| line);
            missing.push(format!("{count} answers: {}", String::from_utf8_lossy(line.expect("it is ours"))));
        }
        server.request("ping", json!({})).expect("the server is still there");
    }

    assert!(missing.is_empty(), "{} of 1000, such as {:#?}", missing.len(), &missing[..missing.len().min(5)]);
}

#[test]
fn five_thousand_answers_that_nobody_reads_take_little_memory() {
    const ANSWERS: usize = 5_000;
    let mut child =
        command(&[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary was built");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params":
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}});
    writeln!(stdin, "{hello}").expect("it reads");
    stdout.read_line(&mut line).expect("an answer");
    let request = |id: usize| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "inspect", "arguments":
            {"target": "hyper://sql"}}})
    };
    writeln!(stdin, "{}\n{}", json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), request(0))
        .expect("it reads");
    line.clear();
    stdout.read_line(&mut line).expect("an answer");
    let each = line.len();
    assert!(each > 10_000, "{each} bytes are no large answer");
    let before = peak_memory(child.id());

    for id in 1..=ANSWERS {
        writeln!(stdin, "{}", request(id)).expect("it reads");
    }
    // Until it does nothing more: it has as many answers as it wants to.
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut last = (memory(child.id()), Instant::now());
    while last.1.elapsed() < Duration::from_millis(1500) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
        let now = memory(child.id());
        if now.abs_diff(last.0) > 256 << 10 {
            last = (now, Instant::now());
        }
    }
    let grown = peak_memory(child.id()) - before;
    println!("{ANSWERS} unread answers of {each} bytes: {} KiB more", grown >> 10);

    // They are all there for who reads after all.
    let mut answered = vec![false; ANSWERS + 1];
    for _ in 0..ANSWERS {
        line.clear();
        stdout.read_line(&mut line).expect("an answer");
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        assert!(answer["result"]["structuredContent"]["guide"].is_string(), "{line:.300}");
        let id = answer["id"].as_u64().expect("a number") as usize;
        assert!(!std::mem::replace(&mut answered[id], true), "{id} twice");
    }
    drop(stdin);
    child.wait().expect("it ends");
    assert!(grown < 40_000_000, "{grown} bytes");
}

#[tokio::test]
async fn an_http_body_with_something_wrong_is_answered_with_its_id() {
    let server = Http::start(&[]);
    let mut missing = Vec::new();

    for (body, ids) in wrong() {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let response = server.bare_post().body(body).send().await.expect("a response");
        let (status, text) = (response.status(), response.text().await.expect("a body"));
        let answers: Vec<Value> = match serde_json::from_str(&text) {
            Ok(Value::Array(all)) => all,
            Ok(one) => vec![one],
            Err(_) => text
                .lines()
                .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?).ok())
                .collect(),
        };
        let answered: Vec<_> = answers.iter().map(|answer| answer["id"].clone()).collect();
        let is_error = answers.iter().all(|answer| answer["error"]["message"].is_string());
        if answered != ids || !is_error {
            missing.push(format!("{status} {text:.200} to {shown:.200}"));
        }
    }

    assert!(missing.is_empty(), "{missing:#?}");
}

#[tokio::test]
async fn an_http_body_that_is_too_long_is_answered_with_its_id() {
    let server = Http::start(&[]);
    let long = "x".repeat(20 << 20);
    let body = format!(r#"{{"jsonrpc":"2.0","method":"ping","params":{{"x":"{long}"}},"id":"long"}}"#);

    let response = server.bare_post().body(body).send().await.expect("a response");

    assert_eq!(response.status().as_u16(), 413);
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("long"), &json!(-32600)), "{answer}");
    let alive = Client::new().get(server.url.replace("/mcp", "/")).send().await.expect("a response");
    assert_eq!(alive.status().as_u16(), 404);
}

#[tokio::test]
async fn three_hundred_mutated_http_bodies_are_each_answered_with_their_id() {
    let server = Http::start(&["--no-token"]);
    let session = crate::http::Session::begin(&server).await;
    let client = Client::new();
    let mut missing = Vec::new();

    for (body, id) in mutated(20_261_201, 300) {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let request = client
            .post(&server.url)
            .header("Accept", "application/json, text/event-stream")
            .header("Content-Type", "application/json")
            .header("Mcp-Session-Id", &session.id)
            .header("MCP-Protocol-Version", "2025-11-25");
        let response = request.body(body).send().await.expect("a response");
        let (status, text) = (response.status(), response.text().await.expect("a body"));
        let answers: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data:").unwrap_or(line)).ok())
            .filter(|message: &Value| message.get("method").is_none())
            .collect();
        let answered = answers.iter().map(|answer| &answer["id"]).collect::<Vec<_>>();
        if answered != [&id] {
            missing.push(format!("{status} {text:.200} to {shown:.200}"));
        }
    }

    assert!(missing.is_empty(), "{} of 300, such as {:#?}", missing.len(), &missing[..missing.len().min(5)]);
    assert!(session.request("ping", json!({})).await["result"].is_object());
}
