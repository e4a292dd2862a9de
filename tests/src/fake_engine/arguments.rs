use hyperwire_core::hyperd::Endpoint;

/// What hyperd's command line says that a fake one needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// Where to listen.
    pub listen: Endpoint,
    /// Where to announce it; the end of that connection ends the engine.
    pub callback: Endpoint,
}

impl Arguments {
    /// Reads the words after the program's name. A setting is spelled `--name=value` or `--name value`, as hyperd
    /// takes both; those that are not needed here are left alone.
    ///
    /// # Errors
    /// What is missing or wrong, as a sentence.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        if words.next().as_deref() != Some("run") {
            return Err("the first argument of hyperd is `run`".to_owned());
        }
        let (mut listen, mut callback) = (None, None);
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let place = match name.as_str() {
                "--listen-connection" => &mut listen,
                "--callback-connection" => &mut callback,
                _ => continue,
            };
            let value = value.or_else(|| words.next()).ok_or_else(|| format!("{name} needs a value"))?;
            *place = Some(value.parse::<Endpoint>().map_err(|error| error.to_string())?);
        }
        let needed = |endpoint: Option<Endpoint>, name| endpoint.ok_or_else(|| format!("{name} is missing"));
        Ok(Self {
            listen: needed(listen, "--listen-connection")?,
            callback: needed(callback, "--callback-connection")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn both_spellings_of_a_setting_are_read_among_others() {
        let parsed = parse(
            "run --callback-connection tab.domain:///r/domain/callback --log-dir=/r \
             --listen-connection=tab.tcp://127.0.0.1:0 --skip-license",
        );

        let expected = Arguments {
            listen: Endpoint::Tcp { host: "127.0.0.1".into(), port: 0 },
            callback: Endpoint::Domain { path: "/r/callback".into() },
        };
        assert_eq!(parsed, Ok(expected));
    }

    #[test]
    fn what_hyperd_could_not_do_without_is_missed() {
        assert!(parse("--listen-connection=tab.tcp://h:1").unwrap_err().contains("`run`"));
        assert!(
            parse("run --listen-connection=tab.tcp://h:1").unwrap_err().contains("--callback-connection")
        );
        assert!(parse("run --callback-connection").unwrap_err().contains("needs a value"));
        assert!(parse("run --callback-connection=x").unwrap_err().contains("not an endpoint"));
    }
}
