//! What the operator wrote in a case's `toml` block, as a session is told it.
//!
//! The mind cannot use `portcullis-config`, which stands beside it; this reads
//! the keys that cases use, under the same names, and refuses the others.

use std::time::Duration;

use portcullis_casebook::Setup;
use portcullis_guard::path::{Access, Root, Roots};
use portcullis_journal::Redactor;
use portcullis_mediation::{Fingerprint, Limits, Settings};
use portcullis_policy::{Ask, Pattern, Principal, Rules, ServerName};
use toml::{Table, Value};

/// Hosts give up after 60 s; the gateway answers before.
const HOLD: Duration = Duration::from_secs(45);

/// What a session and its transport are told.
pub(crate) fn settings(setup: &Setup) -> Result<(Settings, portcullis_wire::Limits), String> {
    let mut table = setup.table.clone();
    let mut settings = usual();
    let mut limits = portcullis_wire::Limits::default();
    for (key, value) in std::mem::take(&mut table) {
        match key.as_str() {
            "ask" => settings.rules.mode = mode(&value)?,
            "patience" => settings.patience = duration(&value)?,
            "observe" => settings.observe = value.as_bool().ok_or("`observe` is a flag")?,
            "network" => settings.open_world = value.as_str() == Some("host"),
            "tools" => lists(&value, &mut settings.rules)?,
            "roots" => settings.roots = roots(&value)?,
            "limits" => quotas(&value, &mut settings.limits, &mut limits)?,
            other => return Err(format!("this driver does not know `{other}`")),
        }
    }
    settings.hold = HOLD.min(settings.patience);
    settings.cwd = settings.roots.iter().next().map(|(root, _)| root.path());
    Ok((settings, limits))
}

fn usual() -> Settings {
    let server = ServerName::new("files").unwrap_or_else(|_| unreachable!("a good name"));
    Settings {
        server,
        principal: Principal::user(1000),
        session: "case".to_owned(),
        rules: Rules::default(),
        policy: Fingerprint::of(b"the case's policy"),
        roots: Roots::new(),
        cwd: None,
        open_world: false,
        limits: Limits::default(),
        patience: Duration::from_secs(120),
        hold: HOLD,
        observe: false,
        dice: 7,
        redactor: Redactor::new([7; 32]),
    }
}

fn mode(value: &Value) -> Result<Ask, String> {
    Ok(match value.as_str() {
        Some("never") => Ask::Never,
        Some("destructive") => Ask::Destructive,
        Some("risky") => Ask::Risky,
        Some("writes") => Ask::Writes,
        Some("always") => Ask::Always,
        _ => return Err(format!("`ask` is not {value}")),
    })
}

fn lists(value: &Value, rules: &mut Rules) -> Result<(), String> {
    let patterns = |list: &Value| -> Result<Vec<Pattern>, String> {
        let items = list.as_array().ok_or("patterns are a list")?;
        items
            .iter()
            .map(|item| item.as_str().map(Pattern::new).ok_or("not a text".to_owned()))
            .collect()
    };
    for (key, list) in value.as_table().ok_or("`tools` is a table")? {
        match key.as_str() {
            "allow" => rules.allow = Some(patterns(list)?),
            "ask" => rules.ask = patterns(list)?,
            "deny" => rules.deny = patterns(list)?,
            other => return Err(format!("`tools` has no `{other}`")),
        }
    }
    Ok(())
}

fn roots(value: &Value) -> Result<Roots, String> {
    let mut roots = Roots::new();
    for entry in value.as_array().ok_or("`roots` is a list")? {
        let text = entry.as_str().ok_or("a root of a case is a text")?;
        let (path, access) = match text.rsplit_once(':') {
            Some((path, "rw")) => (path, Access::Write),
            Some((path, "ro")) => (path, Access::Read),
            _ => (text, Access::Read),
        };
        roots.add(Root::new(path).map_err(|bad| bad.to_string())?, access);
    }
    Ok(roots)
}

fn quotas(
    value: &Value,
    limits: &mut Limits,
    wire: &mut portcullis_wire::Limits,
) -> Result<(), String> {
    let table: &Table = value.as_table().ok_or("`limits` is a table")?;
    for (key, value) in table {
        match key.as_str() {
            "calls_per_minute" => limits.calls_per_minute = count(value)?,
            "call_timeout" => limits.call_timeout = duration(value)?,
            "call_ceiling" => limits.call_ceiling = duration(value)?,
            "message_bytes" => wire.message_bytes = size(value)?,
            other => return Err(format!("this driver does not know the limit `{other}`")),
        }
    }
    Ok(())
}

fn count<T: TryFrom<i64>>(value: &Value) -> Result<T, String> {
    let number = value.as_integer().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| format!("{value} is not a count"))
}

fn duration(value: &Value) -> Result<Duration, String> {
    let text = value.as_str().unwrap_or_default();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits) {
        Some("ms") => 1,
        Some("s") => 1000,
        Some("m") => 60_000,
        _ => return Err(format!("{value} is not a duration")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("{value} is not a duration"))?;
    Ok(Duration::from_millis(number * unit))
}

fn size(value: &Value) -> Result<usize, String> {
    let text = value.as_str().unwrap_or_default();
    let (digits, unit) = match text.strip_suffix("KiB") {
        Some(digits) => (digits, 1 << 10),
        None => (text.trim_end_matches("MiB"), 1 << 20),
    };
    let number: usize = digits.parse().map_err(|_| format!("{value} is not a size"))?;
    Ok(number * unit)
}
