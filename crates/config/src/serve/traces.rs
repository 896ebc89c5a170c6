//! `[serve.traces]`: who takes spans of what is asked, and of how much.

use toml::de::DeValue;

use super::issuers::uri;
use crate::reader::{Reader, Section};

/// Who takes spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces {
    /// The whole address that they are posted to (OTLP over HTTP).
    pub endpoint: String,
    /// Of how many in a million requests there are spans, where whoever asks says nothing of it.
    pub per_million: u32,
}

/// All of them.
const MILLION: u32 = 1_000_000;

impl Reader<'_, '_> {
    pub(super) fn traces(&mut self, serve: &Section<'_>) -> Option<Traces> {
        let entry = self.get(serve, "traces")?;
        let table = self.table(serve, "traces")?;
        let missing = self.get(&table, "endpoint").is_none();
        let endpoint = self.read_text(&table, "endpoint", uri);
        let per_million = self.ratio(&table);
        if missing {
            self.wrong(entry, "`endpoint` is missing: who takes the spans".to_owned());
        }
        Some(Traces { endpoint: endpoint?, per_million: per_million.unwrap_or(MILLION) })
    }

    fn ratio(&mut self, table: &Section<'_>) -> Option<u32> {
        let entry = self.get(table, "ratio")?;
        let number = self.expect(entry, "a number", |value| match value {
            DeValue::Integer(number) => number.as_str().parse::<f64>().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        })?;
        if !(0.0..=1.0).contains(&number) {
            self.wrong(entry, "`ratio` lies between 0 and 1".to_owned());
            return None;
        }
        format!("{:.0}", number * f64::from(MILLION)).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::precedence::Documents;

    fn read(lines: &str) -> Result<Option<Traces>, String> {
        let config = Config::read(&format!("[serve.traces]\n{lines}\n"), "portcullis.toml")
            .map_err(|all| all.iter().map(ToString::to_string).collect::<String>())?;
        let serve = Documents::only(config, "portcullis.toml").serve();
        serve.map(|serve| serve.traces).map_err(|all| format!("{all:?}"))
    }

    #[test]
    fn spans_go_to_an_address_that_is_encrypted_or_here() {
        let traces = |endpoint: &str, per_million| {
            Ok(Some(Traces { endpoint: endpoint.to_owned(), per_million }))
        };
        let here = "http://127.0.0.1:4318/v1/traces";
        assert_eq!(read(&format!("endpoint = \"{here}\"")), traces(here, MILLION));
        for (ratio, per_million) in
            [("0", 0), ("1", MILLION), ("0.25", 250_000), ("1e-6", 1), ("1.0", MILLION)]
        {
            let text = format!("endpoint = \"https://a.example/v1/traces\"\nratio = {ratio}");
            assert_eq!(read(&text), traces("https://a.example/v1/traces", per_million));
        }
        for (lines, says) in [
            ("", "`endpoint` is missing"),
            ("ratio = 0.5", "`endpoint` is missing"),
            ("endpoint = \"http://collector.example/v1/traces\"", "https://name"),
            ("endpoint = \"http://10.0.0.1/v1/traces\"", "https://name"),
            ("endpoint = \"https://user:s3cret@a.example/\"", "https://name"),
            ("endpoint = \"127.0.0.1:4318\"", "https://name"),
            ("endpoint = \"https://a/#x\"", "https://name"),
            ("endpoint = \"https://a/\"\nratio = 1.5", "between 0 and 1"),
            ("endpoint = \"https://a/\"\nratio = -1", "between 0 and 1"),
            ("endpoint = \"https://a/\"\nratio = nan", "between 0 and 1"),
            ("endpoint = \"https://a/\"\nratio = \"all\"", "a number"),
            ("endpoint = \"https://a/\"\nheaders = {}", "headers"),
        ] {
            let told = read(lines).unwrap_err();
            assert!(told.contains(says), "{lines}: {told}");
            assert!(!told.contains("s3cret"), "a secret is repeated: {told}");
        }
    }
}
