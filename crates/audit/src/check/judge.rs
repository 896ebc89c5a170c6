//! What checks share: one finding for each parameter, from the source's flow and from what was tried.

use crate::check::Check;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect, Trial};
use crate::evidence::source::{Fact, FactKind, Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Location, Severity};

/// How a flow is judged: how bad, and how sure. `None` lets it pass.
pub(super) type OfFlow = fn(&Flow) -> Option<(Severity, Confidence)>;

/// The flows to any of these sinks.
pub(super) fn flows<'a>(evidence: &'a Evidence, sinks: &[Sink]) -> impl Iterator<Item = &'a Flow> {
    let all = evidence.source.iter().flat_map(|source| &source.flows);
    all.filter(move |flow| sinks.contains(&flow.sink))
}

/// The trials of these kinds that had an effect, in the order of the kinds.
pub(super) fn hits<'a>(
    evidence: &'a Evidence,
    attacks: &'a [Attack],
) -> impl Iterator<Item = (&'a Trial, &'a Effect)> {
    let trials = evidence.live.iter().flat_map(|live| &live.trials);
    let of = move |attack: &'a Attack| trials.clone().filter(move |trial| trial.attack == *attack);
    attacks.iter().flat_map(of).filter_map(|trial| Some((trial, trial.effect.as_ref()?)))
}

/// Whether a shell reads this parameter: whoever has a shell needs no path and no option.
pub(super) fn is_shell(evidence: &Evidence, trial: &Trial) -> bool {
    hits(evidence, &[Attack::CommandInjection])
        .any(|(other, _)| other.tool == trial.tool && other.parameter == trial.parameter)
}

/// Whether a value passes a look of one of these kinds.
pub(super) fn passes(flow: &Flow, kinds: &[GuardKind]) -> bool {
    flow.guards.iter().any(|guard| kinds.contains(&guard.kind))
}

/// The severity of a check and what is likely: the usual judgement of a flow that nothing holds up.
pub(super) fn unless(
    flow: &Flow,
    held_by: &[GuardKind],
    severity: Severity,
) -> Option<(Severity, Confidence)> {
    if passes(flow, held_by) {
        return None;
    }
    // Letters and digits inside of a fixed statement are a name. For a shell they may be the program, or a variable.
    if !flow.whole && flow.sink == Sink::Sql && passes(flow, &[GuardKind::Word]) {
        return None;
    }
    // A list of bad characters, or a look that we could not follow, speaks for some care. Who writes the whole of a
    // statement, a command or a program does not need the few that are on the list.
    // A function that says no to a command or a statement is usually such a list; one that says no to a path or an
    // address is usually a comparison.
    let places = matches!(flow.sink, Sink::FileRead | Sink::FileWrite | Sink::Url);
    let unclear = places && passes(flow, &[GuardKind::Unclear]);
    let written =
        flow.whole && matches!(flow.sink, Sink::Sql | Sink::Shell | Sink::Process | Sink::Code);
    let doubted = unclear
        || passes(flow, &[GuardKind::Pattern, GuardKind::Quoted, GuardKind::BehindOption])
        || !written && passes(flow, &[GuardKind::DenyList]);
    Some((severity, if doubted { Confidence::Possible } else { Confidence::Likely }))
}

/// One finding for each parameter: those that the source shows, those that were done, and those that are both, which
/// are confirmed and have a place.
pub(super) fn both(
    check: &Check,
    evidence: &Evidence,
    sinks: &[Sink],
    of_flow: OfFlow,
    attacks: &[Attack],
    counts: fn(&Effect) -> bool,
) -> Vec<Finding> {
    let mut found: Vec<(String, String, Finding)> = Vec::new();
    for flow in flows(evidence, sinks) {
        let Some((severity, confidence)) = of_flow(flow) else { continue };
        let place = Location::Source(flow.place.clone());
        // Several tools may meet in one place, and each is a way in of its own.
        let one = (
            flow.handler.clone(),
            flow.parameter.clone(),
            of_source(check, flow, severity, confidence),
        );
        match found.iter_mut().find(|it| it.0 == flow.handler && it.2.location == place) {
            // Of several parameters of a tool that meet there, the one of which we are surest.
            Some(known) if known.2.confidence < confidence => *known = one,
            Some(_) => {}
            None => found.push(one),
        }
    }
    for (trial, effect) in hits(evidence, attacks).filter(|(_, effect)| counts(effect)) {
        let consequence =
            !matches!(trial.attack, Attack::CommandInjection | Attack::SqlWrite | Attack::SqlRead);
        if consequence && is_shell(evidence, trial) {
            continue;
        }
        let same = |it: &&mut (String, String, Finding)| {
            (it.0 == trial.tool || it.0 == "*") && it.1 == trial.parameter
        };
        match found.iter_mut().find(same) {
            Some((.., finding)) if finding.confidence == Confidence::Confirmed => {}
            Some((.., finding)) => confirm(finding, trial, effect, evidence),
            None => {
                let finding = of_trial(check, evidence, trial, effect, check.severity);
                found.push((trial.tool.clone(), trial.parameter.clone(), finding));
            }
        }
    }
    found.into_iter().map(|(.., finding)| finding).collect()
}

/// What the source shows.
pub(super) fn of_source(
    check: &Check,
    flow: &Flow,
    severity: Severity,
    confidence: Confidence,
) -> Finding {
    let guards: Vec<String> =
        flow.guards.iter().map(|guard| format!("`{}` at {}", guard.text, guard.place)).collect();
    let seen = match guards.as_slice() {
        [] => "nothing looks at it on the way".to_owned(),
        some => format!("on the way: {}", some.join(", ")),
    };
    Finding {
        check: check.id.to_owned(),
        severity,
        confidence,
        title: format!("{}: `{}` of `{}`", check.title, flow.parameter, flow.handler),
        location: Location::Source(flow.place.clone()),
        steps: flow.steps.clone(),
        reproducer: None,
        evidence: format!(
            "`{}` of `{}` arrives in `{}`; {seen}",
            flow.parameter, flow.handler, flow.call
        ),
    }
}

/// How bad a statement of the caller's is: the connection bounds it, or a statement, which the next one undoes.
pub(super) fn of_statement(flow: &Flow) -> Severity {
    if passes(flow, &[GuardKind::ReadOnly]) {
        return Severity::Medium;
    }
    match passes(flow, &[GuardKind::ReadOnlySaid]) {
        true => Severity::High,
        false => Severity::Critical,
    }
}

/// What was done.
pub(super) fn of_trial(
    check: &Check,
    evidence: &Evidence,
    trial: &Trial,
    effect: &Effect,
    severity: Severity,
) -> Finding {
    let parameter = (!trial.parameter.is_empty()).then(|| trial.parameter.clone());
    let named = parameter.as_ref().map(|it| format!("`{it}` of ")).unwrap_or_default();
    Finding {
        check: check.id.to_owned(),
        severity,
        confidence: Confidence::Confirmed,
        title: format!("{}: {named}`{}`", check.title, trial.tool),
        location: Location::Server {
            server: server(evidence),
            tool: Some(trial.tool.clone()),
            parameter,
        },
        steps: Vec::new(),
        reproducer: Some(trial.request.clone()),
        evidence: told(effect),
    }
}

/// A finding of the source that was done as well.
fn confirm(finding: &mut Finding, trial: &Trial, effect: &Effect, evidence: &Evidence) {
    finding.confidence = Confidence::Confirmed;
    finding.reproducer = Some(trial.request.clone());
    finding.evidence =
        format!("{}; done at {}: {}", finding.evidence, server(evidence), told(effect));
}

/// A finding about a server as a whole, or one of its tools.
pub(super) fn of_server(
    check: &Check,
    evidence: &Evidence,
    tool: Option<&str>,
    severity: Severity,
    confidence: Confidence,
    seen: String,
) -> Finding {
    let title =
        tool.map_or_else(|| check.title.to_owned(), |tool| format!("{}: `{tool}`", check.title));
    Finding {
        check: check.id.to_owned(),
        severity,
        confidence,
        title,
        location: Location::Server {
            server: server(evidence),
            tool: tool.map(str::to_owned),
            parameter: None,
        },
        steps: Vec::new(),
        reproducer: None,
        evidence: seen,
    }
}

/// One finding for each fact of a kind.
pub(super) fn facts(
    check: &Check,
    evidence: &Evidence,
    kind: FactKind,
    severity: Severity,
    confidence: Confidence,
) -> Vec<Finding> {
    let all = evidence.source.iter().flat_map(|source| &source.facts);
    let of = |fact: &Fact| Finding {
        check: check.id.to_owned(),
        severity,
        confidence,
        title: check.title.to_owned(),
        location: Location::Source(fact.place.clone()),
        steps: Vec::new(),
        reproducer: None,
        evidence: format!("`{}`", fact.text),
    };
    all.filter(|fact| fact.kind == kind).map(of).collect()
}

/// The server's name in locations: what it calls itself is a claim, so it is the target.
pub(super) fn server(evidence: &Evidence) -> String {
    evidence.target.clone()
}

/// An effect in words.
pub(super) fn told(effect: &Effect) -> String {
    match effect {
        Effect::CanaryRead { from } => format!("the secret that we planted at `{from}` came back"),
        Effect::CanaryWritten { file } => format!("`{file}` appeared outside of the project"),
        Effect::RootChanged { file } => format!("`{file}` changed"),
        Effect::Database { what } | Effect::Executed { what } | Effect::Accepted { what } => {
            what.clone()
        }
        Effect::Reached { address } => format!("our sink at {address} was reached"),
        Effect::Evaluated { expression } => format!("`{expression}` came back calculated"),
        Effect::Leaked { what } => format!("the answer tells `{what}`"),
        Effect::Flood { bytes } => format!("the answer has {bytes} bytes"),
        Effect::Swallowed => {
            "a message of ours was read by something else and never answered".to_owned()
        }
    }
}
