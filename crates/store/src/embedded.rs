//! Files of one user on one machine; several processes of that user share them.
//!
//! The journal: [`journal`] opens it, `writer` appends under `lock`, `segment`
//! knows the files, `key` the keys, [`read`] and [`verify`] look at it.
//! Approvals, grants and pins: [`approvals`], `answer` (what a person said, under a
//! `seal`), `standing` (a yes that lasts, under it too), [`grants`] (of directories) and [`pins`] are rows of a `database` that a process opens once ([`shared`]). `dir`
//! opens every file. [`window`] says which console is open. [`vault`] keeps credentials,
//! encrypted, and [`turn`] says who may redeem one.

mod answer;
pub mod approvals;
mod database;
mod dir;
pub mod grants;
pub mod journal;
mod key;
mod keyfile;
mod lock;
pub mod pins;
pub mod read;
mod seal;
mod segment;
pub mod shared;
mod standing;
pub mod turn;
pub mod vault;
pub mod verify;
pub mod window;
mod writer;

#[cfg(test)]
mod tests {
    use crate::{Approvals, Journal, Pins, contract, read};

    #[test]
    fn approvals_keep_the_contract() {
        let all = tempfile::tempdir().unwrap();
        let mut count = 0;
        contract::approvals(|| {
            count += 1;
            let state = all.path().join(count.to_string());
            (Approvals::open(&state).unwrap(), Approvals::open(&state).unwrap())
        });
    }

    #[test]
    fn grants_keep_the_contract() {
        let all = tempfile::tempdir().unwrap();
        let mut count = 0;
        contract::standing::grants(|| {
            count += 1;
            let state = all.path().join(count.to_string());
            (Approvals::open(&state).unwrap(), Approvals::open(&state).unwrap())
        });
    }

    #[test]
    fn pins_keep_the_contract() {
        let all = tempfile::tempdir().unwrap();
        let mut count = 0;
        contract::pins::pins(|| {
            count += 1;
            let state = all.path().join(count.to_string());
            (Pins::open(&state).unwrap(), Pins::open(&state).unwrap())
        });
    }

    #[test]
    fn the_journal_keeps_the_contract() {
        let state = tempfile::tempdir().unwrap();
        let dir = state.path().join("journal");
        let both = (Journal::open(&dir).unwrap(), Journal::open(&dir).unwrap());
        let lines = || read(&dir, 1).unwrap().map(|entry| entry.unwrap().line).collect();
        contract::journal(both, lines).unwrap();
    }
}
