//! What has to be seen to in a server, by its source and by what was done to it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::{Line, PART, Tested, answering, is_part, is_whole, more, transport, uncalled};
use crate::evidence::live::{Answer, Attack, Effect, Trial, is_sorry};
use crate::evidence::source::{FactKind, Sink};
use crate::evidence::{Evidence, Place, Source};

/// What has to be seen to in a server.
pub(super) const SERVER: &[Line] = &[
    Line {
        control: "arguments-validated",
        statement: "Arguments are validated against a JSON Schema that bounds them.",
        checks: &["unbounded-input"],
        tested: arguments,
    },
    Line {
        control: "paths-contained",
        statement: "Paths are resolved, lie inside the roots, and traversal is refused.",
        checks: &["path-escape", "path-prefix"],
        tested: |it| {
            tried(
                it,
                &[Attack::Traversal, Attack::Neighbour, Attack::Symlink],
                &[Sink::FileRead, Sink::FileWrite],
                "a path",
            )
        },
    },
    Line {
        control: "no-shell",
        statement: "No shell reads what a caller sends, and no word of it is an option.",
        checks: &[
            "shell-execution",
            "free-process",
            "option-injection",
            "code-execution",
            "template-injection",
            "unsafe-deserialisation",
        ],
        tested: |it| {
            tried(
                it,
                &[Attack::CommandInjection, Attack::OptionInjection],
                &[Sink::Shell, Sink::Process, Sink::Code, Sink::Template, Sink::Deserialise],
                "a command",
            )
        },
    },
    Line {
        control: "queries-parametrised",
        statement: "Queries are the server's own, with placeholders for values.",
        checks: &["raw-sql", "sql-first-word"],
        tested: |it| tried(it, &[Attack::SqlWrite, Attack::SqlRead], &[Sink::Sql], "a query"),
    },
    Line {
        control: "rate-limited",
        statement: "Many calls at once are answered or refused, and do not take the server down.",
        checks: &[],
        tested: burst,
    },
    Line {
        control: "timeouts",
        statement: "Every call ends.",
        checks: &["no-timeout", "inherited-input", "slow-pattern"],
        tested: ends,
    },
    Line {
        control: "errors-sanitised",
        statement: "Errors tell nothing of the server's machine.",
        checks: &["raw-errors"],
        tested: errors,
    },
    Line { control: "calls-logged", statement: "Calls are logged.", checks: &[], tested: logged },
    Line {
        control: "permissions-minimal",
        statement: "It needs no more than it was given.",
        checks: &[
            "lying-annotations",
            "hidden-tool",
            "server-side-request",
            "takes-credentials",
            "plants-itself",
            "undisclosed-sharing",
        ],
        tested: reached,
    },
    Line {
        control: "description-honest",
        statement: "What it says of itself is true, complete, stable, and gives no orders to the model.",
        checks: &["missing-annotations", "hostile-text", "shadowed-tool", "definition-drift"],
        tested: described,
    },
];

fn trials_of<'a>(
    evidence: &'a Evidence,
    attacks: &'a [Attack],
) -> impl Iterator<Item = &'a Trial> + Clone {
    let all = evidence.live.iter().flat_map(|live| &live.trials);
    all.filter(move |it| attacks.contains(&it.attack))
}

/// Whether an effect is what an attack was made for; what an answer tells or weighs is another matter.
fn is_harm(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::CanaryRead { .. }
            | Effect::CanaryWritten { .. }
            | Effect::Database { .. }
            | Effect::Executed { .. }
            | Effect::Reached { .. }
            | Effect::Evaluated { .. }
    )
}

/// Trials of these kinds, or else source that was read whole without such a sink.
fn tried(evidence: &Evidence, attacks: &[Attack], sinks: &[Sink], what: &'static str) -> Tested {
    // What got no answer may not have arrived, and what our box stopped was not refused.
    let heard =
        |it: &&Trial| !matches!(it.answer, Answer::Ended | Answer::Silence) && !it.is_boxed();
    let answered = trials_of(evidence, attacks).filter(heard);
    // What says no to everything said no to an attack as well, and nobody knows what else it would do.
    let (made, refused): (Vec<_>, Vec<_>) = answered.partition(|it| works(evidence, it));
    let made = made.len();
    if made == 0 && !refused.is_empty() && evidence.source.is_none() {
        return Tested::Not(format!(
            "no tool that was attacked with {what} answered an honest call"
        ));
    }
    // What happened by way of something worse is a finding of another line, and no yes to this one.
    let hit = trials_of(evidence, attacks).filter(|it| it.effect.as_ref().is_some_and(is_harm));
    if let Some(first) = hit.clone().next() {
        return Tested::Not(format!(
            "{} attacks with {what} had an effect, by way of what another line fails for: `{}`",
            hit.count(),
            first.tool
        ));
    }
    let mut said = String::new();
    if made > 0 {
        let _ = write!(said, "{made} attacks with {what} had no effect");
    }
    let Some(source) = &evidence.source else {
        return match (made, answering(evidence)) {
            (1.., _) => Tested::Yes(said),
            (0, Ok(live)) if live.tools.is_empty() => Tested::Nothing("it has no tools"),
            (0, Ok(_)) => uncalled(evidence).unwrap_or_else(|| {
                Tested::Not(match trials_of(evidence, attacks).count() {
                    0 => format!("no parameter looks like {what}, and the source was not read"),
                    all => format!("none of {all} attacks with {what} got an answer that counts: none at all, or one about our box"),
                })
            }),
            (0, Err(why)) => why,
        };
    };
    let unclear = source
        .facts
        .iter()
        .filter(|it| matches!(it.kind, FactKind::Unclear(sink) if sinks.contains(&sink)));
    if made == 0
        && let Some(first) = unclear.clone().next()
    {
        let more = more(unclear.count());
        let place = &first.place;
        return Tested::Not(format!(
            "what becomes of a caller's value at {place} could not be followed{more}"
        ));
    }
    let whole = is_whole(source);
    let sunk = source.flows.iter().filter(|flow| sinks.contains(&flow.sink)).count();
    match (sunk, made) {
        (1.., 1..) => Tested::Yes(format!("{said}; in the source, {sunk} flows pass looks")),
        (1.., 0) if whole => {
            Tested::Read(format!("in the source, {sunk} flows pass sufficient looks"))
        }
        (1.., 0) => Tested::Not(PART.to_owned()),
        (0, 1..) => Tested::Yes(said),
        (0, 0) if source.offered().next().is_none() => {
            Tested::Not("no handler was found in the source".to_owned())
        }
        (0, 0) if whole => {
            let done = source.facts.iter();
            let mut done =
                done.filter(|it| matches!(it.kind, FactKind::Done(sink) if sinks.contains(&sink)));
            match done.next() {
                Some(first) => Tested::Not(format!(
                    "it is done for a caller at {}, and nothing of the caller's was seen to arrive there",
                    first.place
                )),
                None => Tested::Nothing("nothing of that kind is done for a caller"),
            }
        }
        (0, 0) => Tested::Not(
            "no such flow in what was read, but not everything could be read".to_owned(),
        ),
    }
}

/// Whether what a trial was made on answered an honest request: of tools, one that did.
fn works(evidence: &Evidence, trial: &Trial) -> bool {
    let trials = evidence.live.iter().flat_map(|live| &live.trials);
    let honest = |it: &Trial| {
        it.tool == trial.tool
            && it.attack == Attack::Benign
            && it.answer == Answer::Result
            && !is_sorry(&it.said)
    };
    let tools = || evidence.live.iter().flat_map(|live| &live.tools);
    let is_tool = tools().any(|it| it.get("name").and_then(Value::as_str) == Some(&trial.tool));
    !is_tool || trials.into_iter().any(honest)
}

fn arguments(evidence: &Evidence) -> Tested {
    let trials = evidence.live.iter().flat_map(|live| &live.trials);
    let made = trials.filter(|it| it.attack == Attack::Invalid && works(evidence, it)).count();
    let handlers = evidence.source.iter().flat_map(Source::offered);
    let read = handlers.map(|it| it.parameters.len()).sum::<usize>();
    match (made, read) {
        (1.., _) => {
            let bounds = match (read, evidence.live.is_some()) {
                (0, true) => "; the bounds of its schema are read in the source",
                _ => "",
            };
            Tested::Yes(format!(
                "{made} calls with arguments that its schema forbids were refused or bounded{bounds}"
            ))
        }
        (0, 1..) if is_part(evidence) => Tested::Not(PART.to_owned()),
        (0, 1..) => Tested::Read(format!("{read} parameters have bounds in the source")),
        (0, 0) => answering(evidence)
            .err()
            .or_else(|| uncalled(evidence))
            .unwrap_or(Tested::Nothing("no tool has parameters")),
    }
}

fn burst(evidence: &Evidence) -> Tested {
    let live = match answering(evidence) {
        Ok(live) => live,
        Err(why) => return why,
    };
    if let Some(uncalled) = uncalled(evidence) {
        return uncalled;
    }
    let made: Vec<_> = live.trials.iter().filter(|it| it.attack == Attack::Rate).collect();
    let bad = made.iter().any(|it| matches!(it.answer, Answer::Silence | Answer::Ended));
    match (made.is_empty(), bad) {
        (true, _) => Tested::Not("no tool could be called as it is meant".to_owned()),
        (false, true) => Tested::Not("a burst of calls was not answered to its end".to_owned()),
        (false, false) => Tested::Yes(
            "a burst of calls was answered or refused, and the next call too".to_owned(),
        ),
    }
}

/// The source alone: something that waits, and an end that was seen of each. `None` when nothing is known to wait.
fn ends_in_source(evidence: &Evidence) -> Option<Tested> {
    let source = evidence.source.as_ref()?;
    let of = |kind: FactKind| source.facts.iter().filter(move |it| it.kind == kind);
    let ended: BTreeSet<&Place> = of(FactKind::Ends).map(|it| &it.place).collect();
    let waits =
        source.flows.iter().filter(|it| matches!(it.sink, Sink::Process | Sink::Shell | Sink::Url));
    let all = waits.clone().count();
    if all == 0 || is_part(evidence) || of(FactKind::NoTimeout).next().is_some() {
        return None;
    }
    let unseen: BTreeSet<&Place> =
        waits.map(|it| &it.place).filter(|it| !ended.contains(it)).collect();
    Some(match unseen.first() {
        None => Tested::Read(format!("{all} calls that wait have an end in the source")),
        Some(first) => Tested::Not(format!(
            "no end was seen of what may wait at {first}{}",
            more(unseen.len())
        )),
    })
}

fn ends(evidence: &Evidence) -> Tested {
    let live = match answering(evidence) {
        Ok(live) => live,
        Err(why) => {
            return ends_in_source(evidence).unwrap_or(why);
        }
    };
    if let Some(uncalled) = uncalled(evidence) {
        return uncalled;
    }
    let silent = live.trials.iter().filter(|it| it.answer == Answer::Silence).count();
    // One whose server ended, or whose answer was no end of it, was not answered.
    let ended = live.trials.iter().filter(|it| it.answer == Answer::Ended).count();
    match (live.trials.len() - ended, silent) {
        (0, _) if ended > 0 => Tested::Not(format!("none of {ended} calls was answered")),
        (0, _) => Tested::Not("no tool could be called".to_owned()),
        (made, 0) => Tested::Yes(format!("{made} calls were all answered in time")),
        (made, silent) => {
            Tested::Not(format!("{silent} of {made} calls were not answered in time"))
        }
    }
}

fn errors(evidence: &Evidence) -> Tested {
    let trials = evidence.live.iter().flat_map(|live| &live.trials);
    let erred = trials.filter(|it| matches!(it.answer, Answer::ToolError | Answer::ProtocolError));
    let (boxed, erred): (Vec<_>, Vec<_>) = erred.partition(|it| it.is_boxed());
    let erred = erred.len() + transport::errors(evidence);
    let handlers = evidence.source.as_ref().map_or(0, |source| source.offered().count());
    match (erred, handlers) {
        (1.., _) if boxed.is_empty() => {
            Tested::Yes(format!("{erred} errors told nothing of the machine"))
        }
        (1.., _) => Tested::Yes(format!(
            "{erred} errors told nothing of the machine; {} more are about our box and count for nothing",
            boxed.len()
        )),
        (0, 0) if !boxed.is_empty() => Tested::Not(format!(
            "all of its {} errors are about our box, in which its own place cannot be written",
            boxed.len()
        )),
        (0, 1..) if is_part(evidence) => Tested::Not(PART.to_owned()),
        (0, 1..) => Tested::Read(format!(
            "in the source, {handlers} handlers answer errors in their own words"
        )),
        (0, 0) => {
            answering(evidence).err().unwrap_or(Tested::Not("no call ended in an error".to_owned()))
        }
    }
}

fn logged(evidence: &Evidence) -> Tested {
    match answering(evidence) {
        Ok(live) if evidence.http.is_some() && live.trials.is_empty() => {
            uncalled(evidence).unwrap_or(Tested::Not("it was not watched".to_owned()))
        }
        Ok(live) if live.logs_calls => Tested::Yes("a call leaves a line on standard error or a log message".to_owned()),
        Ok(_) => Tested::Not("nothing on standard error and no log message; a log of its own is not visible from outside".to_owned()),
        Err(why) => why,
    }
}

fn reached(evidence: &Evidence) -> Tested {
    let live = match answering(evidence) {
        Ok(live) => live,
        Err(why) => return why,
    };
    if live.box_level != "full" {
        return Tested::Not(format!(
            "only a full box tells what was reached for; this one is `{}`",
            live.box_level
        ));
    }
    let own = live.wishes.iter().filter(|wish| wish.during.is_none()).count();
    match own {
        0 => Tested::Yes("by itself it reached for nothing outside of its box".to_owned()),
        some => Tested::Not(format!(
            "when it started it reached for {some} things outside of its box; see the list"
        )),
    }
}

fn described(evidence: &Evidence) -> Tested {
    match answering(evidence) {
        Ok(live) if live.tools.is_empty() => Tested::Nothing("it has no tools"),
        Ok(live) => {
            let launched = if evidence.http.is_some() { "" } else { " and twice launched" };
            Tested::Yes(format!("{} tools, twice listed{launched}", live.tools.len()))
        }
        Err(why) => why,
    }
}
