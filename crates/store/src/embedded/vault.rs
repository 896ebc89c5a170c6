//! Credentials for remote servers, encrypted: tokens, and who we are at which authorization server.
//!
//! Each is sealed with AES-256-GCM under `credentials.key`, bound to whose it is, for which server
//! and from which authorization server, so that a row that was moved opens nothing. The key lies
//! beside the database and is its owner's alone: it keeps out who got a copy of the database, a
//! backup or a bug report, and not who has this account (MCP-AUTH-15).

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use portcullis_journal::Timestamp;
use rusqlite::{Row as Columns, named_params};
use serde::Serialize;
use zeroize::Zeroizing;

use super::keyfile;
use crate::{Database, StoreError};

/// The table of them.
pub(crate) const TABLE: &str = "
    CREATE TABLE credential (
        principal TEXT NOT NULL,
        server    TEXT NOT NULL,
        issuer    TEXT NOT NULL,
        kind      TEXT NOT NULL CHECK (kind IN ('token', 'client')),
        scopes    TEXT NOT NULL,
        expires   INTEGER,
        changed   INTEGER NOT NULL,
        sealed    BLOB NOT NULL,
        PRIMARY KEY (principal, server, issuer, kind)
    ) STRICT;
";

const NAME: &str = "credentials.key";
const MARK: &keyfile::Mark = b"portcullis vault";

/// Credentials of one state directory.
#[derive(Debug)]
pub struct Vault {
    db: Database,
    key: RandomizedNonceKey,
}

/// Whose a credential is, for what, and from whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Owner {
    /// Who it acts for.
    pub principal: String,
    /// The server's address, as the operator wrote it.
    pub server: String,
    /// The authorization server that gave it.
    pub issuer: String,
    /// `token`, or `client` for who we are there.
    pub kind: Kind,
}

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What goes to a server.
    Token,
    /// Who we are at an authorization server.
    Client,
}

/// What may be told of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CredentialRow {
    /// Whose it is.
    #[serde(flatten)]
    pub owner: Owner,
    /// What it covers.
    pub scopes: String,
    /// When it ends, in seconds of Unix time, if that is known.
    pub expires: Option<u64>,
    /// When it was last replaced.
    pub changed: Timestamp,
}

impl Kind {
    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Client => "client",
        }
    }
}

impl Owner {
    /// What a row is bound to: each text with its length.
    fn bound(&self) -> String {
        let texts = [&self.principal, &self.server, &self.issuer];
        let texts = texts.map(String::as_str).into_iter().chain([self.kind.as_str()]);
        texts.fold("portcullis credential 1\n".to_owned(), |all, text| {
            format!("{all}{}:{text}", text.len())
        })
    }
}

impl Vault {
    /// Opens or creates the credentials of a state directory.
    ///
    /// # Errors
    /// When the directory or a file is not safe, or is damaged.
    pub fn open(state: &Path) -> Result<Self, StoreError> {
        Self::within(&Database::open(state)?, state)
    }

    /// Those of a database that is open, in its state directory.
    ///
    /// # Errors
    /// When the key is not safe, or is damaged.
    pub fn within(database: &Database, state: &Path) -> Result<Self, StoreError> {
        let key = keyfile::open(state, NAME, MARK)?;
        let why = || "it is no key".to_owned();
        let key = RandomizedNonceKey::new(&AES_256_GCM, &*key)
            .map_err(|_| StoreError::Damaged { path: state.join(NAME), why: why() })?;
        Ok(Self { db: database.clone(), key })
    }

    /// Keeps a credential, in place of the one that was there.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn put(&mut self, row: &CredentialRow, secret: &str) -> Result<(), StoreError> {
        let owner = &row.owner;
        let mut sealed = Zeroizing::new(secret.as_bytes().to_vec());
        let nonce = self.key.seal_in_place_append_tag(Aad::from(owner.bound()), &mut *sealed);
        let nonce = nonce.map_err(|_| self.damaged("a credential cannot be sealed"))?;
        let whole: Vec<u8> = nonce.as_ref().iter().chain(sealed.iter()).copied().collect();
        let sql = "INSERT INTO credential VALUES
             (:principal, :server, :issuer, :kind, :scopes, :expires, :changed, :sealed)
             ON CONFLICT DO UPDATE SET scopes = excluded.scopes, expires = excluded.expires,
                 changed = excluded.changed, sealed = excluded.sealed";
        let values = named_params! {
            ":principal": owner.principal, ":server": owner.server, ":issuer": owner.issuer,
            ":kind": owner.kind.as_str(), ":scopes": row.scopes,
            ":expires": row.expires.and_then(|it| i64::try_from(it).ok()),
            ":changed": i64::try_from(row.changed.0).unwrap_or(i64::MAX),
            ":sealed": whole,
        };
        self.db.with("store a credential", |db| db.execute(sql, values).map(drop))
    }

    /// Everything that one principal has for one server, the newest first.
    ///
    /// # Errors
    /// When it cannot be read, or a row is not the one that was stored there.
    pub fn of(
        &self,
        principal: &str,
        server: &str,
    ) -> Result<Vec<(Owner, Zeroizing<String>)>, StoreError> {
        let sql = "SELECT issuer, kind, sealed FROM credential
             WHERE principal = ?1 AND server = ?2 ORDER BY changed DESC";
        let rows: Vec<(String, String, Vec<u8>)> = self.db.with("read credentials", |db| {
            let mut statement = db.prepare(sql)?;
            let read = |row: &Columns<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            statement.query_map((principal, server), read)?.collect()
        })?;
        let opened = rows.into_iter().map(|(issuer, kind, sealed)| {
            let (principal, server) = (principal.to_owned(), server.to_owned());
            let owner = Owner { principal, server, issuer, kind: self.kind(&kind)? };
            let text = self.opened(&owner, &sealed)?;
            Ok((owner, text))
        });
        opened.collect()
    }

    /// What there is, without what is in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list(&self) -> Result<Vec<CredentialRow>, StoreError> {
        let sql = "SELECT principal, server, issuer, kind, scopes, expires, changed FROM credential
             ORDER BY server, principal, issuer, kind";
        let read = |row: &Columns<'_>| {
            let owner: (String, String, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok((owner, row.get(4)?, row.get::<_, Option<i64>>(5)?, row.get::<_, i64>(6)?))
        };
        let rows: Vec<_> = self
            .db
            .with("read credentials", |db| db.prepare(sql)?.query_map([], read)?.collect())?;
        let told = rows.into_iter().map(
            |((principal, server, issuer, kind), scopes, expires, changed)| {
                let owner = Owner { principal, server, issuer, kind: self.kind(&kind)? };
                let expires = expires.and_then(|it| u64::try_from(it).ok());
                let changed = Timestamp(u64::try_from(changed).unwrap_or_default());
                Ok(CredentialRow { owner, scopes, expires, changed })
            },
        );
        told.collect()
    }

    /// Forgets what there is for a server, or everything; says how many rows went.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn forget(&mut self, server: Option<&str>) -> Result<usize, StoreError> {
        let sql = "DELETE FROM credential WHERE ?1 IS NULL OR server = ?1";
        self.db.with("forget credentials", |db| db.execute(sql, [server]))
    }

    fn opened(&self, owner: &Owner, sealed: &[u8]) -> Result<Zeroizing<String>, StoreError> {
        let lost = || self.damaged("a credential is not the one that was stored there");
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(lost)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| lost())?;
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let opened = self.key.open_in_place(nonce, Aad::from(owner.bound()), &mut bytes);
        let opened = opened.map_err(|_| lost())?;
        let text = std::str::from_utf8(opened).map_err(|_| lost())?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn kind(&self, text: &str) -> Result<Kind, StoreError> {
        let known = [Kind::Token, Kind::Client].into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| self.damaged("a credential is of no kind"))
    }

    fn damaged(&self, why: &str) -> StoreError {
        StoreError::Damaged { path: self.db.path().to_owned(), why: why.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    const SERVER: &str = "https://mcp.example.com/mcp";

    fn row(principal: &str, issuer: &str, kind: Kind, at: u64) -> CredentialRow {
        let (principal, server, issuer) =
            (principal.to_owned(), SERVER.to_owned(), issuer.to_owned());
        let owner = Owner { principal, server, issuer, kind };
        CredentialRow { owner, scopes: "a b".to_owned(), expires: Some(9), changed: Timestamp(at) }
    }

    #[test]
    fn what_is_kept_is_found_by_its_owner_alone_and_stands_nowhere_in_clear() {
        let state = tempfile::tempdir().unwrap();
        let mut vault = Vault::open(state.path()).unwrap();
        let (a, b) = ("https://a.example.com", "https://b.example.com");
        vault.put(&row("user:1", a, Kind::Token, 1), "canary-one").unwrap();
        vault.put(&row("user:1", b, Kind::Token, 2), "canary-two").unwrap();
        vault.put(&row("user:1", a, Kind::Client, 3), "canary-three").unwrap();
        vault.put(&row("user:2", a, Kind::Token, 4), "canary-four").unwrap();
        vault.put(&row("user:1", a, Kind::Token, 5), "canary-five").unwrap();
        let again = Vault::open(state.path()).unwrap();
        let found = again.of("user:1", SERVER).unwrap();
        let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["canary-five", "canary-three", "canary-two"]);
        assert!(again.of("user:1", "https://mcp.example.com/other").unwrap().is_empty());
        assert_eq!(again.list().unwrap().len(), 4);
        assert!(!format!("{again:?}{:?}", again.list()).contains("canary"));
        for entry in std::fs::read_dir(state.path()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap_or_default();
            assert!(!bytes.windows(6).any(|it| it == b"canary"), "{}", path.display());
        }
        let mode = std::fs::metadata(state.path().join(NAME)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(vault.forget(Some("https://elsewhere.example.com")).unwrap(), 0);
        assert_eq!(vault.forget(Some(SERVER)).unwrap(), 4);
        assert!(vault.list().unwrap().is_empty());
    }

    #[test]
    fn a_row_that_was_moved_or_changed_or_is_of_another_key_opens_nothing() {
        let a = "https://a.example.com";
        for change in [
            "UPDATE credential SET issuer = 'https://b.example.com'",
            "UPDATE credential SET kind = 'client'",
            "UPDATE credential SET sealed = CAST(substr(sealed, 1, length(sealed) - 8) || x'0000000000000000' AS BLOB)",
            "UPDATE credential SET sealed = x'00'",
        ] {
            let state = tempfile::tempdir().unwrap();
            let mut vault = Vault::open(state.path()).unwrap();
            vault.put(&row("user:1", a, Kind::Token, 1), "secret").unwrap();
            vault.db.with("test", |db| db.execute(change, [])).unwrap();
            let found = vault.of("user:1", SERVER);
            assert!(matches!(found, Err(StoreError::Damaged { .. })), "{change}: {found:?}");
        }
        let state = tempfile::tempdir().unwrap();
        let mut vault = Vault::open(state.path()).unwrap();
        vault.put(&row("user:1", a, Kind::Token, 1), "secret").unwrap();
        vault
            .db
            .with("test", |db| db.execute("UPDATE credential SET principal = 'user:2'", []))
            .unwrap();
        assert!(vault.of("user:2", SERVER).is_err(), "somebody else's");
        std::fs::remove_file(state.path().join(NAME)).unwrap();
        vault
            .db
            .with("test", |db| db.execute("UPDATE credential SET principal = 'user:1'", []))
            .unwrap();
        assert!(Vault::open(state.path()).unwrap().of("user:1", SERVER).is_err(), "another key");
    }
}
