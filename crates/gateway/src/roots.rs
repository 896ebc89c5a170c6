//! The roots of a running server: what the operator granted, how it stands, and
//! what the box shows of it.
//!
//! Once a second we look whether a granted directory is still there and whether a
//! person took it back; a root around one that is not there is withdrawn with it. The
//! session judges by what is in force from that moment on; the box follows at once where
//! nobody holds a root, and else with a fresh process when a moment of grace is over
//! (`restart.rs`).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use portcullis_confine::{self as confine, Access, Applied, Profile, RootGrant};
use portcullis_guard::path as guarded;
use portcullis_mediation::grant::{GrantId, GrantKey};
use portcullis_store::{Grants, StoreError};

use crate::driver::{Driver, wall_clock};
use crate::fault::Fault;
use crate::launch::ceiling;
use crate::newcomer::Newcomers;

/// How often we look: a `stat` for each root, and one question to the store.
const LOOK: Duration = Duration::from_secs(1);

/// How long a server may hold a root that is not in force any more.
const GRACE: Duration = Duration::from_secs(5);

/// What we know of a server's roots.
#[derive(Debug)]
pub(crate) struct Keeper {
    granted: Vec<Granted>,
    /// What is in force, by the session's word.
    wanted: guarded::Roots,
    /// What the box shows.
    shown: Vec<RootGrant>,
    /// What the box refused to show: asking once is enough.
    refused: BTreeSet<PathBuf>,
    /// Since when the box has lagged behind.
    behind: Option<Instant>,
    next: Instant,
    pub(crate) grants: Grants,
    pub(crate) server: String,
    /// What the host may offer beyond that, once a person said yes.
    pub(crate) newcomers: Newcomers,
    home: Option<PathBuf>,
    /// How a fresh process is started.
    pub(crate) profile: Profile,
}

/// One root of the operator's.
#[derive(Debug)]
struct Granted {
    root: RootGrant,
    stands: Stands,
    /// A person let it in while the server ran.
    by: Option<By>,
}

/// Whose yes let a root in.
#[derive(Clone, Debug)]
enum By {
    /// One for this session.
    Session,
    /// One that stands for a while.
    Grant(GrantId, Box<GrantKey>),
}

/// How a root stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stands {
    There,
    /// It vanished or cannot be read, because of this.
    Gone(String),
    /// A person took it back.
    Revoked,
    /// The yes that let it in stands no more.
    Over,
    /// It would be there, but this other root, which is not, lies in it. Only the other's own
    /// mount and its own word keep that place as it was granted: without them it would be a
    /// part of this one, for whatever this one allows.
    Around(String),
}

impl Keeper {
    /// Writes down what a server is given; what a person took back before is not
    /// given again by a start.
    pub(crate) fn begin(
        roots: Vec<RootGrant>,
        newcomers: Newcomers,
        mut grants: Grants,
        server: &str,
        home: Option<&Path>,
    ) -> Result<Self, Fault> {
        for root in &roots {
            grants
                .give(server, &path(root), word(root.access), None, wall_clock())
                .map_err(|error| Fault::ours("a grant cannot be stored", error))?;
        }
        let granted =
            roots.into_iter().map(|root| Granted { root, stands: Stands::There, by: None });
        let mut keeper = Self {
            granted: granted.collect(),
            wanted: guarded::Roots::new(),
            shown: Vec::new(),
            refused: BTreeSet::new(),
            behind: None,
            next: Instant::now() + LOOK,
            grants,
            server: server.to_owned(),
            newcomers,
            home: home.map(Path::to_owned),
            profile: Profile::new(Vec::new()),
        };
        if let Some(news) = keeper.look(&[]) {
            tell!("portcullis: {server}: {news}");
        }
        keeper.wanted = ceiling(&keeper.there())?;
        keeper.shown = keeper.there();
        Ok(keeper)
    }

    /// The roots that are there and were not taken back.
    pub(crate) fn there(&self) -> Vec<RootGrant> {
        let there = self.granted.iter().filter(|granted| granted.stands == Stands::There);
        there.map(|granted| granted.root.clone()).collect()
    }

    pub(crate) fn ceilings(&self) -> &[RootGrant] {
        self.newcomers.ceilings()
    }

    pub(crate) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// There is something that may vanish or be taken back.
    pub(crate) fn has_roots(&self) -> bool {
        !self.granted.is_empty()
    }

    pub(crate) fn next_look(&self) -> Instant {
        self.next
    }

    /// A person let a root in: the ceiling from now on.
    pub(crate) fn let_in(
        &mut self,
        root: RootGrant,
        grant: Option<(GrantId, GrantKey)>,
        session: &str,
    ) -> Result<guarded::Roots, Fault> {
        self.grants
            .give(&self.server, &path(&root), word(root.access), Some(session), wall_clock())
            .map_err(|error| Fault::ours("a grant cannot be stored", error))?;
        let by = grant.map_or(By::Session, |(id, key)| By::Grant(id, Box::new(key)));
        self.granted.retain(|granted| granted.root.path != root.path);
        self.granted.push(Granted { root, stands: Stands::There, by: Some(by) });
        self.refused.clear();
        ceiling(&self.there())
    }

    /// The session is over, and with it what a person let in.
    pub(crate) fn end(&mut self, session: &str) -> Result<(), StoreError> {
        self.grants.end_session(session, wall_clock())
    }

    /// The grants that let roots in.
    pub(crate) fn by_grant(&self) -> Vec<(GrantId, GrantKey)> {
        let by = |granted: &Granted| match &granted.by {
            Some(By::Grant(id, key)) if granted.stands != Stands::Over => {
                Some((id.clone(), (**key).clone()))
            }
            _ => None,
        };
        self.granted.iter().filter_map(by).collect()
    }

    /// Looks how each root stands; the news, if there are any. These grants are over.
    fn look(&mut self, over: &[GrantId]) -> Option<String> {
        // What cannot be read is no: then every root counts as taken back.
        let revoked = self.grants.revoked(&self.server).ok();
        let mut alone = Vec::new();
        for granted in &mut self.granted {
            let stands = match &revoked {
                _ if granted.is_over(over) => Ok(Stands::Over),
                Some(revoked) if !revoked.contains(&path(&granted.root)) => stands(&granted.root),
                _ => Ok(Stands::Revoked),
            };
            alone.push(stands.unwrap_or_else(|other| granted.is_another(other)));
        }
        let together = self.together(alone);
        let mut news = String::new();
        for (granted, stands) in self.granted.iter_mut().zip(together) {
            let name = path(&granted.root);
            if stands == granted.stands {
                continue;
            }
            let shown = portcullis_guard::text::visible(&name);
            let separator = if news.is_empty() { "" } else { "; " };
            // Writing to a String cannot fail.
            let _written = match &stands {
                Stands::There => write!(news, "{separator}root {shown} is there again"),
                Stands::Around(inner) => write!(
                    news,
                    "{separator}root {shown} is withdrawn too: root {} lies in it, and would be \
                     open to whatever {shown} allows",
                    portcullis_guard::text::visible(inner)
                ),
                Stands::Gone(why) => write!(news, "{separator}root {shown} is withdrawn: {why}"),
                Stands::Over => write!(
                    news,
                    "{separator}root {shown} is withdrawn: the yes that let it in is over"
                ),
                Stands::Revoked if revoked.is_none() => {
                    write!(news, "{separator}root {shown} is withdrawn: grants cannot be read")
                }
                Stands::Revoked => write!(
                    news,
                    "{separator}root {shown} was taken back by a person: \
                     see `portcullis grants`, where it can be given again"
                ),
            };
            granted.stands = stands;
            self.refused.clear();
        }
        (!news.is_empty()).then_some(news)
    }

    /// How they stand together: a root is not there without those that lie in it.
    fn together(&self, alone: Vec<Stands>) -> Vec<Stands> {
        let places = self.granted.iter().map(|granted| &granted.root.path);
        let away = places.clone().zip(&alone).filter(|(_, stands)| **stands != Stands::There);
        let away: Vec<&PathBuf> = away.map(|(place, _)| place).collect();
        let stands = |(place, stands): (&PathBuf, Stands)| {
            let within = away.iter().find(|other| **other != place && other.starts_with(place));
            match (stands, within) {
                (Stands::There, Some(inner)) => Stands::Around(inner.display().to_string()),
                (stands, _) => stands,
            }
        };
        places.zip(alone).map(stands).collect()
    }

    /// What the box should show: the granted directories, or the parts of them
    /// that the host still offers.
    pub(crate) fn desired(&self) -> Vec<RootGrant> {
        let grant = |(root, access): (&guarded::Root, guarded::Access)| {
            let wanted = root.path();
            let access = match access {
                guarded::Access::Read => Access::ReadOnly,
                guarded::Access::Write => Access::ReadWrite,
            };
            let there = self.granted.iter().filter(|granted| granted.stands == Stands::There);
            let around = there.map(|granted| &granted.root);
            let around = around.filter(|root| Path::new(&wanted).starts_with(path(root)));
            let whole = around.max_by_key(|root| root.path.components().count())?;
            if path(whole) == wanted {
                Some(whole.clone())
            } else {
                self.part(whole, &wanted, access)
            }
        };
        self.wanted.iter().filter_map(grant).collect()
    }

    /// A directory inside a granted one, with what is protected there. One that is
    /// not there, or is a link to elsewhere, is not shown.
    fn part(&self, whole: &RootGrant, wanted: &str, access: Access) -> Option<RootGrant> {
        let mut part = confine::admit_root(Path::new(wanted), access, self.home.as_deref()).ok()?;
        let inside = part.path == Path::new(wanted) && part.path.starts_with(&whole.path);
        let places = || whole.protect.iter().map(|place| whole.path.join(place));
        if places().any(|place| part.path.starts_with(place)) {
            part.access = Access::ReadOnly;
            part.protect.clear();
        }
        if part.access == Access::ReadWrite {
            let within = |place: PathBuf| place.strip_prefix(&part.path).ok().map(Path::to_owned);
            let kept: Vec<PathBuf> = places().filter_map(within).collect();
            part.protect.extend(kept);
        }
        inside.then_some(part)
    }
}

impl Granted {
    fn is_over(&self, over: &[GrantId]) -> bool {
        let ended = matches!(&self.by, Some(By::Grant(id, _)) if over.contains(id));
        ended || self.stands == Stands::Over
    }

    /// The same name with another directory behind it. What a person was shown was the first.
    fn is_another(&mut self, other: RootGrant) -> Stands {
        if self.by.is_some() {
            return Stands::Gone("another directory stands in its place".to_owned());
        }
        self.root = other;
        Stands::There
    }
}

impl Driver {
    /// Looks whether a root vanished, returned, or was taken back.
    pub(crate) fn look_at_roots(&mut self, now: Instant) {
        if now < self.keeper.next {
            return;
        }
        self.keeper.next = now + LOOK;
        self.hear_the_doorbell();
        let over = self.grants_over();
        if let Some(news) = self.keeper.look(&over) {
            tell!("portcullis: {news}");
            let ceiling = ceiling(&self.keeper.there()).unwrap_or_else(|fault| {
                // Such a path was no root from the start; in doubt nothing is one.
                tell!("portcullis: every root is withdrawn: {fault}");
                guarded::Roots::new()
            });
            self.session.set_ceiling(ceiling, &news);
        }
        self.follow(now);
    }

    /// The session says what is in force: the box shows it, or will.
    pub(crate) fn roots_in_force(&mut self, roots: guarded::Roots, now: Instant) {
        self.keeper.wanted = roots;
        self.follow(now);
    }

    /// Brings the box to what is in force. What nobody holds changes now.
    fn follow(&mut self, now: Instant) {
        // A server that is somewhere else is shown no directory.
        let Some(custody) = &mut self.custody else { return };
        let desired = self.keeper.desired();
        let mut behind = Vec::new();
        for root in self.keeper.shown.clone() {
            if desired.iter().any(|wanted| same_place(wanted, &root)) {
                continue;
            }
            match custody.revoke(&root.path) {
                Ok(Applied::Live | Applied::Refused(_)) => {
                    self.keeper.shown.retain(|shown| shown.path != root.path);
                }
                Ok(other) => behind.push(told("is still shown", &root, &other)),
                // The box is gone, which its pipes tell too.
                Err(_) => return,
            }
        }
        for root in desired {
            let shown = |shown: &RootGrant| same_place(shown, &root) && shown.access == root.access;
            let known = self.keeper.shown.iter().any(shown);
            if known || self.keeper.refused.contains(&root.path) {
                continue;
            }
            match custody.grant(&root) {
                Ok(Applied::Live) => {
                    self.keeper.shown.retain(|shown| shown.path != root.path);
                    self.keeper.shown.push(root);
                }
                Ok(Applied::Refused(why)) => {
                    self.session.note_roots(&format!("root {} is not shown: {why}", path(&root)));
                    self.keeper.refused.insert(root.path);
                }
                Ok(other) => behind.push(told("is not shown yet", &root, &other)),
                Err(_) => return,
            }
        }
        self.lag(&behind, now);
    }

    /// A box that lags behind is exchanged when the grace is over.
    fn lag(&mut self, behind: &[String], now: Instant) {
        if behind.is_empty() {
            self.keeper.behind = None;
            return;
        }
        let why = behind.join("; ");
        match self.keeper.behind {
            None => {
                self.keeper.behind = Some(now);
                self.session.note_roots(&why);
            }
            Some(since) if now >= since + GRACE && self.session.may_restart() => {
                self.keeper.behind = None;
                self.restart(&why, now);
            }
            Some(_) => {}
        }
    }

    /// A fresh box shows what is in force.
    pub(crate) fn shows(&mut self, roots: Vec<RootGrant>) {
        self.keeper.shown = roots;
    }
}

/// What became of a root, for the journal.
fn told(what: &str, root: &RootGrant, applied: &Applied) -> String {
    let why = match applied {
        Applied::Busy(holders) if holders.is_empty() => "something in flight holds it".to_owned(),
        Applied::Busy(holders) => {
            holders.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        Applied::Restart(why) | Applied::Refused(why) => why.clone(),
        Applied::Live => String::new(),
    };
    format!("root {} {what}: {why}", path(root))
}

/// The same directory, not only the same name.
fn same_place(one: &RootGrant, other: &RootGrant) -> bool {
    let place = |root: &RootGrant| (root.path.clone(), root.device, root.inode);
    place(one) == place(other)
}

/// How a granted directory stands. An error is the same name with another
/// directory behind it, admitted anew.
fn stands(root: &RootGrant) -> Result<Stands, RootGrant> {
    use rustix::fs::{Access as May, AtFlags, CWD, accessat};
    // A root may lie where only its owner looks; it was admitted with what is asleep now.
    let _awake = confine::own::wake();
    let gone = |error: String| Ok(Stands::Gone(error));
    let now = match confine::admit_root(&root.path, root.access, None) {
        Ok(now) => now,
        Err(refused) => return gone(refused.to_string()),
    };
    if now.path != root.path {
        return gone("a link stands in its place".to_owned());
    }
    let may = May::READ_OK | May::EXEC_OK;
    if let Err(error) = accessat(CWD, &root.path, may, AtFlags::empty()) {
        return gone(error.to_string());
    }
    if same_place(&now, root) {
        return Ok(Stands::There);
    }
    Err(RootGrant { device: now.device, inode: now.inode, ..root.clone() })
}

/// A root's path as the session and the store have it.
fn path(root: &RootGrant) -> String {
    root.path.display().to_string()
}

fn word(access: Access) -> &'static str {
    match access {
        Access::ReadOnly => "ro",
        Access::ReadWrite => "rw",
    }
}
