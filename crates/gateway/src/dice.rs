//! Randomness for what must not be guessed: the one place that asks for it.

use crate::fault::Fault;

/// A key that lives as long as a session.
pub(crate) fn key() -> Result<[u8; 32], Fault> {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|error| Fault::ours("there is no randomness", error))?;
    Ok(key)
}

/// Two numbers, for names.
pub(crate) fn two() -> Result<[u64; 2], Fault> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Fault::ours("there is no randomness", error))?;
    let whole = u128::from_le_bytes(bytes);
    let low = u64::try_from(whole & u128::from(u64::MAX)).unwrap_or_default();
    let high = u64::try_from(whole >> 64).unwrap_or_default();
    Ok([low, high])
}
