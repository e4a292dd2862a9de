//! A connection URL leads to the real hyperd, its user and its database.
#![cfg(target_os = "linux")]

use hyperwire_blocking::hyperd::{Authentication, Endpoint, Listen};
use hyperwire_blocking::{Client, Config};
use hyperwire_tests::real_hyperd::{RealHyperd, assert_usable, sqlstate, value};
use rstest::rstest;

/// Each of its separators means something in a URL.
const PASSWORD: &str = "p@ss:w/ord?#%&=+ é";
const ENCODED: &str = "p%40ss:w%2Ford%3F%23%25%26=%2B%20%C3%A9";

#[rstest]
#[case::tcp(Listen::Loopback)]
#[case::ipv6(Listen::Tcp { host: "::1".into(), port: 0 })]
#[case::domain_socket(Listen::Private)]
fn a_url_leads_to_the_server_the_user_and_the_database(#[case] listen: Listen) {
    let hyperd = RealHyperd::start_with(|settings| {
        settings.listen = listen;
        settings.authentication = Authentication::Password(PASSWORD.into());
    });
    let database = hyperd.create_database("säles & more.hyper");
    let user = hyperd.config().session.user;
    let encoded = database.replace('ä', "%C3%A4").replace(' ', "%20").replace('&', "%26");
    let url = match hyperd.config().endpoint {
        Endpoint::Tcp { host, port } if host.contains(':') => {
            format!("hyper://{user}:{ENCODED}@[{host}]:{port}{encoded}?connect_timeout=20")
        }
        Endpoint::Tcp { host, port } => format!("hyper://{user}:{ENCODED}@{host}:{port}{encoded}"),
        Endpoint::Domain { path } => format!("hyper+unix://{user}:{ENCODED}@{path}?database={encoded}"),
        other => panic!("{other} is not known here"),
    };

    let config: Config = url.parse().unwrap();
    let mut client = Client::connect(config.clone()).unwrap();

    client.execute("CREATE TABLE kept (id INT)").unwrap();
    client.close().unwrap();
    assert_eq!(value::<i64>(&mut hyperd.connect_to(&database), "SELECT count(*) FROM kept"), 0);
    // What is shown leads to the same place, but has no password.
    let shown: Config = config.to_string().parse().unwrap();
    let error = Client::connect(shown.clone()).unwrap_err();
    assert!(error.is_session_lost(), "{error}");
    assert_usable(&mut Client::connect(shown.password(PASSWORD)).unwrap());
}

#[test]
fn settings_in_a_url_hold_for_the_session_and_unknown_ones_are_the_servers_to_refuse() {
    let hyperd = RealHyperd::start_on_tcp();
    let url = hyperd.config().to_string();

    let config: Config = format!("{url}?set.lc_time=de_DE&application_name=a%20loader").parse().unwrap();
    let mut client = Client::connect(config).unwrap();
    let unknown: Config = format!("{url}?set.no_such_setting=1").parse().unwrap();
    let error = Client::connect(unknown).unwrap_err();

    // hyperd spells it in small letters.
    assert_eq!(value::<String>(&mut client, "SHOW lc_time"), "de_de");
    assert!(error.to_string().contains("no_such_setting"), "{} {error}", sqlstate(&error));
}
