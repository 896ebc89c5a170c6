//! What the operator wrote in a case's `toml` block, as a session is told it.
//!
//! The mind cannot use `portcullis-config`, which stands beside it; this reads
//! the keys that cases use, under the same names, and refuses the others.

use std::time::Duration;

use portcullis_casebook::Setup;
use portcullis_guard::egress::{Reach, Rule};
use portcullis_guard::path::{Access, Root, Roots};
use portcullis_guard::{UriLists, UriPattern};
use portcullis_journal::Redactor;
use portcullis_mediation::pin::{Definition, Mode, Part, Pinned, Section, Surroundings};
use portcullis_mediation::{Fingerprint, Limits, MayAsk, SealKey, Settings};
use portcullis_policy::{
    Ask, Base, Extension, Extensions, Flow, Inspect, May, Names, Opening, Pattern, Policies,
    PolicyText, Principal, Rank, Review, Rules, Sampling, ServerName, Treatment,
};
use portcullis_wire::Revision;
use toml::{Table, Value};

/// Hosts give up after 60 s; the gateway answers before.
const HOLD: Duration = Duration::from_secs(45);

/// What a session and its transport are told.
pub(crate) fn settings(setup: &Setup) -> Result<(Settings, portcullis_wire::Limits), String> {
    let mut table = setup.table.clone();
    let mut rules = Rules::default();
    let mut settings = usual()?;
    let mut limits = portcullis_wire::Limits::default();
    for (key, value) in std::mem::take(&mut table) {
        match key.as_str() {
            "ask" => rules.mode = mode(&value)?,
            "patience" => settings.patience = duration(&value)?,
            "pins" => settings.pinning.mode = pins(&value)?,
            "flow" => {
                let word = Flow::WORDS.iter().find(|(word, _)| value.as_str() == Some(word));
                settings.flow = word.ok_or("`flow` is not that")?.1;
            }
            "observe" => settings.observe = value.as_bool().ok_or("`observe` is a flag")?,
            "network" => settings.open_world = value.as_str() == Some("host"),
            "inspect" => inspect(&value, &mut settings.inspect)?,
            "sampling" => sampling(&value, &mut settings.may_ask.sampling)?,
            "elicitation" => elicitation(&value, &mut settings.may_ask)?,
            "trusted_hosts" => {
                settings.trusted_hosts = texts(&value)?.into_iter().map(str::to_owned).collect();
            }
            "tools" => lists(&value, &mut rules)?,
            "resources" => (settings.resources, rules.resources) = resources(&value)?,
            "prompts" => rules.prompts = prompts(&value)?,
            "extensions" => settings.extensions = extensions(&value)?,
            "roots" => (settings.roots, settings.askable) = roots(&value)?,
            "limits" => quotas(&value, &mut settings.limits, &mut limits)?,
            other => return Err(format!("this driver does not know `{other}`")),
        }
    }
    if let Some(spoke) = setup.spoke.as_deref() {
        let spoke = Revision::parse(spoke).ok_or("`spoke` is no revision")?;
        let definition = Definition::of_revision(spoke);
        let pinned = Pinned { definition, surroundings: Surroundings::default() };
        settings.pinning.pins.parts.insert(Part::new(Section::Server, "revision"), pinned);
    }
    settings.pinning.asks = rules.mode != Ask::Never;
    settings.rules = compiled(&settings, &rules, setup.policy.as_deref())?;
    settings.flow = settings.flow.with(rules.mode);
    settings.hold = HOLD.min(settings.patience);
    settings.cwd = settings.roots.iter().next().map(|(root, _)| root.path());
    Ok((settings, limits))
}

/// The lists of a case, and its policies.
fn compiled(settings: &Settings, rules: &Rules, policy: Option<&str>) -> Result<Policies, String> {
    let text = |text: &str| PolicyText {
        file: "policy.cedar".to_owned(),
        text: text.to_owned(),
        may: May::All,
        rank: Rank::Person,
    };
    let texts: Vec<_> = policy.map(text).into_iter().collect();
    Policies::new(&settings.principal, &settings.server, rules, Base::Allow, &texts)
        .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn usual() -> Result<Settings, String> {
    let server = ServerName::new("case").map_err(|bad| bad.to_string())?;
    let principal = Principal::user(1000);
    let rules = Policies::new(&principal, &server, &Rules::default(), Base::Allow, &[]);
    let rules = rules.map_err(|_| "the usual lists do not compile")?;
    Ok(Settings {
        server,
        principal,
        session: "case".to_owned(),
        project: "project".to_owned(),
        rules,
        resources: UriLists::default(),
        extensions: portcullis_policy::Extensions::new(),
        policy: Fingerprint::of(b"the case's policy"),
        roots: Roots::new(),
        askable: Default::default(),
        cwd: None,
        flow: Flow::default(),
        open_world: false,
        inspect: Inspect::default(),
        may_ask: Default::default(),
        trusted_hosts: Default::default(),
        limits: Limits::default(),
        patience: Duration::from_secs(120),
        hold: HOLD,
        pinning: portcullis_mediation::pin::Pinning::default(),
        observe: false,
        firm: None,
        without: Default::default(),
        dice: 7,
        tally: None,
        seal: SealKey::new([7; 32]),
        redactor: Redactor::new([7; 32]),
    })
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

fn inspect(value: &Value, inspect: &mut Inspect) -> Result<(), String> {
    for (key, word) in value.as_table().ok_or("`inspect` is a table")? {
        let word = word.as_str().and_then(Treatment::parse).ok_or("not a treatment")?;
        match key.as_str() {
            "hidden" => inspect.hidden = word,
            "instructions" => inspect.instructions = word,
            "secrets" => inspect.secrets = word,
            "definitions" => inspect.definitions = word,
            "errors" => inspect.errors = word,
            "open_world" => inspect.open_world = word,
            other => return Err(format!("`inspect` has no `{other}`")),
        }
    }
    Ok(())
}

fn opening(value: &Value) -> Result<Opening, String> {
    let word = Opening::WORDS.iter().find(|(word, _)| value.as_str() == Some(word));
    word.map(|(_, opening)| *opening).ok_or_else(|| format!("`mode` is not {value}"))
}

fn sampling(value: &Value, may: &mut Sampling) -> Result<(), String> {
    for (key, value) in value.as_table().ok_or("`sampling` is a table")? {
        match key.as_str() {
            "mode" => may.mode = opening(value)?,
            "review" => {
                let word = Review::WORDS.iter().find(|(word, _)| value.as_str() == Some(word));
                may.review = word.ok_or("`review` is not that")?.1;
            }
            "max_tokens" => may.max_tokens = count(value)?,
            "models" => {
                may.models.allow = Some(texts(value)?.into_iter().map(Pattern::new).collect());
            }
            "per_minute" => may.per_minute = count(value)?,
            "per_hour" => may.per_hour = count(value)?,
            other => return Err(format!("`sampling` has no `{other}`")),
        }
    }
    Ok(())
}

fn elicitation(value: &Value, may: &mut MayAsk) -> Result<(), String> {
    for (key, value) in value.as_table().ok_or("`elicitation` is a table")? {
        match key.as_str() {
            "mode" => may.elicitation.mode = opening(value)?,
            "urls" => {
                let rules = texts(value)?.into_iter().map(Rule::new).collect::<Result<_, _>>();
                let links = rules.and_then(Reach::new);
                may.links = links.map_err(|bad| bad.to_string())?;
            }
            "per_call" => may.elicitation.per_call = count(value)?,
            "per_hour" => may.elicitation.per_hour = count(value)?,
            other => return Err(format!("`elicitation` has no `{other}`")),
        }
    }
    Ok(())
}

fn pins(value: &Value) -> Result<Mode, String> {
    Ok(match value.as_str() {
        Some("note") => Mode::Note,
        Some("first") => Mode::First,
        Some("ask") => Mode::Ask,
        _ => return Err(format!("`pins` is not {value}")),
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

fn resources(value: &Value) -> Result<(UriLists, Names), String> {
    let mut lists = UriLists::default();
    for (key, list) in value.as_table().ok_or("`resources` is a table")? {
        let uris = texts(list)?
            .into_iter()
            .map(|text| UriPattern::new(text).map_err(|bad| format!("`{text}` is {bad}")));
        let uris = uris.collect::<Result<Vec<_>, _>>()?;
        match key.as_str() {
            "allow" => lists.allow = Some(uris),
            "deny" => lists.deny = uris,
            other => return Err(format!("`resources` has no `{other}`")),
        }
    }
    Ok((lists, prompts(value)?))
}

fn prompts(value: &Value) -> Result<Names, String> {
    let mut lists = Names::default();
    for (key, list) in value.as_table().ok_or("`prompts` is a table")? {
        let names = texts(list)?.into_iter().map(Pattern::new).collect();
        match key.as_str() {
            "allow" => lists.allow = Some(names),
            "deny" => lists.deny = names,
            other => return Err(format!("`prompts` has no `{other}`")),
        }
    }
    Ok(lists)
}

fn extensions(value: &Value) -> Result<Extensions, String> {
    let read = |id| Extension::parse(id).ok_or_else(|| format!("no extension is `{id}`"));
    texts(value)?.into_iter().map(read).collect()
}

fn texts(list: &Value) -> Result<Vec<&str>, String> {
    let items = list.as_array().ok_or("patterns are a list")?;
    items.iter().map(|item| item.as_str().ok_or_else(|| "not a text".to_owned())).collect()
}

/// The roots, and the directories in which a person is asked about what the host offers.
fn roots(value: &Value) -> Result<(Roots, Roots), String> {
    let (mut roots, mut askable) = (Roots::new(), Roots::new());
    for entry in value.as_array().ok_or("`roots` is a list")? {
        let text = entry.as_str().ok_or("a root of a case is a text")?;
        let asks = text.strip_suffix(":ask");
        let text = asks.unwrap_or(text);
        let (path, access) = match text.rsplit_once(':') {
            Some((path, "rw")) => (path, Access::Write),
            Some((path, "ro")) => (path, Access::Read),
            _ => (text, Access::Read),
        };
        let into = if asks.is_some() { &mut askable } else { &mut roots };
        into.add(Root::new(path).map_err(|bad| bad.to_string())?, access);
    }
    Ok((roots, askable))
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
            "questions_per_hour" => limits.questions_per_hour = count(value)?,
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
