//! Places that a program has no business in, written out in its source: where others keep credentials, and where
//! programs are started from. No client has a hand in them; the author wrote them down.

use crate::evidence::source::{FactKind, Sink};

use super::sharing::host_of;
use super::sinks::Asked;
use super::taint::World;
use super::taint::value::{self, Id, Node};

/// Keys of a person, and what only a program's own user reads.
const KEYS: &[&str] = &[
    ".ssh/id_",
    ".gnupg/",
    "Login Data",
    "logins.json",
    "key4.db",
    "wallet.dat",
    ".config/solana/id.json",
    "/etc/shadow",
];
/// Credentials for services, each of another program.
const CREDENTIALS: &[&str] = &[
    ".aws/credentials",
    ".azure/",
    "gcloud/credentials.db",
    "application_default_credentials.json",
    ".docker/config.json",
    ".kube/config",
    ".netrc",
    ".git-credentials",
    ".pypirc",
    ".npmrc",
    ".config/gh/hosts.yml",
    ".vault-token",
    ".terraform.d/credentials",
];
/// What is started without anybody asking for it, or lets somebody in.
const STARTS: &[&str] = &[
    "authorized_keys",
    "/etc/cron",
    "/var/spool/cron",
    "/etc/rc.local",
    "/etc/systemd/system",
    ".config/systemd/user",
    "LaunchAgents/",
    "LaunchDaemons/",
    ".config/autostart",
    "/etc/ld.so.preload",
    "/etc/profile",
    "/etc/sudoers",
    "/etc/pam.d",
    ".bashrc",
    ".bash_profile",
    ".zshrc",
    "Programs/Startup",
];
/// The same by a command.
const COMMANDS: &[&str] = &[
    "| crontab",
    "crontab -\n",
    "systemctl\nenable",
    "systemctl enable",
    "launchctl\nload",
    "launchctl load",
    "schtasks /create",
    "CurrentVersion\\Run",
    "update-rc.d",
];
/// Where a cloud tells a machine who it is, and gives it credentials.
const METADATA: &[&str] = &[
    "169.254.169.254",
    "metadata.google.internal",
    "fd00:ec2::254",
    "100.100.100.200",
    "169.254.170.2",
];
/// What of it is no secret.
const PUBLIC: &[&str] = &[
    "/placement/",
    "/instance-id",
    "/instance-type",
    "/local-ipv4",
    "/public-ipv4",
    "/hostname",
    "/ami-id",
    "/region",
    "/zone",
    "/machine-type",
    "/project-id",
    "/latest/api/token",
];
/// How much of a value is spelled out.
const MOST: u32 = 400;

impl World<'_> {
    /// Looks at what arrives where files, commands and addresses are named.
    pub(super) fn note_places(&mut self, sink: Sink, asked: &Asked<'_>, arriving: &[Id]) {
        let kinds: &[(FactKind, &[&str])] = match sink {
            Sink::FileRead => {
                &[(FactKind::TakesKeys, KEYS), (FactKind::TakesCredentials, CREDENTIALS)]
            }
            Sink::FileWrite => &[(FactKind::Plants, STARTS)],
            Sink::Shell | Sink::Process => &[(FactKind::Plants, COMMANDS)],
            Sink::Url => &[(FactKind::SendsOut, &["://"])],
            _ => return,
        };
        if asked.at.line == 0 {
            return;
        }
        let spelled = self.spelled(arriving);
        // What Windows writes is the same place.
        let text = spelled.replace("\\\\", "/").replace("//.", "/.");
        let metadata = METADATA.iter().find(|it| sink == Sink::Url && text.contains(**it));
        if let Some(met) = metadata {
            return self.note_metadata(asked, met, &text, arriving);
        }
        for (kind, places) in kinds {
            let met: Vec<&str> =
                places.iter().copied().filter(|place| text.contains(place)).collect();
            let near = *kind == FactKind::SendsOut && host_of(&text).is_none();
            if !met.is_empty() && !near {
                let met: Vec<&str> = met.iter().map(|it| it.trim()).collect();
                let told = format!("{}: {}", met.join(", "), self.call_text(asked.at));
                let _new = self.noted.entry((*kind, asked.at)).or_insert(told);
            }
        }
    }

    /// A client's wish asks the machine's own cloud; what is asked for at other times is the server's own.
    fn note_metadata(&mut self, asked: &Asked<'_>, met: &str, text: &str, arriving: &[Id]) {
        if !self.handling {
            return;
        }
        let open = arriving.iter().any(|it| self.values.tainted(*it));
        let kind = match !open && PUBLIC.iter().any(|it| text.contains(it)) {
            true => FactKind::AsksMachine,
            false => FactKind::TakesMachines,
        };
        let told = format!("{met}: {}", self.call_text(asked.at));
        let _new = self.noted.entry((kind, asked.at)).or_insert(told);
    }

    /// Every fixed text of some values, each on a line of its own.
    pub(super) fn spelled(&self, all: &[Id]) -> String {
        let (mut spelled, mut left) = (String::new(), MOST);
        for id in all {
            self.spell(*id, &mut spelled, &mut left);
            spelled.push('\n');
        }
        spelled
    }

    /// Every fixed text of a value, in the order in which it is put together.
    fn spell(&self, id: Id, out: &mut String, left: &mut u32) {
        let Some(less) = left.checked_sub(1) else { return };
        *left = less;
        match self.values.get(id) {
            Node::Text(text) => out.push_str(text),
            Node::Parts(parts) => parts.iter().for_each(|it| self.spell(*it, out, left)),
            Node::Path(parts, _) => {
                for part in parts {
                    if !out.is_empty() && !out.ends_with(['/', '\n']) {
                        out.push('/');
                    }
                    self.spell(*part, out, left);
                }
            }
            Node::Call(_, _, args) => {
                for (_, it) in args {
                    self.spell(*it, out, left);
                    out.push('\n');
                }
            }
            node => {
                let parts = value::parts(node);
                for part in &parts {
                    self.spell(*part, out, left);
                    if parts.len() > 1 {
                        out.push('\n');
                    }
                }
            }
        }
    }
}
