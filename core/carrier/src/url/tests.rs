use std::time::Duration;

use hyperwire_core::hyperd::{DEFAULT_USER, Endpoint};
use hyperwire_core::session::{Password, Tls, WeakPasswords};
use hyperwire_core::wire::Format;
use proptest::prelude::*;

use super::{OPTIONS, UrlError, UrlPart};
use crate::config::Config;

fn parse(text: &str) -> Config {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> UrlError {
    text.parse::<Config>().expect_err(text)
}

fn tcp(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp { host: host.into(), port }
}

#[test]
fn a_url_names_endpoint_login_and_database() {
    let config = parse("hyper://ann:se%40cret@db.example:7483/data/sales%20%26%20more.hyper");

    assert_eq!(config.endpoint, tcp("db.example", 7483));
    assert_eq!(config.session.user, "ann");
    assert_eq!(config.session.password, Some(Password::new("se@cret")));
    assert_eq!(config.session.database.as_deref(), Some("/data/sales & more.hyper"));
}

#[test]
fn everything_but_the_endpoint_may_be_left_out() {
    for text in ["hyper://localhost:7483", "hyper://localhost:7483/", "hyper://localhost:7483?"] {
        let config = parse(text);

        assert_eq!(config.endpoint, tcp("localhost", 7483));
        assert_eq!(config.session.user, DEFAULT_USER);
        assert_eq!((config.session.password, config.session.database), (None, None));
        assert_eq!(config.connect_timeout, Duration::from_secs(30));
    }
}

#[test]
fn hosts_are_names_and_addresses() {
    for (text, host) in [
        ("hyper://127.0.0.1:1", "127.0.0.1"),
        ("hyper://[::1]:1", "::1"),
        ("hyper://[fe80::1%25eth0]:1", "fe80::1%eth0"),
        ("hyper://b%C3%BCro.example:1", "büro.example"),
        ("hyper://büro.example:1", "büro.example"),
    ] {
        assert_eq!(parse(text).endpoint, tcp(host, 1), "{text}");
    }
}

#[test]
fn a_domain_socket_is_a_path_and_its_database_an_option() {
    let config = parse("hyper+unix://ann@/run/my%20hyper/socket?database=/data/a.hyper");

    assert_eq!(config.endpoint, Endpoint::Domain { path: "/run/my hyper/socket".into() });
    assert_eq!(config.session.user, "ann");
    assert_eq!(config.session.database.as_deref(), Some("/data/a.hyper"));
}

#[test]
fn a_database_of_windows_stands_behind_the_first_slash() {
    for text in ["hyper://h:1/C:/data/a.hyper", "hyper://h:1?database=C:/data/a.hyper"] {
        assert_eq!(parse(text).session.database.as_deref(), Some("C:/data/a.hyper"), "{text}");
    }
    assert_eq!(parse("hyper://h:1/C:%5Ca.hyper").session.database.as_deref(), Some("C:\\a.hyper"));
}

#[test]
fn options_reach_what_they_are_named_after() {
    let config = parse(
        "hyper://h:1?application_name=loader&format=text&tls=prefer&weak_passwords=cleartext,md5&connect_timeout=2.5\
         &startup_timeout=20&cancel_grace=0.000000001&abandon_patience=0.05&abandon_budget=0&keepalive_idle=10\
         &keepalive_interval=5&keepalive_probes=6&retransmit_cap=3&retransmit_limit=45&send_buffer=4096\
         &receive_buffer=8192&limit_columns=100&limit_message_length=65536&set.lc_time=en_US&set.date_style=MDY",
    );

    assert_eq!(config.session.application_name, "loader");
    assert_eq!((config.session.result_format, config.session.tls), (Format::Text, Tls::Prefer));
    assert_eq!(config.session.weak_passwords, WeakPasswords { cleartext: true, md5: true });
    assert_eq!(config.connect_timeout, Duration::from_millis(2_500));
    assert_eq!(config.session.startup_timeout, Duration::from_secs(20));
    assert_eq!(config.session.cancel_grace, Duration::from_nanos(1));
    assert_eq!(config.session.abandon_patience, Duration::from_millis(50));
    assert_eq!(config.session.abandon_budget, 0);
    assert_eq!(config.link.keepalive.bound(), Duration::from_secs(10 + 5 * 6));
    assert_eq!(config.link.retransmit_cap, Duration::from_secs(3));
    assert_eq!(config.link.retransmit_limit, Duration::from_secs(45));
    assert_eq!((config.link.send_buffer, config.link.receive_buffer), (Some(4_096), Some(8_192)));
    assert_eq!((config.session.limits.columns, config.session.limits.message_length), (100, 65_536));
    let settings =
        [("lc_time", "en_US"), ("date_style", "MDY")].map(|(name, value)| (name.into(), value.into()));
    assert_eq!(config.session.options, settings);
}

#[test]
fn what_is_no_url_is_refused_with_the_part_and_the_reason() {
    let whole = None;
    for (text, part, found, reason) in [
        ("", UrlPart::Scheme, whole, "missing"),
        ("localhost:7483", UrlPart::Scheme, whole, "missing"),
        ("postgres://h:1", UrlPart::Scheme, Some("postgres"), "neither"),
        ("HYPER://h:1", UrlPart::Scheme, Some("HYPER"), "neither"),
        ("hyper://", UrlPart::Host, whole, "missing"),
        ("hyper://:1", UrlPart::Host, whole, "missing"),
        ("hyper://@h:1", UrlPart::User, whole, "missing"),
        ("hyper://h", UrlPart::Port, whole, "missing"),
        ("hyper://h:", UrlPart::Port, whole, "missing"),
        ("hyper://h:0", UrlPart::Port, Some("0"), "1 to 65535"),
        ("hyper://h:65536", UrlPart::Port, Some("65536"), "1 to 65535"),
        ("hyper://h:99999999999999999999", UrlPart::Port, Some("99999999999999999999"), "1 to 65535"),
        ("hyper://h:+1", UrlPart::Port, whole, "1 to 65535"),
        ("hyper://::1:7483", UrlPart::Host, whole, "missing"),
        ("hyper://fe80::1:7483", UrlPart::Port, whole, "brackets"),
        ("hyper://[::1:7483", UrlPart::Host, Some("[::1:7483"), "no ]"),
        ("hyper://[::1]7483", UrlPart::Host, Some("[::1]7483"), "behind its ]"),
        ("hyper://[localhost]:1", UrlPart::Host, Some("localhost"), "IPv6"),
        ("hyper://[::1%25a%2Fb]:1", UrlPart::Host, Some("::1%25a%2Fb"), "IPv6"),
        ("hyper://a%2Fb:1", UrlPart::Host, Some("a/b"), "character"),
        ("hyper://a,b:1", UrlPart::Host, Some("a,b"), "character"),
        ("hyper://u%@h:1", UrlPart::User, Some("u%"), "percent"),
        ("hyper://u%zz@h:1", UrlPart::User, Some("u%zz"), "percent"),
        ("hyper://u%FF@h:1", UrlPart::User, Some("u%FF"), "UTF-8"),
        ("hyper://u:%00@h:1", UrlPart::Password, whole, "zero byte"),
        ("hyper://h:1/a%00b", UrlPart::Database, Some("/a%00b"), "zero byte"),
        ("hyper://h:1/a b", UrlPart::Whole, whole, "blank"),
        ("hyper://h:1/a\nb", UrlPart::Whole, whole, "line break"),
        ("hyper://h:1/a#b", UrlPart::Whole, whole, "#"),
        ("hyper://u:a@b@h:1", UrlPart::Whole, whole, "%40"),
        ("hyper://u:a/b@h:1", UrlPart::Whole, whole, "%2F"),
        ("hyper://u:a?b@h:1", UrlPart::Whole, whole, "%3F"),
        ("hyper://u@h:1?application_name=a@b", UrlPart::Whole, whole, "%40"),
        ("hyper+unix://h/run/x", UrlPart::Host, Some("h"), "no place"),
        ("hyper+unix://", UrlPart::Socket, Some(""), "path"),
        ("hyper+unix:///run/", UrlPart::Socket, Some("/run/"), "path"),
        ("hyper://h:1?tls", UrlPart::Option, Some("tls"), "name=value"),
        ("hyper://h:1?tls=on", UrlPart::Option, Some("tls=on"), "require"),
        ("hyper://h:1?tls=prefer&tls=require", UrlPart::Option, Some("tls"), "twice"),
        ("hyper://h:1?a=1", UrlPart::Option, Some("a"), "connect_timeout"),
        ("hyper://h:1?&", UrlPart::Option, Some(""), "name=value"),
        ("hyper://h:1?connect_timeout=-1", UrlPart::Option, Some("connect_timeout=-1"), "seconds"),
        ("hyper://h:1?connect_timeout=1e3", UrlPart::Option, Some("connect_timeout=1e3"), "seconds"),
        ("hyper://h:1?connect_timeout=inf", UrlPart::Option, Some("connect_timeout=inf"), "seconds"),
        ("hyper://h:1?connect_timeout=", UrlPart::Option, Some("connect_timeout="), "seconds"),
        (
            "hyper://h:1?keepalive_probes=4294967296",
            UrlPart::Option,
            Some("keepalive_probes=4294967296"),
            "larger",
        ),
        ("hyper://h:1?format=json", UrlPart::Option, Some("format=json"), "hyperbinary"),
        ("hyper://h:1?weak_passwords=md5,md5", UrlPart::Option, Some("weak_passwords=md5,md5"), "md5"),
        ("hyper://h:1?set.a=b%20c", UrlPart::Option, Some("set.a=b%20c"), "escape"),
        ("hyper://h:1?set.=b", UrlPart::Option, Some("set.=b"), "empty"),
        ("hyper://h:1/a?database=b", UrlPart::Option, Some("database=b"), "too"),
        ("hyper://h:1?tls_server_name=h", UrlPart::Option, Some("tls_server_name=h"), "needs"),
    ] {
        let error = refused(text);

        assert_eq!((error.part(), error.found()), (part, found), "{text}: {error}");
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
    assert_eq!(refused(&format!("hyper://h:1/{}", "x".repeat(70_000))).part(), UrlPart::Whole);
    assert_eq!(refused(&format!("hyper://{}:1", "x".repeat(300))).found().map(str::len), Some(83));
}

#[test]
fn every_option_is_read_as_it_is_written() {
    let default = Config::new(tcp("h", 1), "u");
    for option in OPTIONS {
        let mut config = default.clone();
        let written = (option.get)(&default);
        if !written.is_empty() {
            (option.set)(&mut config, &written).unwrap_or_else(|why| panic!("{} {why}", option.name));
        }
        assert_eq!((option.get)(&config), written, "{}", option.name);
    }
}

#[test]
fn the_table_in_the_documentation_has_every_option() {
    let documented = include_str!("../config.rs");
    for name in OPTIONS.iter().map(|option| option.name).chain([
        "database",
        "tls_roots",
        "tls_server_name",
        "set.NAME",
    ]) {
        assert!(documented.contains(&format!("`{name}`")), "{name} is not in the table of options");
    }
}

#[cfg(feature = "tls")]
mod tls {
    use super::*;

    fn pem() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), include_str!("root.pem")).expect("room");
        file
    }

    #[test]
    fn certificates_that_are_named_are_trusted_and_tls_is_required() {
        let file = pem();
        let roots = file.path().display();

        let by_host = parse(&format!("hyper://db.example:1?tls_roots={roots}"));
        let by_name = parse(&format!("hyper+unix:///run/x?tls_roots={roots}&tls_server_name=a.b&tls=prefer"));

        let name = |config: &Config| config.tls.as_ref().map(|tls| tls.server_name.to_str().into_owned());
        assert_eq!((by_host.session.tls, name(&by_host).as_deref()), (Tls::Require, Some("db.example")));
        assert_eq!((by_name.session.tls, name(&by_name).as_deref()), (Tls::Prefer, Some("a.b")));
        assert_eq!(parse(&by_host.to_string()).session.tls, Tls::Require);
    }

    #[test]
    fn certificates_of_no_use_are_refused() {
        let folder = std::env::temp_dir();
        for (roots, reason) in [
            ("/nowhere/at/all", "cannot be read"),
            (folder.to_str().expect("UTF-8"), "regular file"),
            (file!(), "cannot be read"),
        ] {
            let error = refused(&format!("hyper://h:1?tls_roots={roots}"));
            assert_eq!(error.part(), UrlPart::Option);
            assert!(error.to_string().contains(reason), "{error}");
        }
        let file = pem();
        std::fs::write(file.path(), "no certificate").expect("room");
        let error = refused(&format!("hyper://h:1?tls_roots={}", file.path().display()));
        assert!(error.to_string().contains("BEGIN CERTIFICATE"), "{error}");
    }
}

fn any_text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', "0")).prop_filter("something", |text| !text.is_empty())
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let host = prop_oneof![
        "[a-z][a-z0-9_-]{0,12}(\\.[a-zäß]{1,6}){0,2}",
        any::<std::net::IpAddr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| format!("{address}%eth0")),
    ];
    prop_oneof![
        (host, 1..=u16::MAX).prop_map(|(host, port)| Endpoint::Tcp { host, port }),
        "(/[a-z@:%?#&=é +.]{1,8}){1,3}".prop_map(|path| Endpoint::Domain { path }),
    ]
}

fn any_duration() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanoseconds)| Duration::new(seconds, nanoseconds))
}

prop_compose! {
    fn any_config()(
        endpoint in any_endpoint(),
        (user, password, name) in (any_text(), any_text(), any::<String>()),
        database in proptest::option::of(prop_oneof![any_text(), "/?[A-Z]:[/\\\\].{0,5}", "/.{0,10}"]),
        (timeout, grace, idle) in (any_duration(), any_duration(), any_duration()),
        (budget, probes, columns) in (any::<u64>(), any::<u32>(), any::<u16>()),
        send_buffer in proptest::option::of(any::<usize>()),
        (cleartext, md5) in (any::<bool>(), any::<bool>()),
        settings in proptest::collection::vec(("[!-~]{1,9}", "[!-~]{1,9}"), 0..4),
    ) -> Config {
        let mut config = Config::new(endpoint, user).password(password);
        config.session.database = database.map(|text| text.replace('\0', "0"));
        config.session.application_name = name.replace('\0', "0");
        config.connect_timeout = timeout;
        config.session.cancel_grace = grace;
        config.link.keepalive.idle = idle;
        config.session.abandon_budget = budget;
        config.link.keepalive.probes = probes;
        config.session.limits.columns = columns;
        config.link.send_buffer = send_buffer;
        config.session.weak_passwords = WeakPasswords { cleartext, md5 };
        config.session.options = settings;
        config
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_configuration_is_read_back_as_it_was_written(config in any_config()) {
        let text = config.to_string();

        let read: Config = text.parse().map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;

        let mut expected = config;
        expected.session.password = None;
        prop_assert_eq!(format!("{:?}", read), format!("{:?}", expected), "{}", text);
    }

    #[test]
    fn a_password_is_never_shown(
        before in "[ -~é]{0,6}", after in "[ -~é]{0,6}", rest in "(@h:1|@h|:1|/x|\\?tls=1|)", scheme in "(hyper|hyper\\+unix|x|)(://|:/|:)",
    ) {
        const SECRET: &str = "Geheim";
        let text = format!("{scheme}u:{before}{SECRET}{after}{rest}");
        let separators = ['/', '?', '#', '@', '&', '='];
        // Without an @ behind it nothing says that it is a password.
        prop_assume!(rest.starts_with('@') || !before.contains(separators));

        let shown = match text.parse::<Config>() {
            Ok(config) => format!("{config} {config:?}"),
            Err(error) => format!("{error} {error:?}"),
        };

        prop_assert!(!shown.contains(SECRET), "{} shows {}", text, shown);
    }

    #[test]
    fn no_text_does_harm(text in any::<String>(), url in "hyper(\\+unix)?://[ -~é]{0,40}", place in 0..60_usize, char in any::<char>()) {
        let mut mutated: Vec<char> = "hyper://user:pass%20word@[fe80::1%25eth0]:7483/data/a.hyper?tls=prefer&set.a=b".chars().collect();
        mutated[place] = char;
        for text in [text, url, mutated.into_iter().collect()] {
            if let Ok(config) = text.parse::<Config>() {
                prop_assert!(config.to_string().parse::<Config>().is_ok(), "{} gives {}", text, config);
            }
        }
    }
}
