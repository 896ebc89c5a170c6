//! `[serve.limits]`: what one principal may take of the gateway, over all of its sessions.

use crate::reader::{Reader, Section};

/// What one principal may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Most {
    /// Requests in a minute.
    pub requests_per_minute: u32,
    /// Requests at once.
    pub requests: u32,
    /// Streams at once that answer nothing.
    pub streams: u32,
    /// Bytes in a minute, in both directions.
    pub bytes_per_minute: u64,
    /// Questions that wait for a person.
    pub questions: u32,
}

impl Default for Most {
    fn default() -> Self {
        Self {
            requests_per_minute: 6000,
            requests: 128,
            streams: 64,
            bytes_per_minute: 1 << 30,
            questions: 32,
        }
    }
}

impl Reader<'_, '_> {
    pub(super) fn most(&mut self, serve: &Section<'_>) -> Most {
        let usual = Most::default();
        let Some(table) = self.table(serve, "limits") else { return usual };
        let requests = self.count(&table, "requests_per_minute");
        let bytes = self.size(&table, "bytes_per_minute");
        Most {
            requests_per_minute: requests.unwrap_or(usual.requests_per_minute),
            requests: self.count(&table, "requests").unwrap_or(usual.requests),
            streams: self.count(&table, "streams").unwrap_or(usual.streams),
            bytes_per_minute: bytes.unwrap_or(usual.bytes_per_minute),
            questions: self.count(&table, "questions").unwrap_or(usual.questions),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::precedence::Documents;
    use crate::serve::{Most, Serve};

    fn read(text: &str) -> Result<Serve, String> {
        let config = Config::read(text, "portcullis.toml")
            .map_err(|all| all.iter().map(ToString::to_string).collect::<String>())?;
        Documents::only(config, "portcullis.toml").serve().map_err(|all| format!("{all:?}"))
    }

    #[test]
    fn what_is_not_said_is_as_usual_and_nothing_is_without_bound() {
        let serve = read(
            "[serve]\nwrite_timeout = \"5s\"\n[serve.limits]\nrequests_per_minute = 60\n\
             bytes_per_minute = \"2MiB\"\nquestions = 1\n",
        )
        .unwrap();
        let most = Most {
            requests_per_minute: 60,
            bytes_per_minute: 2 << 20,
            questions: 1,
            ..Most::default()
        };
        assert_eq!((serve.write_timeout.as_secs(), serve.limits), (5, most));
        for line in ["requests = 0", "streams = 0", "bytes_per_minute = \"1KiB\"", "stream = 1"] {
            assert!(read(&format!("[serve.limits]\n{line}\n")).is_err(), "{line}");
        }
        assert!(read("[serve]\nwrite_timeout = \"0s\"\n").is_err());
        let metrics = |listen: &str| read(&format!("[serve.metrics]\nlisten = \"{listen}\"\n"));
        assert!(metrics("127.0.0.1:9464").unwrap().metrics.is_some());
        assert!(metrics("0.0.0.0:9464").unwrap_err().contains("would read it"));
    }
}
