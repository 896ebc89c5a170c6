//! Any text as `portcullis.toml`: a meaning, or at least one mistake with its place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_config::Config;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let Err(mistakes) = Config::read(&text, "portcullis.toml") else { return };
    assert!(!mistakes.is_empty(), "a refusal says why");
    let lines = text.split('\n').count();
    for mistake in mistakes {
        let shown = mistake.to_string();
        assert!(shown.starts_with("portcullis.toml:"), "{shown}");
        assert!((1..=lines).contains(&mistake.line), "{shown} of {lines} lines");
        assert!(mistake.column >= 1, "{shown}");
    }
});
