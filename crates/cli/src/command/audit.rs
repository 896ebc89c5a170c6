//! `portcullis audit`: looks at what it was given, judges what it saw, prints and ends accordingly.

mod asked;
mod bundle;
mod guard;
mod package;
mod policy;
mod progress;

use std::fs;
use std::path::Path;
use std::time::Instant;

use portcullis_audit::evidence::{Evidence, FORMAT, Http, Live, Source, introduce};
use portcullis_audit::probe;
use portcullis_audit::probe::Doing;
use portcullis_audit::probe::http::Credential;
use portcullis_audit::probe::live::Again;
use portcullis_audit::report::{self, Report};
use portcullis_audit::{Finding, Severity};
use portcullis_guard::egress::{NotAUrl, Url};
use portcullis_guard::secret::SecretString;

use crate::args::{Audit, Format, Persona};
use crate::exit::{Exit, Trouble};
use crate::{state, style};
use asked::Kind;
use progress::Progress;

/// The largest file of evidence that is read: what the probes keep is bounded far below it.
const MOST_EVIDENCE: u64 = 64 << 20;

pub(super) fn run(args: &Audit) -> Result<Exit, Trouble> {
    asked::fits(args)?;
    let baseline = known(args)?;
    args.write_policy.as_deref().map(policy::is_free).transpose()?;
    let wants = |finding: &Finding| args.persona.wants(finding.severity, finding.confidence);
    let mut seen = look(args, &Progress::start())?;
    introduce(&mut seen);
    save(args, &seen)?;
    let policy = args.write_policy.as_deref().map(|file| (file, policy::of(&seen)));
    let reports: Vec<Report> = seen
        .into_iter()
        .map(|evidence| Report::new(evidence, &baseline, args.persona != Persona::Auditor, wants))
        .collect();
    if let Some(file) = &args.write_baseline {
        write(file, &format!("{}\n", report::known_of(&reports).join("\n")))?;
    }
    let text = written(args, &reports)?;
    match &args.output {
        Some(file) => write(file, &text)?,
        None => style::print(&text)?,
    }
    if let Some((file, policy)) = policy {
        policy::write(file, &policy?)?;
    }
    end(args, &reports)
}

/// Nothing that could be tested is no clean bill; otherwise the worst finding decides.
fn end(args: &Audit, reports: &[Report]) -> Result<Exit, Trouble> {
    let untested = reports.iter().find(|report| !report.tested() && report.findings.is_empty());
    if let Some(report) = untested {
        let target = &report.evidence.target;
        let said = match report.unbrought() {
            Some(_) => format!("`{target}` could not be brought, so nothing of it was tested"),
            None => format!("nothing of `{target}` could be tested"),
        };
        return Err(Trouble::new(Exit::Nothing, said));
    }
    let worst = reports.iter().filter_map(Report::worst).max();
    Ok(match worst.filter(|worst| *worst >= args.fail_on.severity()) {
        None => Exit::Clean,
        Some(Severity::Note) => Exit::Note,
        Some(Severity::Low) => Exit::Low,
        Some(Severity::Medium) => Exit::Medium,
        Some(Severity::High) => Exit::High,
        Some(Severity::Critical) => Exit::Critical,
    })
}

/// What is seen of every target. A tree and a command are one target: what the source shows and what is done meet.
fn look(args: &Audit, progress: &Progress) -> Result<Vec<Evidence>, Trouble> {
    let doing = &progress.doing;
    let of = |kind: Kind| args.targets.iter().filter(move |it| Kind::of(it) == kind);
    let (published, bundles): (Vec<_>, Vec<_>) =
        (of(Kind::Published).collect(), of(Kind::Bundle).collect());
    let mut seen = of(Kind::Saved).map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    for file in of(Kind::Config) {
        let read = probe::config::look(file);
        let unread = |error| Trouble { exit: Exit::Nothing, ..Trouble::failed(&error) };
        let config = read.map_err(unread)?;
        let target = evidence(&file.display().to_string(), None, None);
        seen.push(Evidence { config: Some(config), ..target });
    }
    let brought = package::bring(args, &published, doing)?;
    for (target, fetched) in published.iter().zip(&brought) {
        let tree = fetched.source.as_deref().map(|tree| source(tree, args, doing)).transpose()?;
        let target = evidence(&target.display().to_string(), tree, None);
        seen.push(Evidence { package: Some(fetched.package.clone()), ..target });
    }
    let opened = bundle::open(&bundles)?;
    for (target, opened) in bundles.iter().zip(&opened) {
        let tree = Some(source(&opened.tree(), args, doing)?);
        let target = evidence(&target.display().to_string(), tree, None);
        seen.push(Evidence { bundle: Some(opened.bundle.clone()), ..target });
    }
    for tree in of(Kind::Tree) {
        seen.push(evidence(&tree.display().to_string(), Some(source(tree, args, doing)?), None));
    }
    let mut again = None;
    let (http, live) = match (args.url.as_ref().or(args.listens_at.as_ref()), &args.command) {
        (Some(url), _) => {
            let (http, live) = over_http(args, url, doing)?;
            (Some(http), live)
        }
        (None, command)
            if command.is_empty() && !package::starts(&brought) && !bundle::starts(&opened) =>
        {
            return Ok(seen);
        }
        (None, _) => {
            let order = bundle::started(package::started(started(args, doing), &brought), &opened);
            let (mut live, more) = probe::live::begin(&order);
            package::named(&mut live, &brought);
            bundle::named(&mut live, &opened);
            again = more;
            (None, live)
        }
    };
    let at = beside(args, &seen, package::starts(&brought));
    let target = args.url.clone().unwrap_or_else(|| called(&live.command));
    let both = match at {
        Some(at) => seen.remove(at),
        None => evidence(&target, None, None),
    };
    let mut both = Evidence { http, live: Some(live), ..both };
    if args.guarded {
        guarded(&mut both, again.as_ref(), progress)?;
    }
    seen.insert(at.unwrap_or(seen.len()), both);
    Ok(seen)
}

/// Which target a server belongs to that was started: the package or the bundle that it is of, else the first that was read.
fn beside(args: &Audit, seen: &[Evidence], is_package: bool) -> Option<usize> {
    let fits = |it: &Evidence| (it.source.is_some() || it.package.is_some()) && it.live.is_none();
    let own = |it: &Evidence| if is_package { it.package.is_some() } else { it.bundle.is_some() };
    match args.command.is_empty() && args.url.is_none() {
        true => seen.iter().rposition(own),
        false => seen.iter().position(fits),
    }
}

/// The same probes behind the gateway, under the policy that the first ones gave. A server of which nothing is known has
/// none: the report says what there is.
fn guarded(
    evidence: &mut Evidence,
    again: Option<&Again>,
    progress: &Progress,
) -> Result<(), Trouble> {
    let (Ok(policy), Some(again)) = (policy::of(std::slice::from_ref(evidence)), again) else {
        progress.say(
            "portcullis: nothing was tried behind the gateway: the server was not seen at work",
        );
        return Ok(());
    };
    let came = again.behind(&guard::Ourselves::found()?, &policy);
    if let Some(live) = &mut evidence.live {
        live.guarded = Some(Box::new(came));
    }
    Ok(())
}

/// A server as a person calls it: the file that is run, else the program.
fn called(command: &[String]) -> String {
    let script = command.iter().skip(1).find(|word| Path::new(word.as_str()).extension().is_some());
    let word = script.or(command.first()).map_or("server", String::as_str);
    Path::new(word).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn evidence(target: &str, source: Option<Source>, live: Option<Live>) -> Evidence {
    Evidence { source, live, ..Evidence::of(target) }
}

fn source(tree: &Path, args: &Audit, doing: &Doing) -> Result<Source, Trouble> {
    let budget = probe::source::Budget::until(Instant::now() + args.timeout);
    probe::source::look_and_tell(tree, &budget, doing)
        .map_err(|error| Trouble::new(Exit::Nothing, error.to_string()))
}

/// Its own command, our `PATH` and nothing else of ours.
fn started(args: &Audit, doing: &Doing) -> probe::live::Order {
    let mut order = probe::live::Order::new(args.command.clone());
    order.time = args.timeout;
    order.home = state::home();
    order.doing = doing.clone();
    if let Some(path) = std::env::var_os("PATH") {
        order.path = path;
    }
    order
}

/// A server at an address: one that runs, or one that is started and listens there.
fn over_http(args: &Audit, url: &str, doing: &Doing) -> Result<(Http, Live), Trouble> {
    let url = match Url::new(url) {
        Err(NotAUrl::Plain) if args.url.is_some() => {
            return Ok(probe::http::unsent(&portcullis_guard::redact(url)));
        }
        _ => asked::address(args, url)?,
    };
    let mut order = probe::http::Order::new(url);
    order.time = args.timeout;
    order.credentials = credentials(args)?;
    order.server = args.listens_at.is_some().then(|| started(args, doing));
    doing.now("asking the server over HTTP");
    Ok(probe::http::look(&order))
}

/// How we identify ourselves, out of our own environment.
fn credentials(args: &Audit) -> Result<Vec<Credential>, Trouble> {
    let bearer = args.bearer_env.iter().map(|name| ("authorization", "Bearer ", name));
    let headers = args.headers.iter().map(|(header, name)| (header.as_str(), "", name));
    let read = |(header, scheme, variable): (&str, &str, &String)| {
        let value = std::env::var(variable).map_err(|_| {
            let said = format!("variable `{variable}` is not set, and `{header}` comes from it");
            Trouble::new(Exit::Usage, said)
        })?;
        Ok(Credential {
            name: header.to_owned(),
            value: SecretString::new(format!("{scheme}{value}")),
            shown: format!("{scheme}${variable}"),
        })
    };
    bearer.chain(headers).map(read).collect()
}

fn is_evidence(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "evidence")
}

fn read(file: &Path) -> Result<Evidence, Trouble> {
    let unfit = |why: String| {
        Trouble::new(Exit::Usage, format!("`{}` is no evidence: {why}", file.display()))
    };
    let size = fs::metadata(file).map_err(|error| unfit(error.to_string()))?.len();
    if size > MOST_EVIDENCE {
        return Err(unfit(format!("it has {size} bytes")));
    }
    let text = fs::read_to_string(file).map_err(|error| unfit(error.to_string()))?;
    let evidence: Evidence =
        serde_json::from_str(&text).map_err(|error| unfit(error.to_string()))?;
    match evidence.format {
        FORMAT => Ok(evidence),
        other => Err(unfit(format!("its format is {other}, and this release reads {FORMAT}"))),
    }
}

fn save(args: &Audit, seen: &[Evidence]) -> Result<(), Trouble> {
    match (&args.save_evidence, seen) {
        (None, _) => Ok(()),
        (Some(file), [one]) => {
            let text =
                serde_json::to_string_pretty(one).map_err(|error| Trouble::failed(&error))?;
            write(file, &format!("{text}\n"))
        }
        (Some(_), _) => {
            Err(Trouble::new(Exit::Usage, "--save-evidence takes one target at a time"))
        }
    }
}

fn known(args: &Audit) -> Result<Vec<String>, Trouble> {
    let Some(file) = &args.baseline else { return Ok(Vec::new()) };
    let unfit = |error: std::io::Error| {
        Trouble::new(Exit::Usage, format!("cannot read the baseline `{}`: {error}", file.display()))
    };
    Ok(fs::read_to_string(file)
        .map_err(unfit)?
        .lines()
        .map(|line| line.trim().to_owned())
        .collect())
}

fn written(args: &Audit, reports: &[Report]) -> Result<String, Trouble> {
    let json = |value: &serde_json::Value| {
        serde_json::to_string_pretty(value)
            .map(|text| format!("{text}\n"))
            .map_err(|error| Trouble::failed(&error))
    };
    let format = if args.json { Format::Json } else { args.format };
    match format {
        Format::Text => {
            Ok(reports.iter().map(|report| report::text::report(report, args.verbose)).collect())
        }
        Format::Markdown => Ok(reports.iter().map(report::markdown::report).collect()),
        Format::Html => Ok(report::html::reports(reports)),
        Format::Sarif => {
            json(&report::sarif::reports(reports, std::env::current_dir().ok().as_deref()))
        }
        Format::Json => {
            let mut all: Vec<_> = reports.iter().map(report::json::report).collect();
            match all.len() {
                1 => json(&all.remove(0)),
                _ => json(&serde_json::Value::Array(all)),
            }
        }
    }
}

fn write(file: &Path, text: &str) -> Result<(), Trouble> {
    let failed =
        |error| Trouble::new(Exit::Failed, format!("cannot write `{}`: {error}", file.display()));
    fs::write(file, text).map_err(failed)
}
