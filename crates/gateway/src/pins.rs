//! Pins between the session and the store: held against a start, stored when
//! something is seen, read again when a person may have accepted something.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use portcullis_config as config;
use portcullis_journal::{Event, Record};
use portcullis_mediation::pin::{
    Change, Definition, Mode, Part, Pinning, Place, Section, Sighting, Surroundings, compare,
};
use portcullis_mediation::{Acceptance, ApprovalId};
use portcullis_mediation::{Layer, Without};
use portcullis_policy::{Ask, Principal};
use portcullis_store::{Approvals, Database, Journal, PinStore as _, Pins, StoreError};

use crate::consent::{Beside, Launch, Word, all_marks, decided_by};
use crate::driver::{Driver, wall_clock};
use crate::fault::Fault;
use crate::identity;
use crate::launch::Plan;
use crate::reach::Reach;

/// How often the store is looked at while something is withheld.
const LOOK: Duration = Duration::from_millis(250);

/// Whoever can be asked about a part of a start.
pub(crate) struct Asking<'a> {
    pub(crate) approvals: &'a mut Approvals,
    /// What is new is asked about too, if the operator wants that.
    pub(crate) first: bool,
    /// What is shown with it; it is looked at when somebody is asked.
    pub(crate) beside: &'a dyn Fn(&portcullis_mediation::pin::Pins) -> Result<Beside, Fault>,
}

/// What waits for a person.
struct Asked {
    part: Part,
    seen: Definition,
    changes: Vec<Change>,
    note: String,
    beside: Beside,
}

/// The pins of one server.
#[derive(Debug)]
pub(crate) struct PinKeeper {
    pins: Pins,
    /// The server's name in pins.
    server: String,
    changes: u64,
    next: Option<Instant>,
    without: Without,
}

impl PinKeeper {
    /// Opens the pins of a plan's server.
    pub(crate) fn open(plan: &Plan, database: &Database) -> Result<Self, Fault> {
        let mut pins = Pins::of(database);
        let changes = pins.changes().map_err(|error| lost(&error))?;
        Ok(Self {
            pins,
            server: plan.pins.clone(),
            changes,
            next: None,
            without: Without::default(),
        })
    }

    /// The same, in a test that leaves a layer out.
    pub(crate) fn without(mut self, without: Without) -> Self {
        self.without = without;
        self
    }

    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.next
    }

    /// What the session is told.
    pub(crate) fn pinning(&mut self, plan: &Plan, cwd: Option<&str>) -> Result<Pinning, Fault> {
        let pins = self.pins.load(&self.server).map_err(|error| lost(&error))?;
        let neighbours = self.pins.neighbours(&self.server).map_err(|error| lost(&error))?;
        let surroundings = surroundings(plan, cwd);
        let asks = plan.server.rules.mode != Ask::Never;
        Ok(Pinning { mode: mode(plan), pins, surroundings, asks, neighbours })
    }

    /// Holds a part of the launch against its pin. What drifted does not start;
    /// what is new is pinned. Where there is somebody to ask, a person may accept it: true
    /// when one did, some time after it was looked at.
    pub(crate) fn hold(
        &mut self,
        plan: &Plan,
        journal: &mut Journal,
        name: &str,
        seen: Definition,
        asking: Option<Asking<'_>>,
    ) -> Result<bool, Fault> {
        if self.without.is(Layer::Pins) {
            return Ok(false);
        }
        let part = Part::new(Section::Launch, name);
        let first = asking.as_ref().is_some_and(|asking| asking.first);
        let pins = self.pins.load(&self.server).map_err(|error| lost(&error))?;
        let pinned = pins.parts.get(&part);
        let changes =
            pinned.map(|pinned| compare(Section::Launch, pinned, &seen, &Surroundings::default()));
        let fields = |changes: &[Change]| {
            changes.iter().map(|change| change.field.clone()).collect::<Vec<_>>().join(", ")
        };
        let note = match (&changes, pinned) {
            (Some(changes), _) if changes.is_empty() => return Ok(false),
            (Some(changes), Some(pinned)) if self.only_older(plan, changes, &seen) => {
                let note = "the values of its variables are seen for the first time and pinned";
                self.record(plan, journal, Event::Pinned, note)?;
                let risen = (pinned.definition.clone(), seen);
                let risen = BTreeMap::from([(part, risen)]);
                self.keep(&Sighting { risen, ..Sighting::default() })
                    .map_err(|error| lost(&error))?;
                return Ok(false);
            }
            (Some(changes), _) => format!("{} changed", fields(changes)),
            (None, _) if first && self.asks_first(plan) => {
                format!("the {name} was not accepted yet")
            }
            (None, _) => {
                let note = format!("the {name} is seen for the first time and pinned");
                self.record(plan, journal, Event::Pinned, &note)?;
                let first = BTreeMap::from([(part, seen)]);
                self.keep(&Sighting { first, ..Sighting::default() })
                    .map_err(|error| lost(&error))?;
                return Ok(false);
            }
        };
        let changes = changes.unwrap_or_default();
        let (beside, approvals) = match asking {
            Some(asking) => ((asking.beside)(&pins)?, Some(asking.approvals)),
            None => (Beside::default(), None),
        };
        let what = Asked { part, seen, changes, note, beside };
        self.ask(plan, journal, approvals, &what)
    }

    /// Holds what a server is given against what a yes to its start covered. Nobody is asked
    /// where nobody was: the operator's word is enough there.
    pub(crate) fn hold_reach(
        &mut self,
        plan: &Plan,
        journal: &mut Journal,
        reach: &Reach,
        approvals: &mut Approvals,
    ) -> Result<bool, Fault> {
        if self.without.is(Layer::Pins) {
            return Ok(false);
        }
        let pins = self.pins.load(&self.server).map_err(|error| lost(&error))?;
        let seen = reach.definition();
        let (note, changes) = match reach.beyond(&pins) {
            Some((_, more)) if more.is_empty() => return Ok(false),
            Some((nearest, more)) => {
                let pinned = pins.parts.get(&nearest);
                let told = Surroundings::default();
                let changes = pinned.map(|pinned| compare(Section::Launch, pinned, &seen, &told));
                (format!("more than was approved: {}", more.join(", ")), changes)
            }
            None if mode(plan) != Mode::Ask => return Ok(false),
            None => ("what it is given was not accepted yet".to_owned(), None),
        };
        let changes = changes.unwrap_or_default();
        let what = Asked { part: Reach::part(), seen, changes, note, beside: Beside::default() };
        self.ask(plan, journal, Some(approvals), &what)
    }

    /// What is not as it was approved waits for a person; true when one says yes to it.
    fn ask(
        &mut self,
        plan: &Plan,
        journal: &mut Journal,
        approvals: Option<&mut Approvals>,
        what: &Asked,
    ) -> Result<bool, Fault> {
        let Asked { part, seen, changes, note, beside } = what;
        self.record(plan, journal, Event::Drifted, note)?;
        let all = || std::iter::once((part, seen)).chain(beside.parts.iter().map(|(p, s)| (p, s)));
        let drifted = all().map(|(part, seen)| (part.clone(), seen.clone())).collect();
        self.keep(&Sighting { drifted, ..Sighting::default() }).map_err(|error| lost(&error))?;
        if mode(plan) == Mode::Note {
            return Ok(false);
        }
        let Some(approvals) = approvals else { return Err(self.refusal(plan, note, None)) };
        let launch = Launch { plan, part: &part.name, seen, changes, why: note, beside };
        match launch.ask(journal, approvals)? {
            Word::Yes(by) => {
                let told = format!("{by} accepts the {}", part.name);
                launch.record(journal, Event::Pinned, &told, None)?;
                for (part, seen) in all() {
                    let seen = (seen, &Surroundings::default());
                    let taken = self.pins.answered(&self.server, part, seen, &by, wall_clock());
                    if !taken.map_err(|error| lost(&error))? {
                        return Err(self.refusal(plan, note, None));
                    }
                }
                Ok(true)
            }
            Word::No(id) => {
                launch.record(journal, Event::Denied, "a person said no", Some(&id))?;
                Err(self.refusal(plan, "a person said no", Some(&id)))
            }
            Word::Nothing(id) => {
                launch.record(journal, Event::Denied, "nobody has answered", Some(&id))?;
                Err(self.refusal(plan, note, Some(&id)))
            }
            Word::Unasked => Err(self.refusal(plan, note, None)),
        }
    }

    /// Nothing changed but that the pin is of a release which did not know the values of
    /// variables: they are seen for the first time, and treated like a first start.
    fn only_older(&self, plan: &Plan, changes: &[Change], seen: &Definition) -> bool {
        let values = |change: &Change| change.field == identity::VALUES && change.before.is_none();
        let none = identity::variables(seen).is_empty();
        changes.iter().all(values) && (none || !self.asks_first(plan))
    }

    /// Whether a command that was never approved is asked about. A person who typed it has
    /// seen it.
    fn asks_first(&self, plan: &Plan) -> bool {
        match mode(plan) {
            Mode::Ask => true,
            Mode::First => {
                let grave = all_marks(&plan.server).iter().any(|mark| mark.grave);
                grave && !crate::consent::at_terminal()
            }
            Mode::Note => false,
        }
    }

    fn refusal(&self, plan: &Plan, note: &str, approval: Option<&ApprovalId>) -> Fault {
        let (name, key) = (&plan.server.name, &self.server);
        let asked = approval.map(|id| format!("`portcullis approvals show {id}`, or "));
        let asked = asked.unwrap_or_default();
        let why = format!(
            "{name} is not started: {note}: see {asked}`portcullis pins diff {key}`, then \
             `portcullis pins accept {key}`; another server needs a name of its own: --name"
        );
        match approval {
            None => Fault::Operator(why),
            Some(id) => Fault::Unapproved {
                why,
                public: format!(
                    "the server was not started: a person has to approve it first, with \
                     `portcullis approvals show {id}`; then start it again"
                ),
            },
        }
    }

    /// Keeps a sighting; the pins in force when somebody else was faster.
    fn keep(
        &mut self,
        sighting: &Sighting,
    ) -> Result<Option<portcullis_mediation::pin::Pins>, StoreError> {
        self.pins.sighted(&self.server, sighting, wall_clock())
    }

    /// Pins each part that still waits as it was shown; the pins in force then, and the
    /// parts that are something else by now.
    fn accept(
        &mut self,
        Acceptance { drift, surroundings, .. }: &Acceptance,
        by: &str,
    ) -> Result<(portcullis_mediation::pin::Pins, Vec<Part>), StoreError> {
        let mut others = Vec::new();
        for (part, seen) in &drift.parts {
            let seen = (seen, surroundings);
            if !self.pins.answered(&self.server, part, seen, by, wall_clock())? {
                others.push(part.clone());
            }
        }
        Ok((self.pins.load(&self.server)?, others))
    }

    fn record(
        &self,
        plan: &Plan,
        journal: &mut Journal,
        event: Event,
        note: &str,
    ) -> Result<(), Fault> {
        let principal = Principal::user(rustix::process::getuid().as_raw());
        let mut record = Record::new(event, "launch", &plan.server.name, &principal);
        let shown = identity::started(&plan.server);
        record.note = Some(format!("{note}: {}", portcullis_guard::redact(&shown)));
        let written = journal.append(&record, wall_clock());
        written.map(|_| ()).map_err(|error| Fault::ours("the journal cannot be written", error))
    }

    /// The pins, when another process wrote since the last look.
    fn changed(&mut self) -> Result<Option<portcullis_mediation::pin::Pins>, StoreError> {
        let changes = self.pins.changes()?;
        if std::mem::replace(&mut self.changes, changes) == changes {
            return Ok(None);
        }
        self.pins.load(&self.server).map(Some)
    }
}

fn lost(error: &StoreError) -> Fault {
    Fault::ours("pins cannot be read or stored, so nothing is started", error)
}

fn mode(plan: &Plan) -> Mode {
    match plan.server.pins {
        config::Pins::Note => Mode::Note,
        config::Pins::First => Mode::First,
        config::Pins::Ask => Mode::Ask,
    }
}

/// What the server's process is told of its surroundings, in every spelling that
/// it could find: a definition may name these and is still the same.
fn surroundings(plan: &Plan, cwd: Option<&str>) -> Surroundings {
    let mut told = Surroundings::default();
    if let Some(cwd) = cwd {
        told.tell(Place::Cwd, cwd);
    }
    for zone in zones(plan) {
        told.tell(Place::Timezone, &zone);
    }
    told
}

/// The time zone by name: the variable's, else the machine's.
fn zones(plan: &Plan) -> BTreeSet<String> {
    let variable = plan.environment.get("TZ").and_then(|zone| zone.to_str());
    let variable = variable.map(|zone| zone.trim_start_matches(':').to_owned());
    let link = std::fs::canonicalize("/etc/localtime").ok();
    let link = link.as_deref().and_then(Path::to_str).and_then(|path| path.split_once("zoneinfo/"));
    let written = std::fs::read_to_string("/etc/timezone").ok();
    let machine =
        [link.map(|(_, zone)| zone.to_owned()), written.map(|zone| zone.trim().to_owned())];
    let mut zones: BTreeSet<String> = match variable.filter(|zone| !zone.is_empty()) {
        Some(zone) => BTreeSet::from([zone]),
        None => machine.into_iter().flatten().filter(|zone| !zone.is_empty()).collect(),
    };
    // One zone with many names (tz database, `backward`); without any name it is UTC.
    const UTC: [&str; 6] = ["UTC", "Etc/UTC", "Etc/UCT", "Etc/Zulu", "Universal", "Zulu"];
    if zones.is_empty() || zones.iter().any(|zone| UTC.contains(&zone.as_str())) {
        zones.extend(UTC.map(str::to_owned));
    }
    zones
}

impl Driver {
    /// Stores what the session saw. Until that is done, nothing of it is used.
    pub(crate) fn sighted(&mut self, sighting: &Sighting) {
        match self.pins.keep(sighting) {
            Ok(None) => {}
            Ok(Some(pins)) => self.session.repinned(pins),
            Err(error) => self.pins_lost(&error),
        }
    }

    /// Pins what a person was shown and said yes to; whatever it is by now stays withheld.
    pub(crate) fn accept(&mut self, acceptance: &Acceptance) {
        let by = decided_by(&mut self.approvals, &acceptance.approval);
        match self.pins.accept(acceptance, &by) {
            Ok((pins, others)) => {
                self.session.not_accepted(acceptance, &others);
                self.session.repinned(pins);
            }
            Err(error) => self.pins_lost(&error),
        }
    }

    /// Looks whether a person accepted what is withheld.
    pub(crate) fn look_for_pins(&mut self, now: Instant) {
        if !self.session.awaits_acceptance() {
            self.pins.next = None;
            return;
        }
        if self.pins.next.is_some_and(|next| now < next) {
            return;
        }
        self.pins.next = Some(now + LOOK);
        match self.pins.changed() {
            Ok(None) => {}
            Ok(Some(pins)) => self.session.repinned(pins),
            Err(error) => self.pins_lost(&error),
        }
    }

    fn pins_lost(&mut self, error: &StoreError) {
        tell!("portcullis: pins cannot be kept, so calls stop: {error}");
        self.session.pins_lost();
    }
}
